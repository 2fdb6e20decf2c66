"""Merging that is ended, disks that fail, readers that read meanwhile: all rows, each once, at every moment."""

import shutil
from itertools import cycle

import pandas as pd
import pytest

from pipeline.errors import ResultsError, SinkError
from pipeline.results import compact as module
from pipeline.results import run_folder
from pipeline.results.commits import read_commits
from pipeline.results.compact import compact
from pipeline.results.read import read_results, read_table
from pipeline.storage.store import Disk, open_store
from pipeline.tables import TABLES
from tests.pipeline.report import made_up
from tests.pipeline.results.merging import (
    NS,
    FragileDisk,
    KilledError,
    compact_on,
    make,
    many,
    plain,
    rows,
    same,
    tables,
    video,
)


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    """A file of a stream's own holds two seconds."""
    monkeypatch.setattr("pipeline.sinks.files.PART_NS", 2 * NS)


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
        named = {part.path for commit in read_commits(open_store(out)) for part in commit.parts}
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
        return {path: size for path, size in whole(disk, folder).items() if name not in path}

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


def test_a_stream_of_which_a_file_is_missing_waits_for_the_next_run(tmp_path):
    make(tmp_path, [video(i) for i in range(3)])
    lost = next((tmp_path / "points").glob("*001*/*"))
    lost.unlink()
    done = compact(tmp_path)
    assert (done.streams, done.damaged) == (2, [f"{lost}: committed, but is missing"])
    assert len(read_results(tmp_path, stream_id=video(2).stream_id))
    with pytest.raises(ResultsError, match=lost.name):
        read_results(tmp_path)


def test_a_damaged_file_is_named_and_nothing_is_lost(tmp_path):
    make(tmp_path, [video(i) for i in range(3)])
    others = read_results(tmp_path, stream_id=video(2).stream_id)
    damaged = next((tmp_path / "points").glob("*001*/*"))
    damaged.write_bytes(b"PAR1 no more".ljust(damaged.stat().st_size))
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
