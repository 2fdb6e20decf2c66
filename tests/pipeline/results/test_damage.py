"""Commits and parts that are not what was written: one line that names the file, whoever reads; then done again."""

import json
import re
import shutil

import pytest

from pipeline.config import load_config
from pipeline.errors import ResultsError
from pipeline.overlay import write_overlay
from pipeline.report import write_report
from pipeline.results.commits import commit_path, read_commits
from pipeline.results.compact import compact
from pipeline.results.read import read_results
from pipeline.runs.progress_file import read_status
from pipeline.runs.run import run
from pipeline.runs.standing import Standing
from pipeline.sources.find import find_sources
from pipeline.storage.store import open_store
from tests.media import squares, write_video
from tests.pipeline.report.made_up import write_video as write_made_up
from tests.pipeline.results.merging import make, rows, same, video


def changed(**keys):
    """A commit with other values under these keys; None: without the key."""

    def change(content):
        commit = json.loads(content) | keys
        return json.dumps({name: value for name, value in commit.items() if value is not None}).encode()

    return change


def with_part(**keys):
    def change(content):
        commit = json.loads(content)
        commit["parts"][0] |= keys
        return json.dumps(commit).encode()

    return change


WRONG_COMMITS = {
    "empty": lambda content: b"",
    "zeros": lambda content: b"\0" * 300,
    "binary": lambda content: b"\xff\xfe\x00" + bytes(range(256)),
    "cut": lambda content: content[:200],
    "deep": lambda content: b"[" * 100_000,
    "list": lambda content: b"[]",
    "null": lambda content: b"null",
    "number": lambda content: b"17",
    "text": lambda content: b'"a commit"',
    "no keys": lambda content: b"{}",
    "no parts": changed(parts=None),
    "no report": changed(report=None),
    "another stream's": changed(stream_id="clips/000.mp4~00000000"),
    "parts a map": changed(parts={}),
    "parts of numbers": changed(parts=[1, 2]),
    "labels a list": changed(labels=["a"]),
    "a label a list": changed(labels={"a": []}),
    "no name": changed(stream_id=""),
    "source a text": changed(source="a.mp4"),
    "source without uri": changed(source={"bytes": 3}),
    "report a list": changed(report=[]),
    "counts as words": changed(report={"stream_id": "a", "source": "a", "frames": "many"}),
    "info a list": changed(report={"stream_id": "a", "source": "a", "info": []}),
    "period as words": changed(report={"stream_id": "a", "source": "a", "info": {"period_ns": "long"}}),
    "rows as words": with_part(rows="12"),
    "row groups as words": with_part(row_groups=["a"]),
    "no such table": with_part(table="faces"),
    "no stream": changed(stream_id=""),
    "a part is gone": lambda content: json.dumps(
        (commit := json.loads(content)) | {"parts": commit["parts"][1:]}
    ).encode(),
    "outside": with_part(path="points/../../../etc/passwd"),
    "absolute": with_part(path="/etc/passwd"),
}


def truncated(content):
    return content[:-100]


