"""Merging small files: the same rows, few files, the same encodings."""

import json
import threading

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.errors import ConfigError, ResultsError
from pipeline.report import write_report
from pipeline.results import compact as module
from pipeline.results import merged, run_folder
from pipeline.results.commits import read_commits
from pipeline.results.compact import compact
from pipeline.results.read import read_results, read_table
from pipeline.sinks.files import stream_folder
from pipeline.storage.store import open_store
from pipeline.tables import TABLES
from tests.pipeline.report import made_up
from tests.pipeline.report.made_up import Video
from tests.pipeline.results.merging import NS, make, many, plain, rows, same, tables, video


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    """A file of a stream's own holds two seconds."""
    monkeypatch.setattr("pipeline.sinks.files.PART_NS", 2 * NS)


@pytest.fixture(params=["disk", "bucket"])
def out(request, tmp_path):
    """Where results go: to a disk, or to a bucket."""
    return tmp_path / "out" if request.param == "disk" else f"{request.getfixturevalue('bucket').url}/out"


def test_the_rows_of_many_files_are_those_of_few(out):
    before = rows(make(out, many()))
    num_files, old = len(tables(out)), read_commits(open_store(out))
    done = compact(out)
    same(rows(out), before)
    pd.testing.assert_frame_equal(read_table(out, commits=old).to_pandas(), before["points"])  # who began before
    assert [path.rsplit("/", 1)[0] for path in tables(out)] == ["frames/merged", "points/merged", "tracks/merged"]
    assert (done.streams, done.files_before, done.files_after) == (6, num_files, 3)
    assert done.bytes > 0
    assert 0 < before["points"]["landmarks"].notna().sum() < len(before["points"])
    assert before["tracks"]["person"].dropna().unique().tolist() == ["Ann", "7", "Bo"]


def test_a_stream_alone_is_read_from_its_row_groups(tmp_path):
    out, made = tmp_path, many()
    make(out, made)
    alone = {each.stream_id: read_table(out, "points", stream_id=each.stream_id, columns=["valence"]) for each in made}
    compact(out)
    for stream_id, before in alone.items():
        assert read_table(out, "points", stream_id=stream_id, columns=["valence"]).equals(before)


def test_a_plain_reader_sees_each_row_once(tmp_path):
    make(tmp_path, [video(i, people=i % 3) for i in range(6)])
    before = {table: plain(tmp_path, table) for table in TABLES}
    compact(tmp_path)
    for table in TABLES:
        pd.testing.assert_frame_equal(plain(tmp_path, table), before[table], check_categorical=False)


def test_labels_are_columns_of_merged_tracks_in_types_that_suit_all(tmp_path):
    make(tmp_path, many())
    compact(tmp_path)
    tracks = read_results(tmp_path, "tracks")
    merged_tracks = pq.read_table(tmp_path / tables(tmp_path)[-1], partitioning=None)
    names = ["person", "age", "ok"]
    assert merged_tracks.column_names == [*TABLES["tracks"].names, *names]  # `note` has nothing to say
    assert [str(merged_tracks.schema.field(name).type) for name in names] == ["string", "double", "bool"]
    for name in names:
        got, expected = merged_tracks[name].to_pylist(), tracks[name].tolist()
        assert [None if x != x else x for x in got] == [None if x != x else x for x in expected]


def test_a_row_group_is_of_one_stream_and_sorted(tmp_path):
    make(tmp_path, many())
    compact(tmp_path)
    for path in tables(tmp_path):
        file = pq.ParquetFile(tmp_path / path)
        for i in range(file.num_row_groups):
            group = file.read_row_group(i).to_pandas()
            assert group["stream_id"].nunique() == 1
            keys = group[[key for key in ("track_id", "pts_ns") if key in group]]
            if "frames" not in path:
                assert keys.apply(tuple, axis=1).is_monotonic_increasing
    streams = [group for each in read_commits(open_store(tmp_path)) for group in each.parts]
    assert all(len(part.row_groups) == 1 for part in streams)


