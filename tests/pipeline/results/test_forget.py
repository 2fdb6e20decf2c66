"""Erasing streams: nothing of them is left, all other rows are exact at every moment, and no crash leaves a half."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from pyarrow.types import is_dictionary

from pipeline.errors import ResultsError, SinkError
from pipeline.report import write_report
from pipeline.results import forget as module
from pipeline.results import run_folder
from pipeline.results.compact import compact
from pipeline.results.forget import erase, held
from pipeline.results.marks import read_marks
from pipeline.results.read import read_results, read_table
from pipeline.results.run_folder import checkpoint_path, read_run
from pipeline.storage.store import Disk, open_store
from pipeline.tables import TABLES
from tests.pipeline.report import made_up
from tests.pipeline.results.merging import (
    NS,
    FragileDisk,
    KilledError,
    make,
    many,
    rows,
    same,
    tables,
    video,
)

VIDEOS = many(6)
GONE = [VIDEOS[0].stream_id, VIDEOS[4].stream_id]
WORDS = ["000.mp4", "004.mp4", "Ann"]
"""What is said of these two alone: their names, and a label."""


@pytest.fixture(autouse=True)
def short_parts(monkeypatch, request):
    """A file of a stream's own holds two seconds. In a bucket, where each takes its time, all of it."""
    if "bucket" not in request.node.name:
        monkeypatch.setattr("pipeline.sinks.files.PART_NS", 2 * NS)


KINDS = ["small files", "merged", "both"]
"""How rows lie there."""


@pytest.fixture(params=[("disk", kind) for kind in KINDS] + [("bucket", "both")], ids="-".join)
def place(request, tmp_path):
    """(where results lie, how): on a disk, or in a bucket."""
    where, kind = request.param
    return tmp_path / "out" if where == "disk" else f"{request.getfixturevalue('bucket').url}/out", kind


def results(out, kind):
    """Results that also have the streams in every record, a checkpoint, and a half-written file."""
    make(out, VIDEOS[:5] if kind == "both" else VIDEOS)
    if kind != "small files":
        compact(out)
    if kind == "both":
        made_up.write_video(out, VIDEOS[5])
        made_up.write_video(out, VIDEOS[0])  # its rows in the merged file do not count any more
    store = open_store(out)
    index = [{"stream_id": v.stream_id, "uri": f"s3://made-up/{v.stream_id}", "labels": v.labels} for v in VIDEOS]
    failed = [{"stream_id": "clips/bad.mp4~bad", "source": "clips/bad.mp4", "error": "clips/bad.mp4: no video"}]
    failed += [{"stream_id": GONE[0], "source": "clips/000.mp4", "error": "clips/000.mp4: hung"}]
    totals = {"frames": 1, "points": 1}
    made_up.write_record(out, index=index, failed=failed, message="clips/000.mp4: hung", totals=totals, sources=9)
    call = {"failed": {GONE[0]: "clips/000.mp4: hung", "b": "b: bad"}, "at_work": {GONE[1]: 0.5}, "sources": 6}
    put(store, "progress.json", json.dumps({"updated_utc": "now", "call": call}))
    put(store, checkpoint_path(GONE[0], "000001-ab") + ".zip", "landmarks of 000.mp4")
    put(store, checkpoint_path(VIDEOS[1].stream_id, "000001-ab") + ".zip", "kept")
    put(store, "points/merged/_0123.parquet", "half of 000.mp4")
    return out


def put(store, path, text):
    """A file in a store."""
    store.write(path, lambda half: half.write_text(text))


def copied(out, tmp_path):
    """The folder as files of this machine."""
    if isinstance(out, Path):
        return out
    folder, store = tmp_path / "copy", open_store(out)
    for path in store.files(""):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(store.read(path))
    return folder


