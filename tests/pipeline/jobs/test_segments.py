"""A video that is analysed in segments gives the rows of the undivided one."""

import weakref
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.config import load_config
from pipeline.errors import ResultsError, SinkError
from pipeline.heartbeat import beats
from pipeline.jobs import analyze as module
from pipeline.jobs.analyze import analyze_segment, analyze_source, join_segments
from pipeline.jobs.context import Progress, RunContext
from pipeline.jobs.segments import WARM_S, FileSegment, plan_segments, whole
from pipeline.results.read import read_results
from pipeline.results.run_folder import new_run_id
from pipeline.sources.find import find_sources
from pipeline.storage.store import Disk
from pipeline.tables import TABLES
from tests.fakes import BrightnessAffect, SquareDetector
from tests.media import write_video

FPS = 12


def pictures(count, gone=(0, 0), cut_at=None):
    """Two bright squares: one walks to and fro and is away for a while; at a cut all is upside down, elsewhere."""
    rng = np.random.default_rng(0)
    places = [np.kron(rng.integers(0, 90, (6, 8)), np.ones((20, 20))).astype(np.uint8) for _ in range(2)]
    for i in range(count):
        image = np.repeat(places[cut_at is not None and i >= cut_at][..., None], 3, 2)
        if not gone[0] <= i < gone[1]:
            x = 20 + round(15 * np.sin(i / 9))
            image[20:50, x : x + 30] = 215 + round(30 * np.sin(i / 5))
        image[70:100, 110:140] = 235
        yield image if cut_at is None or i < cut_at else image[::-1]


def context(out, **settings):
    config = load_config(None, {key.replace("__", "."): value for key, value in settings.items()})
    return RunContext(run_id=new_run_id(), out=str(out), config=config, metadata={"config_hash": "0"})


def cut(path, sampling, length_s):
    return plan_segments(str(path), sampling, length_s)


def rows(path, tmp_path, length_s, **settings):
    """(undivided, in segments): run_id aside, all three tables of each; and the number of segments."""
    (source,) = find_sources([path])
    networks = SquareDetector(), BrightnessAffect()
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    analyze_source(source, context(tmp_path / "whole", **settings), *networks)
    divided = context(tmp_path / "cut", **settings)
    segments = cut(source.path, divided.config.sampling, length_s)
    for segment in reversed(segments):  # each knows nothing of the others
        analyze_segment(source, segment, divided, *networks, Progress())
    join_segments(source, segments, divided)
    for name in ("whole", "cut"):
        (tmp_path / name / "run.json").write_text('{"run_id": "0", "config_hash": "0"}')
    tables = [
        {table: read_results(tmp_path / name, table).drop(columns="run_id") for table in TABLES}
        for name in ("whole", "cut")
    ]
    return *tables, len(segments)


def assert_same(whole, divided):
    for name in TABLES:
        assert len(whole[name])
        pd.testing.assert_frame_equal(divided[name], whole[name], check_exact=True, check_categorical=False)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("fps", ["native", 10, 2.5])
@pytest.mark.parametrize("gop", [12, 75])
def test_the_rows_are_those_of_the_undivided_video(tmp_path, suffix, fps, gop):
    path = write_video(tmp_path / f"video.{suffix}", pictures(25 * FPS), fps=FPS, gop=gop)
    whole, divided, count = rows(path, tmp_path, 5.0, sampling__fps=fps)
    assert count >= 4
    assert_same(whole, divided)


def test_a_face_that_is_hidden_at_a_seam_keeps_its_track(tmp_path):
    path = write_video(tmp_path / "video.mp4", pictures(20 * FPS), fps=FPS)
    settings = load_config(None, {"sampling.fps": 10}).sampling
    seam_ns = cut(path, settings, 6.0)[1].start_ns
    first = round(seam_ns / 1e9 * FPS) - 5
    hidden = write_video(tmp_path / "hidden.mp4", pictures(20 * FPS, gone=(first, first + 9)), fps=FPS)
    whole, divided, count = rows(hidden, tmp_path, 6.0)
    assert count == 3
    assert whole["tracks"]["track_id"].tolist() == [1, 2]
    assert_same(whole, divided)


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_scene_cut_at_a_seam_is_one(tmp_path, shift):
    path = write_video(tmp_path / "video.mp4", pictures(20 * FPS), fps=FPS)
    seam_ns = cut(path, load_config(None, {}).sampling, 6.0)[1].start_ns
    at = round(seam_ns / 1e9 * FPS) + shift
    cut_video = write_video(tmp_path / "cut.mp4", pictures(20 * FPS, cut_at=at), fps=FPS)
    whole, divided, _ = rows(cut_video, tmp_path, 6.0, sampling__fps="native")
    assert whole["frames"]["scene_cut"].sum() == 1
    assert_same(whole, divided)


