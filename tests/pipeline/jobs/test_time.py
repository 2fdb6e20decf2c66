"""What becomes of a recording's time in the rows, the summaries and what people are told."""

import json
import shutil
import struct
import subprocess
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from pipeline.jobs.analyze import analyze_segment, analyze_source, join_segments
from pipeline.jobs.context import Progress
from pipeline.results.read import read_results
from pipeline.sources.find import find_sources
from pipeline.tables import TABLES
from tests.fakes import BrightnessAffect, SquareDetector
from tests.media import write_video
from tests.pipeline.jobs.test_segments import context, cut, pictures

FPS = 12


def face(brightness):
    image = np.full((120, 160, 3), 30, np.uint8)
    image[30:90, 50:110] = brightness
    return image


def analysed(path, out, **settings):
    """(report, frames, points, tracks) of one file."""
    out.mkdir()
    (source,) = find_sources([path])
    report = analyze_source(source, context(out, **settings), SquareDetector(), BrightnessAffect())
    (out / "run.json").write_text('{"run_id": "0", "config_hash": "0"}')
    return report, *(read_results(out, table) for table in ("frames", "points", "tracks"))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("fps", ["native", 10])
def test_means_are_weighted_by_time_where_a_picture_is_held(tmp_path, suffix, fps):
    """1 s at 30 fps, then one picture for 9 s."""
    times = [*(i / 30 for i in range(31)), 299 / 30]
    path = write_video(tmp_path / f"vfr.{suffix}", [face(160)] * 30 + [face(240)] * 2, pts_s=times, fps=30)
    report, frames, points, tracks = analysed(path, tmp_path / "out", sampling__fps=fps)
    values = points.groupby(points["pts_ns"] >= 10**9)["valence"].mean()
    expected = 0.1 * values[False] + 0.9 * values[True]
    assert report.valence_mean == pytest.approx(expected, abs=0.02)
    first = tracks.sort_values("start_ns").iloc[0]
    assert first["valence_mean"] == pytest.approx(expected, abs=0.03)
    spread = np.sqrt(0.1 * (values[False] - expected) ** 2 + 0.9 * (values[True] - expected) ** 2)
    assert first["valence_sd"] == pytest.approx(spread, abs=0.03)
    assert report.video_s == pytest.approx(10, abs=0.1)
    assert (frames["status"] != "decode_error").all()


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), 5, 3])
def test_samples_two_a_second_are_smoothed(tmp_path, rate):
    images = [face(190 + round(40 * np.sin(i / float(rate)))) for i in range(round(rate * 12))]
    path = write_video(tmp_path / "a.mp4", images, fps=rate)
    _, _, points, _ = analysed(path, tmp_path / "out", sampling__fps=2)
    assert len(points) >= 18
    assert (points["valence"] != points["valence_smooth"]).all()


def test_joined_recordings_give_all_frames_and_a_line(tmp_path):
    first, second = (
        write_video(tmp_path / f"{i}.ts", pictures(30), fps=FPS, pts_s=[begin + k / FPS for k in range(30)])
        for i, begin in enumerate((1000, 0))
    )
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    report, frames, *_ = analysed(path, tmp_path / "out", sampling__fps="native")
    assert len(frames) == 60
    assert np.diff(frames["pts_ns"]) == pytest.approx(1e9 / FPS, abs=2)
    assert frames["frame_index"].tolist() == list(range(60))
    assert (frames["status"] != "decode_error").all()
    (line,) = report.time_notes
    assert line.startswith("clock jumps once, first at 0:00:02.5 by -10")
    commit = json.loads(next((tmp_path / "out" / "_commits").iterdir()).read_text())
    assert commit["report"]["time_notes"] == [line]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg command is not installed")
@pytest.mark.parametrize("suffix", ["mkv", "flv"])
def test_a_length_that_cannot_be_is_named_and_not_believed(tmp_path, suffix):
    path = write_video(tmp_path / f"a.{suffix}", pictures(24), fps=FPS, options={"bf": "0"})
    content = bytearray(path.read_bytes())
    if suffix == "mkv":
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", path, "-c", "copy", tmp_path / "b.mkv"], check=True)
        content = bytearray((tmp_path / "b.mkv").read_bytes())
        at = content.rfind(b"DURATION") + len("DURATION") + 3
        content[at : at + 18] = b"99999:00:00.000000"
    else:
        at = content.index(b"duration") + len("duration") + 1
        content[at : at + 8] = struct.pack(">d", 2_000_000.0)  # written in ms
    path.write_bytes(content)
    report, frames, *_ = analysed(path, tmp_path / "out", sampling__fps="native")
    assert (frames["status"] != "decode_error").all()
    assert len(frames) == 24
    (note,) = report.time_notes
    assert note.startswith("claims to be ") and note.endswith("ends at 0:00:02.0")


def test_segments_of_recordings_joined_byte_for_byte_give_the_undivided_rows(tmp_path):
    """The second begins at 0 again: its frames follow, in the last segment."""
    first, second = (
        write_video(tmp_path / f"{i}.mkv", pictures(count * FPS), fps=FPS).read_bytes()
        for i, count in enumerate((20, 8))
    )
    path = tmp_path / "joined.mkv"
    path.write_bytes(first + second)
    report, *whole = analysed(path, tmp_path / "whole", sampling__fps=10)
    (source,) = find_sources([path])
    (tmp_path / "cut").mkdir()
    unit = context(tmp_path / "cut", sampling__fps=10)
    segments = cut(source.path, unit.config.sampling, 5.0)
    assert len(segments) >= 3
    for segment in segments:
        analyze_segment(source, segment, unit, SquareDetector(), BrightnessAffect(), Progress())
    joined = join_segments(source, segments, unit)
    assert joined.time_notes == report.time_notes
    (tmp_path / "cut" / "run.json").write_text('{"run_id": "0", "config_hash": "0"}')
    for table, undivided in zip(("frames", "points", "tracks"), whole, strict=True):
        divided = read_results(tmp_path / "cut", table)
        assert table in TABLES and len(undivided)
        pd.testing.assert_frame_equal(
            divided.drop(columns="run_id"), undivided.drop(columns="run_id"), check_categorical=False
        )
