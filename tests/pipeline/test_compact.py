"""Merging small files: the same rows at every moment, few files, and nothing left behind whatever ends it."""

import json
import shutil
import threading
from itertools import cycle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline import compact as module
from pipeline import merged, run_folder
from pipeline.compact import compact
from pipeline.config import load_config
from pipeline.errors import ConfigError, ResultsError, SinkError
from pipeline.report import write_report
from pipeline.results import read_results, read_table
from pipeline.run import run
from pipeline.run_folder import read_commits
from pipeline.sinks.files import stream_folder
from pipeline.source_list import read_list
from pipeline.sources import find_sources
from pipeline.store import Disk, open_store
from pipeline.tables import TABLES
from tests.media import squares, write_video
from tests.pipeline.report import made_up
from tests.pipeline.report.made_up import Someone, Video, ticks

NS = 1_000_000_000


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    """A file of a stream's own holds two seconds."""
    monkeypatch.setattr("pipeline.sinks.files.PART_NS", 2 * NS)


@pytest.fixture(params=["disk", "bucket"])
def out(request, tmp_path):
    """Where results go: to a disk, or to a bucket."""
    return tmp_path / "out" if request.param == "disk" else f"{request.getfixturevalue('bucket').url}/out"


def video(number, seconds=5, people=1, **settings):
    """A made-up video with values of its own; none of its people is there all the time."""
    rng = np.random.default_rng(number)
    faces = []
    for i in range(people):
        t_s = ticks(0.5 * i, seconds - 0.3)
        faces.append(Someone(t_s=t_s, valence=rng.uniform(-1, 1, len(t_s)).round(3)))
    return Video(stream_id=f"clips/{number:03}.mp4~{number:08x}", people=faces, length_s=seconds, **settings)


def make(out, videos):
    """Results of these videos."""
    made_up.write_record(out)
    for each in videos:
        made_up.write_video(out, each)
    return out


def many(count=6):
    """Videos with everything that may differ: labels, landmarks, metadata, lengths, people, no people."""
    said = [
        {"person": "Ann", "age": 30},
        {"age": 30.5},
        {"person": 7},
        {},
        {"note": None},
        {"person": "Bo", "ok": True},
    ]
    return [
        video(
            i,
            seconds=2 + i % 4 * 2,
            people=(1, 2, 1, 0)[i % 4],
            landmarks=i % 2 == 0,
            labels=said[i % len(said)],
            metadata={"network": "n", "time_base": f"1/{1000 + i % 2}"},
        )
        for i in range(count)
    ]


def rows(out):
    """All committed rows, as everybody reads them."""
    return {table: read_results(out, table) for table in TABLES}


def same(one, other):
    """Whether two readings give the same rows, bit for bit."""
    for table in TABLES:
        pd.testing.assert_frame_equal(one[table], other[table], check_exact=True, check_categorical=False)


def tables(out):
    """The files of all tables."""
    return sorted(path for path in run_folder.list_files(open_store(out)) if not path.startswith("_"))


def plain(out, table):
    """What a reader sees that knows nothing of commits."""
    frame = pd.read_parquet(Path(out) / table)
    keys = [key for key in ("stream_id", "track_id", "pts_ns") if key in frame]
    return frame.astype({"stream_id": str}).sort_values(keys, ignore_index=True)


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
    streams = [group for each in read_commits(open_store(tmp_path)) for group in each["parts"]]
    assert all(len(part["row_groups"]) == 1 for part in streams)


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


class KilledError(Exception):
    """What ends a process at a bad moment."""


class FragileDisk(Disk):
    """A disk whose process is killed as it changes something for the `limit`-th time. `seen` is called before each."""

    def __init__(self, root, limit, seen=lambda: None):
        super().__init__(root)
        self.changes, self._limit, self._seen, self._lock = 0, limit, seen, threading.Lock()

    def _change(self, path):
        with self._lock:
            self._seen()
            self.changes += 1
            if self.changes > self._limit:
                (self._root / path).parent.mkdir(parents=True, exist_ok=True)
                (self._root / path).with_name(f"_{Path(path).name}").write_bytes(b"half")
                raise KilledError

    def write(self, path, fill):
        self._change(path)
        return super().write(path, fill)

    def delete(self, path):
        self._change("_half")
        super().delete(path)

    def delete_folder(self, path):
        self._change("_half")
        super().delete_folder(path)


