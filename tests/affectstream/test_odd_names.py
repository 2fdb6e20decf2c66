"""File names are any bytes: no UTF-8, control characters, line ends. Commands take them; no terminal obeys them."""

import io
import json
import os
import re
import shutil
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes

import pandas as pd
import pytest

from affectstream import analyze, read_results
from pipeline.text import printable
from tests.commands import affectstream
from tests.media import squares, write_video

NAMES = [
    b"bad\xff.mp4",
    b"two\nlines.mp4",
    b"red\x1b[31m\x1b]0;title\x07.mp4",
    b"back\x08\r\t.mp4",
    "c1\u009b31m.mp4".encode(),
    "turned\u202egpj.mp4".encode(),
    "family 👨‍👩‍👧 é e\u0301 \u202f.mp4".encode(),
    b"-o.mp4",
    b"--out=x.mp4",
    b"<script>alert(1)</script>.mp4".replace(b"/", b"\xe2\x88\x95"),
    b"[bold red]&amp; %20 #1?.mp4",
    b"a'b\"c`d$e\\n.mp4",
    b" space .mp4",
    b"=cmd.mp4",
    b"x" * 250 + b".mp4",
    "ü".encode() * 120 + b".mp4",
]
EMPTY = [b"empty\xfe.mp4", b"empty\nline\x1b[2J.mp4", b"empty" * 20 + b".mp4"]
COMMANDS_A_TERMINAL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """A folder of clips with such names, and of empty files."""
    folder = tmp_path_factory.mktemp("clips")
    clip = write_video(folder / "clip.mp4", squares(3), fps=5)
    for name in NAMES:
        (folder / os.fsdecode(name)).hardlink_to(clip)
    for name in EMPTY:
        (folder / os.fsdecode(name)).touch()
    clip.unlink()
    return folder


@pytest.fixture(scope="module")
def analysed(clips, tmp_path_factory):
    """Their results, and what the command printed."""
    out = tmp_path_factory.mktemp("results")
    return out, affectstream("analyze", clips, "-o", out, "--fps", "native")


def is_plain(text):
    return not COMMANDS_A_TERMINAL.search(text)


def test_all_are_analysed_and_what_fails_is_named(analysed, clips):
    out, done = analysed
    assert done.returncode == 3, done.stderr
    assert f"{len(NAMES)} of {len(NAMES) + len(EMPTY)} analysed" in done.stdout
    assert r"empty\xfe.mp4: is empty" in done.stderr
    assert r"empty\nline\x1b[2J.mp4: is empty" in done.stderr
    assert is_plain(done.stdout)
    assert is_plain(done.stderr)
    frames = read_results(out, "frames")
    assert frames["stream_id"].nunique() == len(NAMES)
    assert len(frames) == 3 * len(NAMES)


def test_the_record_and_the_commits_are_text_and_lead_to_the_files(analysed, clips):
    out, _ = analysed
    record = (out / "run.json").read_bytes().decode()
    uris = {entry["uri"] for entry in json.loads(record)["index"]}
    found = {unquote_to_bytes(uri).removeprefix(b"file://" + os.fsencode(clips) + b"/") for uri in uris}
    assert found == {*NAMES, *EMPTY}
    for path in [out / "run.json", out / "progress.json", *(out / "_commits").glob("*.json")]:
        json.dumps(json.loads(path.read_text()), ensure_ascii=False).encode()  # no lone surrogate


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_text_tables_hold_them(clips, tmp_path, format):
    done = affectstream("analyze", clips, "-o", tmp_path, "--fps", "1", "--format", format)
    assert done.returncode == 3, done.stderr
    assert read_results(tmp_path, "frames")["stream_id"].nunique() == len(NAMES)
    files = list((tmp_path / "frames").glob(f"*/*.{format}"))
    read = pd.read_csv if format == "csv" else (lambda path: pd.read_json(path, lines=True))
    assert len({read(path)["stream_id"][0] for path in files}) == len(NAMES)


def test_the_log_is_json_lines(clips, tmp_path):
    done = affectstream("analyze", clips, "-o", tmp_path, "--fps", "1", "--log-json")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    failed = [line["message"] for line in lines if line["event"] == "source.failed"]
    assert len(failed) == len(EMPTY)
    assert all(is_plain(json.dumps(line, ensure_ascii=False)) for line in lines if "message" in line)


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_status_names_them(analysed, option):
    out, _ = analysed
    done = affectstream("status", out, *option)
    assert done.returncode == 0, done.stderr
    assert is_plain(done.stdout)
    assert "empty" in done.stdout


class _Names(HTMLParser):
    """Links of a page and their text."""

    def __init__(self, text):
        super().__init__()
        self.links, self.tags = {}, []
        self._href = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self._href = dict(attrs).get("href") if tag == "a" else None

    def handle_data(self, data):
        if self._href and self._href.startswith("videos/"):
            self.links[self._href] = data


