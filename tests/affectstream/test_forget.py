"""`affectstream forget` and what comes after it; sources that are gone."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from affectstream import forget, read_results, source_states
from affectstream.forgetting import allow_again
from pipeline.errors import ConfigError, ResultsError
from pipeline.report import write_report
from pipeline.results.compact import compact
from pipeline.results.marks import read_marks, write_marks
from pipeline.runs.progress_file import read_status
from pipeline.storage.store import open_store
from tests.commands import affectstream
from tests.pipeline.results.old_results import OLD, old_results

WALK, SIT, STILL = "walk.mp4", "sit.mp4", "still.png"


@pytest.fixture
def old(tmp_path):
    """Results of two videos and a picture."""
    return old_results(tmp_path, OLD[-1], "parquet")


def names(out):
    """The sources that have rows, as everybody reads them."""
    return {name.split("~")[0] for name in read_results(out, "frames")["stream_id"]}


def test_a_forgotten_source_is_left_out_of_later_runs_until_it_is_allowed_again(old):
    (tables,) = (old.out / "points").glob(f"{WALK}*")
    tables.with_name(f"once%2F{tables.name}").mkdir()  # as it was called when another folder was given
    erased = forget(old.footage / WALK, old.out)
    assert erased.rows == {"frames": 15, "points": 15, "tracks": 1}
    assert [name.rpartition("~")[0] for name in erased.streams] == [f"once/{WALK}", WALK]
    for settings in ({}, {}):
        with pytest.warns(UserWarning, match=rf"left out: .*{WALK} \(forgotten on \d{{4}}-\d\d-\d\d\)"):
            points = old.analyze_again(**settings)
        assert set(points["stream_id"].str.split("~").str[0]) == {STILL}
        assert names(old.out) == {SIT, STILL}
        assert [path for path in old.out.rglob("*") if WALK in path.name] == []
        assert all(WALK not in path.read_text() for path in old.out.glob("*.json"))
    allow_again(old.footage / WALK, old.out)
    old.analyze_again()
    assert names(old.out) == {SIT, STILL, WALK}
    assert read_status(old.out).forgotten == 0
    forget(WALK, old.out)
    assert read_status(old.out).forgotten == 1
    marks = read_marks(open_store(old.out)).sources
    assert [mark.allowed_utc is None for mark in marks] == [False, False, True]  # the log of what was erased


def test_starting_over_does_not_bring_it_back(old):
    forget([old.footage / WALK, SIT], old.out)
    done = affectstream("analyze", old.footage, "--out", old.out, "--fresh", *old.options)
    assert done.returncode == 0, done.stderr
    assert f"left out: {old.footage / SIT} (forgotten on 20" in done.stderr
    assert "forget SOURCE --results" in done.stderr
    assert names(old.out) == {STILL}


@pytest.mark.parametrize("merged", [False, True])
def test_an_erasure_that_was_interrupted_is_finished_by_the_next_run(old, merged):
    if merged:
        compact(old.out)
    stream_id = next(name for name in read_results(old.out, "tracks")["stream_id"] if name.startswith(WALK))
    store = open_store(old.out)
    marks = read_marks(store).with_mark((old.footage / WALK).as_uri(), "2026-01-02T03:04:05+00:00", {})
    write_marks(store, replace(marks, erasing=(stream_id,)))  # as far as a call came that was ended at once
    assert read_status(old.out).half_forgotten == [stream_id]
    with pytest.warns(UserWarning, match="forgotten on 2026-01-02"):
        old.analyze_again()
    assert names(old.out) == {SIT, STILL}
    assert (read_status(old.out).half_forgotten, read_status(old.out).forgotten) == ([], 1)


def test_damage_that_holds_up_an_erasure_is_mended_by_the_next_runs(old):
    compact(old.out)
    (lost,) = (old.out / "frames" / "merged").iterdir()
    lost.unlink()
    with pytest.raises(ResultsError, match=r"still holds rows to erase.*analyse those sources again"):
        forget(WALK, old.out)
    for _ in range(2):  # the first does the others again, the second takes out what that has set free
        with pytest.warns(UserWarning, match=f"left out: .*{WALK}"):
            old.analyze_again()
    assert names(old.out) == {SIT, STILL}
    assert read_status(old.out).half_forgotten == []
    assert not list(old.out.glob("*/merged/*"))


def test_reports_are_written_again_without_it(old):
    write_report(old.out)
    write_report(old.out, old.out / "for the board")
    forget(STILL, old.out)
    for report in (old.out / "report", old.out / "for the board"):
        assert len(list((report / "videos").iterdir())) == 2
        assert all(STILL not in page.read_text() for page in report.rglob("*.html"))
    forget([WALK, SIT], old.out)
    assert not (old.out / "report").exists()  # nothing is left to report


def test_the_command_lists_asks_erases_and_says_what_it_does_not_reach(old):
    (old.out / "talk-annotated.mp4").write_text("an overlay")
    (old.footage / WALK).unlink()
    listed = affectstream("forget", old.footage, "--results", old.out, "--dry-run")
    assert listed.returncode == 0, listed.stderr
    assert re.search(r"walk\.mp4~\w{8}: 15 points, 15 frames, 1 track; the file is gone\n", listed.stdout)
    assert "sit.mp4~" in listed.stdout
    assert names(old.out) == {SIT, STILL, WALK}
    refused = affectstream("forget", WALK, "--results", old.out)
    assert refused.returncode == 2
    assert "add --yes" in refused.stderr
    assert names(old.out) == {SIT, STILL, WALK}
    done = affectstream("forget", old.footage / WALK, "--results", old.out, "--yes")
    assert done.returncode == 0, done.stderr
    assert f"erased 1 source from {old.out}: 15 points, 15 frames, 1 track, 4 files\n" in done.stdout
    for text in ("Not reached: copies", "not touched: talk-annotated.mp4", "leaves these sources out"):
        assert text in done.stdout
    assert names(old.out) == {SIT, STILL}
    again = affectstream("forget", old.footage / WALK, "--results", old.out, "--yes")
    assert again.returncode == 0
    by_name = affectstream("forget", WALK, "--results", old.out, "--yes")
    assert by_name.returncode == 2
    assert "recognised by their path or address only" in by_name.stderr
    assert re.fullmatch(r".*walk.mp4: forgotten on \d{4}-\d\d-\d\d\n", again.stdout)
    allowed = affectstream("forget", old.footage / WALK, "--results", old.out, "--allow-again")
    assert allowed.stdout == "analyze may process 1 source again\n"


def test_what_is_not_there_is_refused_before_anything_is_erased(old):
    for sources, told in (
        ([WALK, "nobody.mp4"], "nobody.mp4: "),
        (["wlak.mp4"], "did you mean 'walk.mp4'?"),
        ([""], ""),
    ):
        done = affectstream("forget", *sources, "--results", old.out, "--yes")
        assert done.returncode == 2
        assert told in done.stderr
    assert affectstream("forget", WALK, "--results", old.footage, "--yes").returncode == 2
    with pytest.raises(ResultsError, match="was not forgotten in"):
        allow_again(WALK, old.out)
    with pytest.raises(ConfigError, match="no known kind"):
        forget("rtsp://camera/1", old.out)
    assert names(old.out) == {SIT, STILL, WALK}


def test_sources_that_are_gone_are_named_everywhere(old):
    """A video that was deleted between two runs: its rows stay, and that is said."""
    (old.footage / WALK).unlink()
    (old.footage / STILL).touch()
    states = {name.split("~")[0]: state for name, state in source_states(old.out).items()}
    assert states == {WALK: "gone", STILL: "changed", SIT: "there"}
    points = read_results(old.out)
    assert [name.split("~")[0] for name in points.attrs["sources_gone"]] == [WALK]
    assert read_results(old.out, stream_id=next(iter(source_states(old.out)))).attrs["sources_gone"] == []
    (old.footage / "people.csv").unlink()
    done = affectstream("analyze", old.footage, "--out", old.out, *old.options)  # which does not name it any more
    assert done.returncode == 0, done.stderr
    assert f"no longer there, rows kept: {old.footage / WALK}; use affectstream forget to erase them" in done.stderr
    assert [name.split("~")[0] for name in read_status(old.out).gone] == [WALK]
    status = affectstream("status", old.out)
    assert re.search(r"gone \(1\).*affectstream forget.*\n  walk.mp4~", status.stdout)
    index = write_report(old.out)
    rows = {WALK: False, SIT: False, STILL: False}
    for row in re.findall(r"<tr><td class=\"name\">.*?</tr>", index.read_text(), re.DOTALL):
        name = next(name for name in rows if name in row)
        rows[name] = "source gone" in row
    assert rows == {WALK: True, SIT: False, STILL: False}
    pages = {path.name.split("~")[0]: "no longer where it was" in path.read_text() for path in _pages(index)}
    assert pages == {WALK: True, SIT: False, STILL: False}


def _pages(index: Path) -> list[Path]:
    return list((index.parent / "videos").iterdir())


def test_a_source_in_a_bucket_is_asked_for_only_if_that_is_wanted(bucket):
    from pipeline.results.source_state import source_states as states

    there = {"uri": bucket.put("a.mp4", b"abc"), "bytes": 3}
    gone = {"uri": f"{bucket.url}/b.mp4", "bytes": 3}
    elsewhere = {"uri": f"{bucket.url}/b.mp4?0123456789abcdef", "bytes": 3}
    assert states([there, gone, elsewhere, {"uri": "https://host/a.mp4"}]) == ["unknown"] * 4
    assert states([there, gone, elsewhere], remote=True) == ["changed", "gone", "unknown"]  # it has another time


def test_a_file_named_like_a_formula_is_text_in_csv(old, tmp_path):
    footage = tmp_path / "odd"
    footage.mkdir()
    shutil.copy(old.footage / STILL, footage / "=cmd.png")
    done = affectstream("analyze", footage, "--out", tmp_path / "csv", "--format", "csv", *old.options)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "csv" / "frames").rglob("*.csv")
    assert "\"'=cmd.png~" in path.read_text()
    assert '"=' not in path.read_text()
    assert read_results(tmp_path / "csv", "frames")["stream_id"][0].startswith("=cmd.png~")
