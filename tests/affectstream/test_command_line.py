"""First touch: help, versions, misspelt words, wrong values, odd terminals, Ctrl-C, closed pipes."""

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

import affectstream as package
from affectstream.app import app
from affectstream.commands import draw
from affectstream.commands.analyze import AnalyzeCommand
from affectstream.settings import parse_time
from tests.commands import affectstream
from training import drawn

ROOT = get_command(app)


def commands(group=ROOT, path=()):
    """Every command with its path, groups included."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


ALL = {" ".join(path): command for path, command in commands()}


def process(*arguments, **settings):
    line = [sys.executable, "-m", "affectstream", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, **settings)


@pytest.mark.parametrize("path", ALL)
def test_every_command_explains_itself_in_four_ways_and_tells_its_version(path):
    words = path.split()
    said = [affectstream(*words, option) for option in ("-h", "--help")]
    said.append(affectstream("help", *words))
    said += [affectstream(*words[:-1], "help", words[-1])] if words else [affectstream("help")]
    assert {(done.returncode, done.stderr) for done in said} == {(0, "")}
    (text,) = {done.stdout for done in said}
    assert text.startswith(f"Usage: affectstream {path}".rstrip())
    assert not re.search(r"<\w+>|Traceback|\\\[", text)
    for option in ("-V", "--version"):
        done = affectstream(*words, option)
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(r"affectstream \d+\.\d+\.\d+(\.dev\d+)?\n", done.stdout)


@pytest.mark.parametrize("path", [path for path, command in ALL.items() if hasattr(command, "commands")])
def test_no_command_is_a_usage_error_that_shows_the_help(path):
    done, asked = affectstream(*path.split()), affectstream(*path.split(), "--help")
    assert (done.returncode, done.stdout, done.stderr) == (2, asked.stdout, "")


def test_the_help_lists_every_command_with_a_whole_sentence():
    text = affectstream("--help").stdout
    for path, command in ALL.items():
        if path and " " not in path:
            assert path in text
            assert command.help.splitlines()[0].split(".")[0][:60] in text
    assert "..." not in text.replace("COMMAND ...", "")


def test_a_flag_with_two_sides_is_shown_with_both():
    assert "--landmarks / --no-landmarks" in affectstream("analyze", "-h").stdout


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_help_fits_the_terminal(columns):
    for words in ([], ["analyze"], ["evaluate"]):
        lines = affectstream(*words, "--help", columns=columns).stdout.splitlines()
        # A long name is never cut: it can be copied.
        assert all(len(line) <= max(columns, 30) for line in lines if " / --" not in line)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("analyse", "Did you mean 'analyze'?"),
        ("reprot results", "Did you mean 'report'"),
        ("engine biuld face-s", "Did you mean 'build'"),
        ("help analyse", "Did you mean 'analyze'?"),
        ("analyze --fsp 3 x -o y", "Did you mean --fps"),
        ("analyze --landmark x -o y", "--landmarks"),
        ("--verison", "--version"),
        ("nonsense", "No such command 'nonsense'"),
        ("analyze --frames-per-second 3", "No such option: --frames-per-second"),
        ("analyze -x", "No such option: -x"),
        ("analyze", "Missing option '--out'"),
        ("report", "Missing argument 'RESULTS'"),
        ("doctor now", "unexpected extra argument"),
        ("analyze x --out", "--out"),
        ("analyze --fresh=1 x -o y", "does not take a value"),
    ],
)
def test_a_misspelt_line_says_what_is_wrong_and_where_help_is(line, told):
    done = affectstream(*line.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert re.search(r"\nTry 'affectstream.* --help'\.\n$", done.stderr)


def _typed():
    for path, command in ALL.items():
        for param in command.params:
            annotation = param.type_descriptor.annotation
            if param.param_type_name == "option" and annotation in (int, float):
                yield path, param.opts[0], annotation


@pytest.mark.parametrize(("path", "option", "kind"), list(_typed()), ids=lambda value: str(value))
@pytest.mark.parametrize("value", ["many", "", "1e999", "nan", "-1e400", "٣x", "0x10"])
def test_a_number_that_is_none_is_refused_by_the_name_of_its_flag(tmp_path, path, option, kind, value):
    done = affectstream(*path.split(), option, value, *_needed(ALL[path], {option}), cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert option in done.stderr
    assert len(done.stderr) < 500
    assert list(tmp_path.iterdir()) == []


def _needed(command, given):
    """What a command asks for, as it could be."""
    for param in command.params:
        if param.required and not given & set(param.opts):
            yield from ["nothing"] if param.param_type_name == "argument" else [param.opts[0], "nowhere"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--fps 0", "--fps=0: should be greater than or equal to 0.001"),
        ("--fps fast", "--fps='fast': should be a valid number, or should be 'native'"),
        ("--start -1", "--start=-1: "),
        ("--end 0", "--end=0: "),
        ("--start 5 --end 3", "--end=3: must be greater than --start=5"),
        ("--end 3 --config late.yaml", "--end=3: must be greater than late.yaml: sampling.start_s=9"),
        ("--batch-size 0", "--batch-size=0: "),
        ("--config wrong.yaml", "wrong.yaml: sampling.fps=0: "),
        ("--config wrong.yaml --fps 3 --batch-size 9999", "--batch-size=9999: "),
        ("--format xml", "'--format': 'xml' is not one of 'parquet', 'csv', 'jsonl'"),
        ("--runtime tpu", "'--runtime': 'tpu' is not one of 'auto'"),
        ("--context school", "'--context': 'school' is not one of"),
        ("--network face-s", "'face-s' is a face detector; expected an affect network (--network"),
        ("--workers 0 --ray", "--workers"),
    ],
)
def test_an_error_names_the_flag_that_was_typed_or_the_file_and_its_key(tmp_path, line, told):
    (tmp_path / "wrong.yaml").write_text("version: 1\nsampling: {fps: 0}\n")
    (tmp_path / "late.yaml").write_text("version: 1\nsampling: {start_s: 9}\n")
    done = affectstream("analyze", "x.mp4", "-o", "y", *line.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    key = r"(sampling|batching|networks|output|worker|deployment)\."
    assert "yaml" in line or not re.search(key, done.stderr.replace("networks.affect", ""))


def test_a_flag_turns_off_what_a_file_turns_on(tmp_path, square_video):
    (tmp_path / "c.yaml").write_text("version: 1\noutput: {landmarks: true}\nsampling: {fps: 1}\n")
    out = tmp_path / "out"
    done = affectstream("analyze", square_video, "-o", out, "-c", tmp_path / "c.yaml", "--no-landmarks")
    assert done.returncode == 0, done.stderr
    assert '"landmarks": false' in (out / "run.json").read_text()


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["clips", "--ray"], ["clips", "--ray=local"]),
        (["--ray", "clips/"], ["--ray=local", "clips/"]),
        (["--ray", "--fresh", "clips"], ["--ray=local", "--fresh", "clips"]),
        (["clips", "--ray", "auto"], ["clips", "--ray", "auto"]),
        (["clips", "--ray", "10.0.0.7:6379"], ["clips", "--ray", "10.0.0.7:6379"]),
        (["clips", "--ray", "ray://h:1"], ["clips", "--ray", "ray://h:1"]),
        (["clips", "--ray=auto"], ["clips", "--ray=auto"]),
        (["--ray", "--", "auto"], ["--ray=local", "--", "auto"]),
        (["--", "--ray"], ["--", "--ray"]),
        (["--ray", "s3://bucket/a:b"], ["--ray=local", "s3://bucket/a:b"]),
    ],
)
def test_ray_alone_means_this_machine(given, meant, monkeypatch):
    seen = []
    monkeypatch.setattr("typer.core.TyperCommand.parse_args", lambda self, ctx, args: seen.extend(args))
    command = ALL["analyze"]
    assert isinstance(command, AnalyzeCommand)
    command.parse_args(type("Context", (), {})(), given)
    assert seen == meant


@pytest.mark.parametrize(
    ("shell", "line", "told"),
    [
        ("bash", "affectstream an", ["analyze"]),
        ("bash", "affectstream analyze --form", ["--format"]),
        ("bash", "affectstream analyze --format ", ["parquet", "csv", "jsonl"]),
        ("bash", "affectstream engine ", ["list", "build", "verify", "bench"]),
        ("zsh", "affectstream an", ['"analyze":"']),
        ("fish", "affectstream an", ["analyze\t"]),
    ],
)
def test_shells_complete_commands_options_and_values(shell, line, told):
    words = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_AFFECTSTREAM_COMPLETE": f"complete_{shell}",
    }
    done = process(env={**os.environ, **words})
    assert done.returncode == 0, done.stderr
    assert all(part in done.stdout for part in told)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_shown_without_knowing_the_shell(shell):
    done = process(env={**os.environ, "_AFFECTSTREAM_COMPLETE": f"source_{shell}"})
    assert done.returncode == 0
    assert "affectstream" in done.stdout
    assert f"complete_{shell}" in done.stdout


def test_ctrl_c_while_python_imports_is_no_traceback():
    line = [sys.executable, "-X", "importtime", "-m", "affectstream", "doctor"]
    for after in ("affectstream.terminal", "numpy", "pyarrow.lib", "typer"):
        with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
            while after not in (seen := running.stderr.readline()):
                assert seen, f"{after} was never imported"
            running.send_signal(signal.SIGINT)
            rest = running.communicate(timeout=30)[1]
        assert running.returncode == 130
        assert "Traceback" not in rest
        assert "interrupted\n" in rest


@pytest.mark.parametrize("arguments", [["--help"], ["help", "analyze"], ["doctor"], ["engine", "list"]])
def test_a_reader_that_goes_away_is_no_error(arguments):
    line = [sys.executable, "-m", "affectstream", *arguments]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait(60) == 141


def test_an_output_that_cannot_be_written_is_one_line():
    with Path("/dev/full").open("w") as full:
        line = [sys.executable, "-m", "affectstream"]
        for arguments in (["--version"], ["help"], ["engine", "list"]):
            done = subprocess.run([*line, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
            assert done.returncode == 5
            assert re.fullmatch(r".*No space left on device\n", done.stderr), done.stderr


@pytest.mark.parametrize("settings", [{"TERM": "dumb"}, {"NO_COLOR": "1"}, {"TERM": "xterm-256color"}])
def test_a_terminal_gets_colours_only_if_it_wants_them(settings):
    environment = {key: value for key, value in os.environ.items() if key not in ("TERM", "NO_COLOR", "COLUMNS")}
    leader, follower = pty.openpty()
    line = [sys.executable, "-m", "affectstream", "report", "nowhere"]
    running = subprocess.Popen(line, stdin=follower, stdout=follower, stderr=follower, env={**environment, **settings})
    os.close(follower)
    said = b""
    while True:
        try:
            said += os.read(leader, 4096)
        except OSError:
            break
    assert running.wait(60) == 2
    os.close(leader)
    assert b"nowhere: no results there" in said
    assert bool(re.search(rb"\x1b\[[0-9;]+m", said)) == ("NO_COLOR" not in settings and settings.get("TERM") != "dumb")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_closed_stream_changes_no_exit_code(tmp_path, closed):
    for arguments, code in (("--version", 0), (f"status {tmp_path}", 2)):
        line = f"{sys.executable} -m affectstream {arguments} {closed}"
        done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60)
        assert done.returncode == code
        assert "Traceback" not in done.stderr


def test_names_of_the_package_are_found_and_others_are_not():
    assert re.match(r"\d+\.\d+", package.__version__)
    assert package.analyze.__name__ == "analyze"
    assert callable(package.read_results)
    with pytest.raises(AttributeError, match="nonsense"):
        package.nonsense  # noqa: B018


def test_the_summary_fits_a_narrow_terminal(tmp_path, square_video):
    line = ("analyze", square_video, tmp_path / "nowhere.mp4", "-o", tmp_path / "out", "--fps", "1")
    assert affectstream(*line, columns=80).stdout.splitlines()[0].split()[:3] == ["source", "length", "frames"]
    said = affectstream(*line, columns=40).stdout
    assert "squares.mp4\n  length 0:02, frames 2" in said
    assert "nowhere.mp4\n  failed" in said
    assert "…" not in said


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90.5", 90.5), ("1:30", 90), ("0:01:30.5", 90.5), ("1:00:00", 3600), ("1e3", 1000)],
)
def test_a_time_is_seconds_or_written_as_it_is_printed(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "1:60", "1:-5", "-1:30", "1:2:3:4", "1:30x", "soon", "1.5:30", "1:1e1", "1:nan", "9" * 400 + ":00"]
)
def test_what_is_no_time_is_refused_with_an_example(text):
    done = affectstream("analyze", "clip.mp4", "--start", text)
    assert done.returncode == 2
    assert "--start" in done.stderr
    assert "must be seconds or a time such as 1:30 or 0:01:30.5" in " ".join(done.stderr.split())


def test_the_styles_in_the_help_are_those_that_are_drawn():
    assert set(draw.STYLES) == {*drawn.STYLES, drawn.HELD_OUT_STYLE}