def compact_on(store):
    """`compact`, with this for the store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "open_store", lambda folder: store)
        return compact("anywhere")


@pytest.fixture
def half_full(tmp_path, monkeypatch):
    """Results of which some are merged, in a full group and another, and others are not; rows and what changing needs.

    So little is full that a few videos make a group."""
    monkeypatch.setattr(module, "ROWS_FULL", 250)
    monkeypatch.setattr(module, "STREAM_ROWS_MIN", 100)
    root = make(tmp_path / "half_full", many(4))
    compact(root)
    for i in (4, 5, 6):
        made_up.write_video(root, video(i))
    return root


def test_whatever_ends_it_rows_are_exact_and_the_next_call_goes_on(half_full, tmp_path):
    before = rows(half_full)
    counter = FragileDisk(shutil.copytree(half_full, tmp_path / "whole"), 10_000)
    compact_on(counter)
    expected = tables(tmp_path / "whole")
    assert counter.changes > 15
    for limit in range(counter.changes):
        out = shutil.copytree(half_full, tmp_path / f"killed{limit}")
        with pytest.raises(KilledError):
            compact_on(FragileDisk(out, limit))
        same(rows(out), before)
        compact(out)
        same(rows(out), before)
        assert len(tables(out)) <= len(expected)
        named = {part["path"] for commit in read_commits(open_store(out)) for part in commit["parts"]}
        assert set(tables(out)) == named
        assert not list(out.glob("*/**/_*"))
        pd.testing.assert_frame_equal(
            plain(out, "points"), plain(tmp_path / "whole", "points"), check_categorical=False
        )
        assert compact(out).streams == 0


def test_a_reader_gets_all_rows_at_every_moment_also_with_the_commits_of_an_earlier_one(half_full):
    before = rows(half_full)
    old = read_commits(open_store(half_full))
    seen = []

    def look():
        same({table: read_table(half_full, table, commits=old).to_pandas() for table in TABLES}, before)
        same(rows(half_full), before)
        seen.append(len(tables(half_full)))

    compact_on(FragileDisk(half_full, 10_000, look))
    assert len(set(seen)) > 5  # one looked in between


def test_a_commit_that_is_replaced_while_the_folder_is_listed_is_not_missed(tmp_path, monkeypatch):
    """On tmpfs (Linux 6.18), 2 of 434 listings of 1,500 commits lacked some while they were merged."""
    make(tmp_path, [video(i) for i in range(3)])
    before, whole = rows(tmp_path), Disk.files
    lacking = cycle(["000.mp4", "001.mp4"])

    def files(disk, folder):
        name = next(lacking)
        return {path for path in whole(disk, folder) if name not in path}

    monkeypatch.setattr(Disk, "files", files)
    same(rows(tmp_path), before)


def test_a_stream_that_is_begun_anew_while_it_is_read_has_no_rows(tmp_path):
    make(tmp_path, [video(0), video(1)])
    old = read_commits(open_store(tmp_path))
    alone = read_results(tmp_path, stream_id=video(1).stream_id)
    store = open_store(tmp_path)
    run_folder.sweep(store, [video(0).stream_id], old, run_folder.list_files(store))
    left = read_table(tmp_path, commits=old).to_pandas()
    pd.testing.assert_frame_equal(left, alone, check_categorical=False)


def test_a_file_that_is_lost_is_an_error_that_names_it(tmp_path):
    make(tmp_path, [video(0), video(1)])
    compact(tmp_path)
    (path,) = (tmp_path / "points" / "merged").iterdir()
    path.unlink()
    with pytest.raises(ResultsError, match=r"merged/.*parquet: committed, but cannot be read: no such file"):
        read_results(tmp_path)


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


def test_a_stream_of_which_a_file_is_missing_waits_for_the_next_run(tmp_path):
    make(tmp_path, [video(i) for i in range(3)])
    lost = next((tmp_path / "points").glob("*001*/*"))
    lost.unlink()
    assert compact(tmp_path).streams == 2
    assert len(read_results(tmp_path, stream_id=video(2).stream_id))
    with pytest.raises(ResultsError, match=lost.name):
        read_results(tmp_path)


def test_a_damaged_file_is_named_and_nothing_is_lost(tmp_path):
    make(tmp_path, [video(i) for i in range(3)])
    others = read_results(tmp_path, stream_id=video(2).stream_id)
    damaged = next((tmp_path / "points").glob("*001*/*"))
    damaged.write_bytes(b"PAR1 no more")
    with pytest.raises(ResultsError, match=damaged.name):
        compact(tmp_path)
    pd.testing.assert_frame_equal(read_results(tmp_path, stream_id=video(2).stream_id), others)


def test_a_full_disk_costs_nothing_but_the_merge(tmp_path, monkeypatch):
    make(tmp_path, many())
    before = rows(tmp_path)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_merged", full)
    with pytest.raises(SinkError, match="No space left on device"):
        compact(tmp_path)
    same(rows(tmp_path), before)


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


ONE_THREAD = {"networks.threads": 1}


def analyse(sources, out, **settings):
    return run(find_sources(sources, out=out), out, load_config(None, ONE_THREAD | settings), in_process=True)


@pytest.fixture
def clips(tmp_path):
    """Four short videos."""
    for i in range(4):
        write_video(tmp_path / "clips" / f"{i}.mp4", squares(20 + 5 * i))
    return tmp_path / "clips"


def frames_once(out, count):
    """No row is missing or there twice, for whoever reads."""
    for frame in (plain(out, "frames"), read_results(out, "frames")):
        assert len(frame) == count
        assert not frame.duplicated(["stream_id", "pts_ns"]).any()


def test_a_run_goes_on_after_merging_and_does_again_only_what_changed(clips, tmp_path):
    out = tmp_path / "out"
    analyse([clips], out)
    compact(out)
    before = rows(out)
    assert analyse([clips], out).resumed == 4
    same(rows(out), before)
    write_video(clips / "1.mp4", squares(60))
    assert analyse([clips], out).resumed == 3
    frames_once(out, 8 + 24 + 12 + 14)
    left = before["frames"][~before["frames"]["stream_id"].astype(str).str.startswith("1.mp4")]
    now = read_results(out, "frames")
    now = now[~now["stream_id"].astype(str).str.startswith("1.mp4")]
    assert now["pts_ns"].tolist() == left["pts_ns"].tolist()
    assert compact(out).streams == 4
    frames_once(out, 8 + 24 + 12 + 14)


def test_a_run_that_is_ended_before_old_rows_are_away_removes_them_when_it_goes_on(clips, tmp_path):
    out = tmp_path / "out"
    analyse([clips], out)
    compact(out)
    write_video(clips / "1.mp4", squares(60))
    with open_store(out).locked():
        store, commits = open_store(out), read_commits(open_store(out))
        (changed,) = {each["stream_id"] for each in commits if each["stream_id"].startswith("1.mp4")}
        files = run_folder.list_files(store)
        left = run_folder.sweep(store, {changed}, commits, files)
    for limit in range(5):  # three files, then commits
        with pytest.raises(KilledError):
            module.mend(FragileDisk(out, limit), left, files)
    assert analyse([clips], out).resumed == 3
    frames_once(out, 8 + 24 + 12 + 14)


def test_what_an_ended_merge_left_is_gone_after_the_next_run(clips, tmp_path):
    out = tmp_path / "out"
    analyse([clips], out)
    with pytest.raises(KilledError):
        compact_on(FragileDisk(out, 3))  # of frames and points a file, and two commits
    assert len(plain(out, "frames")) > 44
    assert analyse([clips], out).resumed == 4
    frames_once(out, 8 + 10 + 12 + 14)


def test_of_a_merged_file_that_is_lost_all_streams_are_done_again(clips, tmp_path):
    out = tmp_path / "out"
    analyse([clips], out)
    compact(out)
    (path,) = (out / "frames" / "merged").iterdir()
    path.unlink()
    assert analyse([clips], out).resumed == 0
    frames_once(out, 44)


def test_relabelling_a_merged_stream_leaves_each_row_once(drawn_video, tmp_path):
    def analyse_listed(person):
        lines = ["source,person", f"{drawn_video},{person}", f"{tmp_path / 'again.mp4'},Bo"]
        (tmp_path / "list.csv").write_text("\n".join(lines))
        return analyse(read_list(tmp_path / "list.csv"), tmp_path / "out")

    shutil.copyfile(drawn_video, tmp_path / "again.mp4")
    analyse_listed("Ann")
    compact(tmp_path / "out")
    before = rows(tmp_path / "out")
    assert analyse_listed("Anna").resumed == 1
    after = rows(tmp_path / "out")
    same(
        {**after, "tracks": after["tracks"].drop(columns="person")},
        {**before, "tracks": before["tracks"].drop(columns="person")},
    )
    assert set(after["tracks"]["person"]) == {"Anna", "Bo"}
    assert len(plain(tmp_path / "out", "points")) == len(after["points"])


@pytest.mark.parametrize("rows_full", [50, 500_000])
def test_rows_of_a_stream_that_lost_its_commit_go_though_no_file_is_saved(tmp_path, monkeypatch, rows_full):
    make(tmp_path, [video(0), video(1)])
    compact(tmp_path)
    monkeypatch.setattr(module, "ROWS_FULL", rows_full)
    monkeypatch.setattr(module, "STREAM_ROWS_MIN", 1)
    (tmp_path / run_folder.commit_path(video(0).stream_id)).unlink()
    assert compact(tmp_path).streams == 1
    for table in TABLES:
        assert set(plain(tmp_path, table)["stream_id"]) == {video(1).stream_id}
    assert compact(tmp_path).streams == 0