def traces(folder, words):
    """Where any of the words is found in a folder: in names, in bytes, in what Parquet files hold."""
    found = []
    for path in sorted(folder.rglob("*")):
        texts = [str(path.relative_to(folder))]
        if path.is_file():
            texts.append(path.read_bytes().decode("utf-8", "replace"))
        if path.suffix == ".parquet" and not path.name.startswith("_"):
            file = pq.ParquetFile(path)
            texts.append(str(file.schema_arrow.metadata))
            rows = file.read([name for name in file.schema_arrow.names if name != "landmarks"])
            texts.append(str(rows.to_pydict()))
            words_of = [
                chunk.dictionary for column in rows.columns for chunk in column.chunks if is_dictionary(chunk.type)
            ]
            texts.append(str([each.to_pylist() for each in words_of]))  # also those that no row has
        found += [(path, word) for word in words if any(word in text for text in texts)]
    return found


def without(read, stream_ids):
    """Rows without those of some streams."""
    left = {}
    for table, frame in read.items():
        kept = frame[~frame["stream_id"].isin(stream_ids)].reset_index(drop=True)
        kept = kept.dropna(axis=1, how="all").sort_index(axis=1)  # labels are columns in the order of streams
        names = kept.select_dtypes("category").columns
        left[table] = kept.assign(**{name: kept[name].cat.remove_unused_categories() for name in names})
    return left


def same_rows(out, expected):
    """Whether the folder holds exactly these rows."""
    same(without(rows(out), []), expected)


def test_nothing_is_left_of_the_streams_and_the_rest_is_exact(place, tmp_path):
    out, kind = place
    results(out, kind)
    expected = without(rows(out), GONE)
    num_points = int(read_results(out)["stream_id"].isin(GONE).sum())
    assert not isinstance(out, Path) or traces(out, WORDS)
    erased = erase(out, GONE)
    assert erased.streams == GONE
    assert erased.rows["points"] == num_points
    assert erased.merged == (0 if kind == "small files" else 3)
    same_rows(out, expected)
    folder = copied(out, tmp_path)
    assert traces(folder, WORDS) == []
    assert (folder / f"{checkpoint_path(VIDEOS[1].stream_id, '000001-ab')}.zip").is_file()
    assert all(stream_id not in held(out) for stream_id in GONE)


def test_the_records_keep_what_they_say_of_others(tmp_path):
    out = results(tmp_path / "out", "merged")
    erase(out, GONE)
    run = read_run(open_store(out))
    assert [entry["stream_id"] for entry in run["index"]] == [v.stream_id for v in VIDEOS if v.stream_id not in GONE]
    assert [entry["stream_id"] for entry in run["failed"]] == ["clips/bad.mp4~bad"]
    assert run["sources"] == 5
    assert run["run_id"] == made_up.RUN_ID
    assert json.loads((out / "progress.json").read_text())["call"] == {
        "failed": {"b": "b: bad"},
        "at_work": {},
        "sources": 6,
    }


def test_a_mark_remembers_the_source_without_its_name(tmp_path):
    out = results(tmp_path / "out", "small files")
    erase(out, GONE)
    text = (out / "forgotten.json").read_text()
    assert "mp4" not in text
    marks = read_marks(open_store(out))
    assert marks.forgotten_utc(f"s3://made-up/{GONE[0]}")
    assert marks.forgotten_utc(f"s3://made-up/{VIDEOS[1].stream_id}") is None
    assert marks.erasing == ()
    assert marks.sources[0].rows["points"] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_ends_it_others_are_exact_and_the_next_call_finishes(tmp_path, kind):
    whole = results(tmp_path / "whole", kind)
    write_report(whole)
    before = rows(whole)
    expected = without(before, GONE)
    counter = FragileDisk(shutil.copytree(whole, tmp_path / "counted"), 10_000)
    erase_on(counter, GONE)
    assert counter.changes > 10
    for limit in range(counter.changes):
        out = shutil.copytree(whole, tmp_path / f"killed{limit}")
        with pytest.raises(KilledError):
            erase_on(FragileDisk(out, limit), GONE)
        now = rows(out)
        same(without(now, GONE), expected)
        for stream_id in GONE:  # all of a stream's rows, or none
            left = {table: int((frame["stream_id"] == stream_id).sum()) for table, frame in now.items()}
            all_of_it = {table: int((frame["stream_id"] == stream_id).sum()) for table, frame in before.items()}
            assert left in (all_of_it, dict.fromkeys(TABLES, 0))
        erase(out, GONE)
        same_rows(out, expected)
        assert traces(out, WORDS) == []
        assert not list(out.glob("*/**/_*"))
        assert read_marks(open_store(out)).forgotten_utc(f"s3://made-up/{GONE[0]}")
        shutil.rmtree(out)


