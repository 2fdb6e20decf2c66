"""The smile clip as cameras, editors and downloads leave it: what a player shows must give what the clip gives."""

import shutil
import struct
import subprocess

import av
import numpy as np
import pytest

from affectstream import analyze, read_results
from pipeline.errors import SourceError
from pipeline.faces.quality import Quality
from tests.commands import affectstream
from tests.hdr import HLG, PQ, write_hdr
from tests.media import write_video
from tests.pipeline.video.test_orientation import MATRICES

WIDTH = 640
UPRIGHT = {1: 0, 2: 0, 3: 180, 4: 180, 5: 90, 6: 270, 7: 270, 8: 90}
"""Degrees clockwise that bring the clip back after each orientation, to upright or to mirrored."""
MIRRORED = (2, 4, 5, 7)


@pytest.fixture(scope="module")
def smile(shared):
    return shared / "media" / "neutral_to_smile.mp4"


@pytest.fixture(scope="module")
def reference(smile):
    return analyze(smile, fps=5)


def oriented(smile, path, orientation):
    """The same pixels with another display matrix: 9 numbers in the track header of an MP4."""
    content = bytearray(smile.read_bytes())
    header = content.index(b"tkhd")
    at = header + 8 + (32 if content[header + 4] == 1 else 20) + 16
    a, b, c, d = (value << 16 for value in MATRICES[orientation])
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("orientation", [2, 3, 5])
def test_a_smile_in_any_orientation_is_that_smile(smile, reference, tmp_path, orientation):
    path = oriented(smile, tmp_path / "clip.mp4", orientation)
    points = analyze(path, fps=5, rotate=UPRIGHT[orientation])
    assert len(points) == len(reference)
    assert points["track_id"].nunique() == 1
    assert (points["grade"] == 2).mean() >= 0.95
    difference = (points["valence"] - reference["valence"]).abs()
    if orientation in MIRRORED:
        assert difference.mean() < 0.05
        assert np.abs(WIDTH - points["x2"] - reference["x1"]).median() < 5
        assert np.abs(WIDTH - points["x1"] - reference["x2"]).median() < 5
    else:
        assert difference.max() < 1e-4


@pytest.fixture(scope="module")
def pictures(smile):
    """Twelve of them, 5 a second."""
    with av.open(str(smile)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)][::6]


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_a_smile_in_hdr_is_that_smile(reference, pictures, tmp_path, transfer, full_range):
    path = write_hdr(tmp_path / "hdr.mp4", pictures, transfer, fps=5, full_range=full_range)
    points = analyze(path, fps="native")
    assert len(points) == len(reference) == len(pictures)
    assert (points["valence"] - reference["valence"]).abs().max() < 0.05
    assert (points["luma"] - reference["luma"]).abs().max() < 5
    assert (points["quality"] == reference["quality"]).all()


@pytest.mark.parametrize(("gain", "flag"), [(0.2, Quality.DARK), (3.0, Quality.BRIGHT)])
@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_a_face_is_dark_or_bright_in_hdr_where_it_is_in_sdr(pictures, tmp_path, transfer, gain, flag):
    images = [np.clip(image * gain, 0, 255).astype(np.uint8) for image in pictures[-2:]]
    sdr = analyze(write_video(tmp_path / "sdr.mp4", images, fps=5), fps="native")
    hdr = analyze(write_hdr(tmp_path / "hdr.mp4", images, transfer, fps=5), fps="native")
    assert len(sdr) == len(hdr) == 2
    for points in (sdr, hdr):
        assert (points["quality"] & int(flag) != 0).all()


def test_the_command_turns_footage_that_lost_its_orientation(smile, reference, tmp_path):
    path = oriented(smile, tmp_path / "clip.mp4", 3)
    done = affectstream("analyze", path, "--fps", 5, "--rotate", 180, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    refused = affectstream("analyze", path, "--fps", 5, "--rotate", 90, "-o", tmp_path / "out")
    assert refused.returncode == 2
    assert "rotate" in refused.stderr
    wrong = affectstream("analyze", path, "--rotate", 45, "-o", tmp_path / "out")
    assert wrong.returncode == 2
    assert "--rotate" in wrong.stderr
    assert "90" in wrong.stderr


def test_a_stream_that_is_not_there_is_named_with_those_that_are(smile, tmp_path):
    with pytest.raises(SourceError, match=r"has no video stream 1; it has 0 \(640x360 h264\)"):
        analyze(smile, video_stream=1)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg command is not installed")
def test_the_stream_that_a_player_shows_is_analysed_and_the_other_is_named(smile, tmp_path):
    path = tmp_path / "preview_first.mkv"
    both = ["-map", "0:v", "-map", "0:v", "-c:v", "libx264", "-s:v:0", "160x90"]
    flags = ["-disposition:v:0", "0", "-disposition:v:1", "default"]
    subprocess.run(["ffmpeg", "-v", "error", "-t", "0.5", "-i", smile, *both, *flags, path], check=True)
    done = affectstream("analyze", path, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "not analysed: video stream 0 (160x90 h264)" in done.stdout
    assert set(read_results(tmp_path / "out", "frames")["width"]) == {640}
    small = affectstream("analyze", path, "--video-stream", 0, "-o", tmp_path / "small")
    assert "not analysed: video stream 1 (640x360 h264)" in small.stdout
    assert set(read_results(tmp_path / "small", "frames")["width"]) == {160}
