"""Runs that go on in a folder whose files were merged."""

import shutil

import pytest

from pipeline.config import load_config
from pipeline.results import compact as module
from pipeline.results import run_folder
from pipeline.results.commits import commit_path, read_commits
from pipeline.results.compact import compact
from pipeline.results.read import read_results
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from pipeline.sources.lists import read_list
from pipeline.storage.store import open_store
from pipeline.tables import TABLES
from tests.media import squares, write_video
from tests.pipeline.results.merging import NS, FragileDisk, KilledError, compact_on, make, plain, rows, same, video

ONE_THREAD = {"networks.threads": 1}


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    """A file of a stream's own holds two seconds."""
    monkeypatch.setattr("pipeline.sinks.files.PART_NS", 2 * NS)


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
        (changed,) = {each.stream_id for each in commits if each.stream_id.startswith("1.mp4")}
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
    (tmp_path / commit_path(video(0).stream_id)).unlink()
    assert compact(tmp_path).streams == 1
    for table in TABLES:
        assert set(plain(tmp_path, table)["stream_id"]) == {video(1).stream_id}
    assert compact(tmp_path).streams == 0