def test_pauses_longer_than_what_is_read_before_a_seam_do_not_matter(tmp_path):
    """Slides: the picture before a seam may have come long ago."""
    rng = np.random.default_rng(1)
    pts_s = np.cumsum(rng.choice([0.08, 0.3, 4.0, 9.0], 60)).tolist()
    path = write_video(tmp_path / "slides.mp4", pictures(60), pts_s=pts_s, gop=6)
    whole, divided, count = rows(path, tmp_path, 12.0, sampling__fps=5)
    assert count >= 5
    assert_same(whole, divided)


def test_a_start_and_an_end_are_kept(tmp_path):
    path = write_video(tmp_path / "video.mp4", pictures(25 * FPS), fps=FPS)
    whole, divided, count = rows(path, tmp_path, 5.0, sampling__start_s=1.3, sampling__end_s=21.7)
    assert count >= 3
    assert_same(whole, divided)


def test_what_a_truncated_video_lacks_is_missing_in_every_segment(tmp_path):
    path = write_video(tmp_path / "video.mkv", pictures(25 * FPS), fps=FPS)
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * 0.6)])
    whole, divided, _ = rows(path, tmp_path, 5.0)
    assert (whole["frames"]["status"] == "decode_error").sum() > 20
    assert_same(whole, divided)


def test_videos_without_an_index_are_not_cut(tmp_path):
    path = write_video(tmp_path / "video.ts", pictures(20 * FPS), fps=FPS)
    assert len(cut(path, load_config(None, {}).sampling, 5.0)) == 1


def test_a_segment_begins_a_little_after_a_key_frame_on_the_grid_of_detection_intervals(tmp_path):
    path = write_video(tmp_path / "video.mp4", pictures(30 * FPS), fps=FPS, gop=4 * FPS)
    segments = cut(path, load_config(None, {}).sampling, 10.0)
    assert [s.start_ns / 1e9 for s in segments] == [0, 8 + WARM_S, 20 + WARM_S]
    assert [s.end_ns for s in segments] == [s.start_ns for s in segments[1:]] + [None]
    assert all(Fraction(s.start_ns, 500_000_000).denominator == 1 for s in segments)


def test_a_segment_is_not_analysed_twice_and_not_joined_before_it_is(tmp_path):
    path = write_video(tmp_path / "video.mp4", pictures(15 * FPS), fps=FPS)
    (source,) = find_sources([path])
    unit = context(tmp_path / "out")
    (tmp_path / "out").mkdir()
    segments = cut(source.path, unit.config.sampling, 5.0)
    detector = SquareDetector()
    analyze_segment(source, segments[0], unit, detector, BrightnessAffect(), Progress())
    seen = detector.num_pictures
    analyze_segment(source, segments[0], unit, detector, BrightnessAffect(), Progress())
    assert detector.num_pictures == seen > 0
    with pytest.raises(ResultsError, match="cannot be read"):
        join_segments(source, segments, unit)
    for segment in segments[1:]:
        analyze_segment(source, segment, unit, detector, BrightnessAffect(), Progress())
    assert join_segments(source, segments, unit).frames == 150
    assert not [*(tmp_path / "out" / "_segments").iterdir()]


@pytest.fixture
def analysed(tmp_path):
    """(source, its segments, context): all that is to be joined."""
    path = write_video(tmp_path / "video.mp4", pictures(15 * FPS), fps=FPS)
    (source,) = find_sources([path])
    unit = context(tmp_path / "out")
    segments = cut(source.path, unit.config.sampling, 5.0)
    for segment in segments:
        analyze_segment(source, segment, unit, SquareDetector(), BrightnessAffect(), Progress())
    return source, segments, unit


@pytest.mark.parametrize("suffix", ["npz", "json"])
@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(path.read_bytes()[:-40]), Path.unlink])
def test_a_segment_whose_analysis_is_damaged_is_told_and_then_analysed_again(analysed, tmp_path, suffix, spoil):
    source, segments, unit = analysed
    spoil(sorted((tmp_path / "out" / "_segments").rglob(f"*.{suffix}"))[1])
    with pytest.raises(ResultsError, match=r"cannot be read .*; run again"):
        join_segments(source, segments, unit)
    detectors = [SquareDetector() for _ in segments]
    for segment, detector in zip(segments, detectors, strict=True):
        analyze_segment(source, segment, unit, detector, BrightnessAffect(), Progress())
    assert [detector.num_pictures > 0 for detector in detectors] == [number == 1 for number in range(len(segments))]
    assert join_segments(source, segments, unit).frames == 150


def test_a_join_holds_one_file_of_a_segment_at_a_time(analysed, tmp_path, monkeypatch):
    """However long the segments are, and however many faces: each file is let go before the next is read."""
    source, _, unit = analysed
    (tmp_path / "out" / "_segments").rename(tmp_path / "large files")
    monkeypatch.setattr("pipeline.jobs.checkpoint.FILE_BYTES", 1)  # a file for each batch
    unit = replace(unit, config=load_config(None, {"batching.size": 8}))
    segments = cut(source.path, unit.config.sampling, 5.0)
    for segment in segments:
        analyze_segment(source, segment, unit, SquareDetector(), BrightnessAffect(), Progress())
    files = len(list((tmp_path / "out").rglob("*.npz")))
    assert files > 12
    batches, alive, contents = [], [], []
    read_batches, read = module.read_batches, Disk.read

    def watched(*arguments):
        for batch in read_batches(*arguments):
            batches.append(weakref.ref(batch.landmarks))
            yield batch
            del batch

    def reading(disk, path):
        if path.endswith(".npz"):
            contents.append(path)
            alive.append(sum(batch() is not None for batch in batches))
        return read(disk, path)

    monkeypatch.setattr(module, "read_batches", watched)
    monkeypatch.setattr(Disk, "read", reading)
    assert join_segments(source, segments, unit).frames == 150
    assert len(contents) == len(set(contents)) == files
    assert max(alive) <= 1