def flipped(content):
    """As long as before."""
    return content[: len(content) // 2] + bytes(reversed(content[len(content) // 2 :]))


WRONG_PARTS = {
    "missing": None,
    "empty": lambda content: b"",
    "truncated": truncated,
    "longer": lambda content: content + b"x",
    "flipped": flipped,
    "another table's": None,
}


def every_reader(out, folder):
    """What reads a results folder, each as a call. The overlay is of the damaged stream."""
    yield lambda: read_results(out)
    yield lambda: write_report(out, folder / "report")
    yield lambda: compact(out)
    yield lambda: write_overlay(folder / "001.mp4", out, folder / "overlay.mp4", force=True)


def spoil(out, path, how):
    """Change a file of a results folder, whatever keeps it."""
    store = open_store(out)
    content = store.read(path)
    store.delete(path)
    if how is not None:
        store.write(path, lambda half: half.write_bytes(how(content)))


def spoil_part(out, table, how):
    """Change the file of a table of the second video; its path."""
    (commit,) = [each for each in read_commits(open_store(out)) if "001" in each.stream_id]
    (part,) = commit.of(table)
    spoil(out, part.path, how)
    return part.path


def assert_one_line(read, pattern):
    """What is wrong is said by an error; or, by `compact`, which goes on with the others, in its result."""
    try:
        done = read()
    except ResultsError as exc:
        line = str(exc)
    else:
        (line,) = done.damaged
    assert re.match(pattern, line), line
    assert "\n" not in line
    assert len(line) < 1000


@pytest.mark.parametrize("wrong", WRONG_COMMITS)
def test_a_commit_of_the_wrong_shape_is_one_line_that_names_it(tmp_path, wrong):
    make(tmp_path / "out", [video(0), video(1)])
    path = commit_path(video(1).stream_id)
    spoil(tmp_path / "out", path, WRONG_COMMITS[wrong])
    for read in every_reader(tmp_path / "out", tmp_path):
        with pytest.raises(ResultsError, match="damaged commit") as raised:
            read()
        assert str(raised.value).startswith(f"{tmp_path}/out/{path}: damaged commit (")
        assert str(raised.value).endswith("run `affectstream analyze` on its source again")
        assert "\n" not in str(raised.value)
        assert len(str(raised.value)) < 1000


def test_damage_in_a_bucket_is_one_line_that_names_it(bucket, tmp_path):
    out = make(f"{bucket.url}/out", [video(0), video(1)])
    spoil_part(out, "points", truncated)
    for read in every_reader(out, tmp_path):
        assert_one_line(read, rf"{out}/points/.*001.*\.parquet: committed, but .*has [\d,]+ bytes, [\d,]+ were")
    spoil(out, commit_path(video(1).stream_id), WRONG_COMMITS["list"])
    for read in every_reader(out, tmp_path):
        assert_one_line(read, rf"{out}/_commits/.*001.*: damaged commit \(")


@pytest.mark.parametrize("wrong", WRONG_PARTS)
def test_a_part_that_is_not_what_was_written_is_one_line_that_names_it(tmp_path, wrong):
    out = make(tmp_path / "out", [video(0), video(1)])
    frames = next((out / "frames").glob("*001*/*")).read_bytes()
    how = (lambda old: frames.ljust(len(old), b"\0")[-len(old) :]) if wrong == "another table's" else WRONG_PARTS[wrong]
    path = spoil_part(out, "points", how)
    for read in every_reader(out, tmp_path):
        assert_one_line(read, rf"{re.escape(f'{out}/{path}')}: committed, but ")


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_file_without_its_last_rows_is_noticed_though_the_commit_does_not_say_how_long_it_was(tmp_path, format):
    """As commits of version 0.1.0 do not."""
    made = video(0)
    make(tmp_path, [])
    write_made_up(tmp_path, made, format=format)
    path = tmp_path / commit_path(made.stream_id)
    commit = json.loads(path.read_text())
    for part in commit["parts"]:
        del part["bytes"]
    path.write_text(json.dumps(commit))
    assert len(read_results(tmp_path))
    (file,) = (tmp_path / "points").rglob(f"*.{format}")
    content = file.read_bytes()
    file.write_bytes(truncated(content) if format == "parquet" else content[: content.rindex(b"\n", 0, -1) + 1])
    with pytest.raises(ResultsError, match=r"committed, but cannot be read: .*; remove that file, then run"):
        read_results(tmp_path)


class Notes(Standing):
    def __init__(self):
        super().__init__()
        self.lines = []

    def noted(self, line):
        self.lines.append(line)


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    """(clips, results of them): two small videos, and how one call analyses them."""
    folder = tmp_path_factory.mktemp("analysed")
    for name in "ab":
        write_video(folder / "clips" / f"{name}.mp4", squares(20))
    analyse(folder / "clips", folder / "out")
    return folder / "clips", folder / "out"


def analyse(what, out):
    notes = Notes()
    config = load_config(None, {"networks.threads": 1})
    result = run(find_sources([what], out=out), out, config, in_process=True, standing=notes)
    assert not result.failed
    return result.resumed, notes.lines


@pytest.fixture
def copied(analysed, tmp_path):
    """(clips, a copy of their results)."""
    return analysed[0], shutil.copytree(analysed[1], tmp_path / "out")


@pytest.mark.parametrize("wrong", ["empty", "list", "binary", "no parts", "rows as words", "another stream's"])
def test_a_video_whose_commit_is_damaged_is_analysed_again(copied, wrong):
    clips, out = copied
    before = rows(out)
    (path,) = (out / "_commits").glob("b.mp4*")
    path.write_bytes(WRONG_COMMITS[wrong](path.read_bytes()))
    resumed, (line,) = analyse(clips, out)
    assert resumed == 1
    assert line.startswith(f"{path}: damaged commit (")
    assert line.endswith("); analysing its source again")
    same(rows(out), before)
    assert analyse(clips, out) == (2, [])


@pytest.mark.parametrize("wrong", ["missing", "empty", "truncated", "longer"])
def test_a_video_of_which_a_file_is_not_as_long_as_it_was_is_analysed_again(copied, wrong):
    clips, out = copied
    before = rows(out)
    ((path,),) = [(out / "frames").glob("b.mp4*/*")]
    spoil(out, path.relative_to(out).as_posix(), WRONG_PARTS[wrong])
    resumed, (line,) = analyse(clips, out)
    assert resumed == 1
    assert line.startswith(f"{path}: committed, but ")
    same(rows(out), before)


def test_damage_to_a_video_that_is_not_asked_for_is_told_and_left_alone(copied):
    clips, out = copied
    compact(out)
    (path,) = (out / "_commits").glob("b.mp4*")
    path.write_bytes(b"[]")
    files = {each.relative_to(out): each.read_bytes() for each in (out / "frames").rglob("*.parquet")}
    resumed, (line,) = analyse(clips / "a.mp4", out)
    assert resumed == 1
    assert line.startswith(f"{path}: damaged commit (")
    assert line.endswith("; run `affectstream analyze` on its source again")
    assert path.read_bytes() == b"[]"
    assert {each.relative_to(out): each.read_bytes() for each in (out / "frames").rglob("*.parquet")} == files
    resumed, _ = analyse(clips, out)
    assert resumed == 1
    assert len(read_results(out, "frames")) == 16


@pytest.mark.parametrize(
    "wrong",
    [
        {"index": 5},
        {"index": [1]},
        {"failed": {}},
        {"failed": ["a.mp4"]},
        {"networks": []},
        {"networks": {"affect": "emofan-s"}},
        {"config": "fps 10"},
        {"state": 3},
        {"state": "asleep"},
        {"run_id": 7},
        {"started_utc": []},
    ],
    ids=str,
)
def test_a_record_of_a_run_with_values_of_the_wrong_types_is_one_line_that_names_it(tmp_path, wrong):
    out = make(tmp_path / "out", [video(1)])
    record = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(record | wrong))
    for read in (*every_reader(out, tmp_path), lambda: read_status(out)):
        assert_one_line(read, rf"{out}/run.json: cannot be read \({next(iter(wrong))}.*; move the folder away or start")


@pytest.mark.parametrize("wrong", [b"", b"[]", b'{"call": []}', b'{"call": {"failed": 3}}', b'{"updated_utc": 1}'])
def test_damage_to_what_a_run_says_of_its_progress_stops_nobody(tmp_path, wrong):
    make(tmp_path, [video(1)])
    (tmp_path / "progress.json").write_bytes(wrong)
    assert read_status(tmp_path).state == "finished"