def erase_on(store, stream_ids):
    """`erase`, with this for the store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "open_store", lambda folder: store)
        return erase("anywhere", stream_ids)


def test_a_reader_that_began_before_gets_the_rows_of_the_others(tmp_path):
    out = results(tmp_path / "out", "merged")
    old = module.scan(open_store(out)).good
    expected = without(rows(out), GONE)["points"]
    erase(out, GONE)
    read = without({"points": read_table(out, commits=old).to_pandas()}, [])["points"]
    pd.testing.assert_frame_equal(read, expected, check_categorical=False)


@pytest.mark.parametrize("kind", KINDS)
def test_every_stream_can_be_forgotten(tmp_path, kind):
    out = results(tmp_path / "out", kind)
    erase(out, list(held(out)))
    assert all(len(frame) == 0 for frame in rows(out).values())
    assert (tables(out), held(out)) == ([], {})
    assert traces(out, ["mp4"]) == []


def test_reports_in_the_folder_are_removed_and_other_files_are_named(tmp_path):
    out = results(tmp_path / "out", "merged")
    write_report(out)
    write_report(out, out / "for the board")
    shutil.copytree(out / "report", out / "_x8a7" / "report")  # as `report` leaves it if it is killed
    page = next((out / "report" / "videos").glob("*000*"))
    (out / "_y9" / "report" / "videos").mkdir(parents=True)
    shutil.copy(page, out / "_y9" / "report" / "videos")
    (out / "talk-annotated.mp4").write_text("an overlay")
    (out / "notes").mkdir()
    (out / "notes" / "index.html").write_text("of somebody's own")
    erased = erase(out, GONE)
    assert erased.reports == ["_x8a7/report", "for the board", "report"]
    assert erased.other_files == ["notes/index.html", "talk-annotated.mp4"]
    assert traces(out, WORDS) == []


def test_what_a_killed_run_left_behind_is_found_and_erased(tmp_path):
    """Rows without a commit, a checkpoint, a damaged commit; no record names their streams."""
    out = make(tmp_path / "out", VIDEOS[:3])
    store = open_store(out)
    put(store, f"points/{run_folder.stream_folder('left/a.mp4~1')}/0.parquet", "x")
    put(store, checkpoint_path("left/b.mp4~2", "000001") + ".zip", "x")
    put(store, f"_commits/{run_folder.stream_folder('left/c.mp4~3')}.json", "{")
    left = ["left/a.mp4~1", "left/b.mp4~2", "left/c.mp4~3"]
    assert set(left) <= set(held(out))
    good = module.scan(store).good
    expected = without({table: read_table(out, table, commits=good).to_pandas() for table in TABLES}, [])
    erase(out, left)
    same_rows(out, expected)
    assert traces(out, ["left"]) == []


def test_a_damaged_commit_of_another_stream_holds_up_merged_rows_only_until_it_is_mended(tmp_path):
    out = results(tmp_path / "out", "merged")
    (damaged,) = (out / "_commits").glob("*001*")
    content = damaged.read_bytes()
    damaged.write_text("{")
    with pytest.raises(
        ResultsError, match=r"001.*damaged.*analyse that source again, or forget it, too; not everything is erased yet"
    ):
        erase(out, GONE)
    assert read_marks(open_store(out)).erasing == tuple(GONE)
    damaged.write_bytes(content)
    expected = without(rows(out), GONE)
    erase(out, GONE)
    same_rows(out, expected)
    assert traces(out, WORDS) == []


def test_merged_rows_that_cannot_be_taken_out_are_an_error_and_not_kept_in_silence(tmp_path):
    out = results(tmp_path / "out", "merged")
    (lost,) = (out / "frames" / "merged").glob("[0-9a-f]*")
    lost.unlink()
    with pytest.raises(ResultsError, match="still holds rows to erase"):
        erase(out, GONE)
    assert read_marks(open_store(out)).erasing == tuple(GONE)
    erase(out, [each.stream_id for each in VIDEOS])
    assert traces(out, WORDS) == []


@pytest.mark.parametrize("doing", ["analysing", "compacting", "forgetting"])
def test_it_is_refused_while_something_is_at_work_there(tmp_path, doing):
    out = results(tmp_path / "out", "small files")
    before = rows(out)
    with open_store(out).locked(doing), pytest.raises(ResultsError, match=f"while something is {doing} there"):
        erase(out, GONE)
    same(rows(out), before)
    assert read_marks(open_store(out)).sources == ()


def test_a_damaged_file_of_marks_is_an_error(tmp_path):
    out = results(tmp_path / "out", "small files")
    (out / "forgotten.json").write_text('{"sources": 1}')
    with pytest.raises(ResultsError, match=r"forgotten.json: damaged \(sources: Input should be a valid"):
        erase(out, GONE)


def test_a_stream_that_is_not_there_is_passed_over(tmp_path):
    out = results(tmp_path / "out", "small files")
    before = tables(out)
    assert erase(out, ["nothing~0"]).streams == []
    assert tables(out) == before
    assert not (out / "forgotten.json").exists()
    with pytest.raises(ResultsError, match="no results there"):
        erase(tmp_path / "nowhere", ["nothing~0"])


def test_what_cannot_be_removed_is_told_and_the_next_call_finishes(tmp_path, monkeypatch):
    out = results(tmp_path / "out", "both")
    expected = without(rows(out), GONE)

    def refuse(disk, path):
        raise SinkError(f"{path}: cannot be removed: Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "delete_folder", refuse)
        with pytest.raises(SinkError, match="Permission denied; not everything is erased yet"):
            erase(out, GONE)
    same_rows(out, expected)
    erase(out, GONE)
    same_rows(out, expected)
    assert traces(out, WORDS) == []


@pytest.mark.parametrize("merged", [False, True])
def test_streams_with_odd_names_are_erased_and_no_others(tmp_path, merged):
    odd = [
        "x" * 300 + ".mp4~1",
        "=odd.mp4~2",
        ".odd.mp4~3",
        "merged",
        "odd/ü %2F.mp4~4",
        "two\nodd lines.mp4~5",
        "odd~~6",
    ]
    out = make(tmp_path / "out", [*(replace(video(i), stream_id=name) for i, name in enumerate(odd)), video(9)])
    if merged:
        compact(out)
    expected = without(rows(out), odd)
    for stream_id in odd:
        assert erase(out, [stream_id]).rows["points"] > 0
        assert stream_id not in set(read_results(out, "frames")["stream_id"])
    same_rows(out, expected)
    assert traces(out, ["odd", "xxx"]) == []


def test_a_source_that_failed_is_forgotten_too(tmp_path):
    out = results(tmp_path / "out", "small files")
    before = rows(out)
    erased = erase(out, ["clips/bad.mp4~bad"])
    assert (erased.streams, erased.rows) == (["clips/bad.mp4~bad"], dict.fromkeys(TABLES, 0))
    same(rows(out), before)
    assert [entry["stream_id"] for entry in read_run(open_store(out))["failed"]] == [GONE[0]]
    assert traces(out, ["bad.mp4"]) == []