def test_a_join_that_was_ended_after_its_commit_is_repeated(analysed, tmp_path, monkeypatch):
    source, segments, unit = analysed

    def killed(store, stream_id):
        next((tmp_path / "out" / "_segments").rglob("*.npz")).unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "drop_checkpoints", killed)
    with pytest.raises(KeyboardInterrupt):
        join_segments(source, segments, unit)
    monkeypatch.undo()
    assert join_segments(source, segments, unit).frames == 150


def test_a_join_whose_leftovers_cannot_be_removed_is_committed_all_the_same(analysed, monkeypatch):
    def refused(store, stream_id):
        raise SinkError("access denied")

    monkeypatch.setattr(module, "drop_checkpoints", refused)
    assert join_segments(*analysed).frames == 150


@pytest.mark.parametrize("suffix", ["json", "npz"])
def test_a_disk_that_cannot_be_read_for_a_moment_is_tried_again(analysed, monkeypatch, suffix):
    """A worker tries again what ends in a SinkError."""
    read = Disk.read

    def failing(self, path):
        if path.endswith(suffix):
            raise ResultsError("Input/output error")
        return read(self, path)

    monkeypatch.setattr(Disk, "read", failing)
    with pytest.raises(SinkError, match="Input/output error"):
        join_segments(*analysed)
    monkeypatch.undo()
    assert join_segments(*analysed).frames == 150


def test_joining_asks_for_the_state_of_the_source_once_and_beats_for_every_segment(analysed, monkeypatch):
    source, segments, unit = analysed
    asked = []
    state = type(source).state
    monkeypatch.setattr(type(source), "state", lambda self: asked.append(1) or state(self))
    monkeypatch.setattr(module, "_write", lambda *_: (None, None))  # has beats of its own
    monkeypatch.setattr(module, "_commit", lambda *_, **__: None)
    before = beats()
    join_segments(source, segments, unit)
    assert len(asked) == 1
    assert beats() - before == len(segments) > 1


def test_a_try_that_fails_takes_nothing_from_one_that_commits_meanwhile(analysed, tmp_path, monkeypatch):
    """A node that is taken for dead lives on: the other try of its job commits as this one fails."""
    source, segments, unit = analysed
    order = []
    reading, write = {name: getattr(Disk, name) for name in ("exists", "files", "read")}, module.write_commit

    def other_commits():
        order.append("commits")
        assert join_segments(source, segments, unit).frames == 150

    def fails(store, commit):
        if "commits" in order:
            return write(store, commit)
        order.append("fails")
        raise SinkError("no space left")

    def looking(name):
        def look(disk, path):
            seen = reading[name](disk, path)
            if order == ["fails"]:
                other_commits()  # after this one has looked, before it does anything about it
            return seen

        return look

    monkeypatch.setattr(module, "write_commit", fails)
    for name in reading:
        monkeypatch.setattr(Disk, name, looking(name))
    with pytest.raises(SinkError, match="no space left"):
        join_segments(source, segments, unit)
    if order == ["fails"]:
        other_commits()
    monkeypatch.undo()
    (tmp_path / "out" / "run.json").write_text('{"run_id": "0", "config_hash": "0"}')
    assert len(read_results(tmp_path / "out", "frames")) == 150


def test_the_first_of_two_tries_to_commit_stands(analysed, tmp_path, monkeypatch):
    source, segments, unit = analysed
    finish = module.RowFinalizer.finish

    def late(finalizer, ended):
        monkeypatch.undo()
        join_segments(source, segments, replace(unit, run_id="other"))
        return finish(finalizer, ended)

    monkeypatch.setattr(module.RowFinalizer, "finish", late)
    assert join_segments(source, segments, unit).frames == 150
    (tmp_path / "out" / "run.json").write_text('{"run_id": "0", "config_hash": "0"}')
    for table in TABLES:
        assert set(read_results(tmp_path / "out", table)["run_id"]) == {"other"}


def test_looking_for_cuts_does_not_disturb_reading(tmp_path):
    path = write_video(tmp_path / "video.mp4", pictures(12 * FPS), fps=FPS, gop=30 * FPS)
    sampling = load_config(None, {"sampling.fps": "native"}).sampling
    with FileSegment(str(path), whole(sampling), sampling, batch_frames=32) as reader:
        assert len(plan_segments(str(path), sampling, 3.0)) == 2
        assert [frame.frame_index for frame in reader.frames()] == list(range(12 * FPS))