def test_a_report_names_them_and_links_to_their_pages(analysed, tmp_path):
    out, _ = analysed
    done = affectstream("report", out, "-o", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    page = _Names(text)
    assert len(page.links) == len(NAMES)
    assert all((tmp_path / "report" / unquote_to_bytes(href).decode()).is_file() for href in page.links)
    assert is_plain(text)
    assert r"empty\xfe.mp4: is empty" in text


def test_a_report_of_an_older_folder_with_lone_surrogates_is_written(analysed, tmp_path):
    copy = shutil.copytree(analysed[0], tmp_path / "copy")
    record = json.loads((copy / "run.json").read_text())
    for failed in record["failed"]:
        failed["error"] = failed["source"] = "/x/bad\udcff.mp4: is empty (0 bytes)"
    (copy / "run.json").write_text(json.dumps(record))
    for path in (copy / "_commits").glob("*.json"):
        commit = json.loads(path.read_text())
        commit["report"]["source"] = "/x/😀\udcff\\udcff.mp4"
        path.write_text(json.dumps(commit))
    done = affectstream("report", copy)
    assert done.returncode == 0, done.stderr
    assert affectstream("compact", copy).returncode == 0
    assert "/x/😀\ufffd\\udcff.mp4" in {
        json.loads(path.read_text())["report"]["source"] for path in (copy / "_commits").glob("*.json")
    }
    assert r"bad\xff.mp4: is empty" in (copy / "report" / "index.html").read_text(encoding="utf-8")


def test_overlays_are_drawn_from_and_to_such_names(analysed, clips, tmp_path):
    out, _ = analysed
    for name in (NAMES[0], NAMES[1], NAMES[2], NAMES[7]):
        video, drawn = (folder / os.fsdecode(name) for folder in (clips, tmp_path))
        done = affectstream("overlay", "-r", out, "-o", drawn, "--", video)
        assert done.returncode == 0, done.stderr
        assert drawn.stat().st_size
        assert is_plain(done.stdout)
        done = affectstream("overlay", "-r", out, "-o", f"{drawn}.xyz", video)
        assert done.returncode != 0
        assert "Traceback" not in done.stderr
        assert is_plain(done.stderr)


@pytest.mark.parametrize("name", [*NAMES, *EMPTY], ids=lambda name: printable(os.fsdecode(name))[:20])
def test_they_can_be_given_by_name(clips, tmp_path, name, monkeypatch):
    monkeypatch.chdir(clips)
    done = affectstream("analyze", "-o", tmp_path, "--fps", "1", "--", os.fsdecode(name), cwd=clips)
    assert done.returncode == (3 if name in EMPTY else 0), done.stderr
    assert is_plain(done.stdout + done.stderr)


def test_results_lie_in_a_folder_of_such_a_name(clips, tmp_path):
    out = tmp_path / "r\x1b[1m\nü"
    done = affectstream("analyze", clips / "-o.mp4", "-o", out, "--fps", "1")
    assert done.returncode == 0, done.stderr
    done = affectstream("report", out)
    assert done.returncode == 0, done.stderr
    assert affectstream("status", out).returncode == 0
    assert is_plain(done.stdout)
    assert len(analyze(clips / "-o.mp4", out=out, fps=1)) == len(read_results(out))
    done = affectstream("analyze", clips / "-o.mp4", "-o", tmp_path / os.fsdecode(b"r\xff"))
    assert (done.returncode, done.stdout) == (2, "")
    assert r"r\xff: the name of a results folder must be valid UTF-8" in done.stderr


def test_mistakes_with_such_names_are_one_clear_message(tmp_path):
    name = os.fsdecode(b"no\xff\x1b[31m")
    for line in (
        ["report", name],
        ["status", name],
        ["compact", name],
        ["analyze", name + "*", "-o", "x"],
        ["analyze", "x", "-o", "y", "--config", name],
        ["analyze", "--list", name, "-o", "y"],
        ["analyze", "--list", name + ".csv", "-o", "y"],
        ["analyze", "x", "-o", "y", "--network", name],
        ["analyze", "x", "-o", "y", "--fps", name],
        ["analyze", "x", "-o", "y", "--format", name],
        ["analyze", "x", "-o", "y", f"--{name}"],
        [name],
        ["draw", name + ".mp4", "--size", name],
        ["engine", "build", name],
        ["weights", "pull", name],
    ):
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            done = affectstream(*line, cwd=tmp_path)
        assert done.returncode in (2, 3, 5), line
        assert "Traceback" not in done.stderr, line
        assert is_plain(done.stderr), line
        assert re.search(r"no\\(xff|udcff)\\x1b", done.stderr), line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.mp4", "plain name.mp4"),
        ("Ünï 👨‍👩‍👧 a\u202fb", "Ünï 👨‍👩‍👧 a\u202fb"),
        ("a\nb\tc\x1b", r"a\nb\tc\x1b"),
        ("\udcff\udc80", r"\xff\x80"),
        ("\ud800", r"\ud800"),
        ("\x9b\u202e\u2028", r"\x9b\u202e\u2028"),
        (r"back\slash", r"back\slash"),
    ],
)
def test_only_what_cannot_be_shown_is_escaped(text, shown):
    assert printable(text) == shown