def test_merged_files_are_encoded_as_any_other(tmp_path):
    made = video(0, landmarks=True)
    make(tmp_path, [made, video(1)])

    def described(path):
        group = pq.ParquetFile(path).metadata.row_group(0)
        columns = [group.column(i) for i in range(group.num_columns)]
        said = {c.path_in_schema: (c.compression, set(c.encodings), c.has_offset_index) for c in columns}
        return said, group.sorting_columns

    before = {table: described(tmp_path / next(p for p in tables(tmp_path) if table in p)) for table in TABLES}
    compact(tmp_path)
    for table, expected in before.items():
        (path,) = (tmp_path / table / "merged").iterdir()
        assert described(path) == expected
    compression, encodings, has_index = before["points"][0]["valence"]
    assert (compression, "BYTE_STREAM_SPLIT" in encodings, has_index) == ("ZSTD", True, True)


def test_metadata_stand_where_they_are_the_same_and_are_told_by_stream_where_not(tmp_path):
    make(tmp_path, many(4))
    for _ in range(2):  # also when what is merged was merged before
        compact(tmp_path)
        (path,) = (tmp_path / "frames" / "merged").iterdir()
        said = {key.decode(): value.decode() for key, value in pq.read_schema(path).metadata.items()}
        assert said["network"] == "n"
        assert "time_base" not in said
        by_stream = json.loads(said["streams"])
        assert [each["time_base"] for each in by_stream.values()][:2] == ["1/1000", "1/1001"]
        made_up.write_video(tmp_path, video(99, metadata={"network": "n", "time_base": "1/90000"}))
    assert len(by_stream) == 5
    assert by_stream[video(99).stream_id] == {"time_base": "1/90000"}


def test_a_second_call_changes_nothing(out):
    make(out, many(2))
    compact(out)
    store = open_store(out)
    before = {path: store.read(path) for path in run_folder.list_files(store)}
    assert compact(out).streams == 0
    assert {path: store.read(path) for path in run_folder.list_files(store)} == before


@pytest.mark.parametrize("seed", range(5))
def test_a_second_call_changes_nothing_whatever_the_sizes(tmp_path, monkeypatch, seed):
    monkeypatch.setattr(module, "ROWS_FULL", 200)
    monkeypatch.setattr(module, "STREAM_ROWS_MIN", 50)
    monkeypatch.setattr(merged, "ROW_GROUP_ROWS", 60)
    rng = np.random.default_rng(seed)
    make(tmp_path, [video(i, seconds=int(rng.choice([1, 3, 20]))) for i in range(8)])
    before = rows(tmp_path)
    compact(tmp_path)
    stamps = {path: (tmp_path / path).stat().st_mtime_ns for path in tables(tmp_path)}
    assert compact(tmp_path).streams == 0
    assert {path: (tmp_path / path).stat().st_mtime_ns for path in tables(tmp_path)} == stamps
    same(rows(tmp_path), before)


def test_a_full_group_is_left_alone_when_more_comes(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS_FULL", 400)
    monkeypatch.setattr(module, "STREAM_ROWS_MIN", 100)
    make(tmp_path, [video(i) for i in range(6)])
    compact(tmp_path)
    assert len(list((tmp_path / "points" / "merged").iterdir())) == 2
    full = {path: path.stat().st_mtime_ns for path in (tmp_path / "points" / "merged").glob("*-4-0.parquet")}
    assert len(full) == 1
    made_up.write_video(tmp_path, video(7))
    assert compact(tmp_path).streams == 3
    assert {path: path.stat().st_mtime_ns for path in full} == full
    assert len(list((tmp_path / "points" / "merged").iterdir())) == 2


def test_a_long_stream_becomes_several_row_groups_and_files(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS_FULL", 200)
    monkeypatch.setattr(merged, "ROW_GROUP_ROWS", 50)
    make(tmp_path, [video(0, seconds=60)])
    before = rows(tmp_path)
    compact(tmp_path)
    same(rows(tmp_path), before)
    files = [pq.ParquetFile(path).metadata for path in (tmp_path / "points" / "merged").iterdir()]
    assert len(files) == 3
    groups = [file.row_group(i).num_rows for file in files for i in range(file.num_row_groups)]
    assert max(groups) <= 70
    assert sum(groups) == len(before["points"])


def test_no_more_rows_than_a_few_row_groups_are_read_ahead(tmp_path, monkeypatch):
    """What is read and not yet written is bounded."""
    monkeypatch.setattr(merged, "ROW_GROUP_ROWS", 100)
    make(tmp_path, [video(i) for i in range(12)])
    held, most, lock = [0], [0], threading.Lock()
    read = merged.read_part

    def counted(store, part):
        table = read(store, part)
        with lock:
            held[0] += len(table)
            most[0] = max(most[0], held[0])
        return table

    class Writer(pq.ParquetWriter):
        def write_table(self, table, row_group_size=None):
            super().write_table(table, row_group_size)
            with lock:
                held[0] -= len(table)

    monkeypatch.setattr(merged, "read_part", counted)
    monkeypatch.setattr("pipeline.sinks.files.pq.ParquetWriter", Writer)
    compact(tmp_path)
    assert held == [0]
    assert most[0] < 200


def test_a_single_short_video_is_left_as_it_is(tmp_path):
    make(tmp_path, [video(0, seconds=1)])
    before = tables(tmp_path)
    assert compact(tmp_path).streams == 0
    assert tables(tmp_path) == before


def test_no_stream_is_called_as_the_folder_of_merged_files(tmp_path):
    assert stream_folder("merged") not in ("merged", stream_folder("%6Derged"))
    make(tmp_path, [Video(stream_id="merged", people=video(0).people), video(1)])
    before = rows(tmp_path)
    compact(tmp_path)
    same(rows(tmp_path), before)


def test_what_no_commit_names_is_removed_and_nothing_else(out):
    make(out, [video(0, seconds=1)])
    store = open_store(out)
    ours = [
        "points/gone~1/0.parquet",
        "points/merged/0-3-0.parquet",
        "tracks/merged/_0-1-0.parquet",
        "_commits/_a.json",
    ]
    theirs = ["mine.txt", "points/mine.txt", "_stretches/a/0.zip"]
    for path in (*ours, *theirs):
        store.write(path, lambda half: half.write_bytes(b"x"))
    compact(out)
    assert not any(store.exists(path) for path in ours)
    assert all(store.exists(path) for path in theirs)


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_only_parquet_is_merged(tmp_path, format):
    made_up.write_record(tmp_path)
    made_up.write_video(tmp_path, video(0), format=format)
    (tmp_path / "points" / "x").mkdir()
    (tmp_path / "points" / "x" / "left.parquet").touch()
    before = tables(tmp_path)
    with pytest.raises(ConfigError, match=rf"has tables as \.{format}; only Parquet is merged"):
        compact(tmp_path)
    assert tables(tmp_path) == before


def test_where_no_results_are_nothing_is_made(tmp_path):
    with pytest.raises(ResultsError, match="no results there"):
        compact(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_while_a_run_goes_on_nothing_is_merged(out):
    make(out, [video(0)])
    with open_store(out).locked(), pytest.raises(ResultsError, match="another run is writing there"):
        compact(out)


def test_reports_are_the_same_afterwards(tmp_path):
    make(tmp_path, [video(i, people=2) for i in range(3)])

    def pages(name):
        index = write_report(tmp_path, tmp_path / name)
        return {path.relative_to(index.parent): path.read_bytes() for path in index.parent.rglob("*.html")}

    before = pages("before")
    compact(tmp_path)
    assert pages("after") == before
