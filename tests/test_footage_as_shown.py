"""The smile clip as cameras, editors and downloads leave it: what a player shows must give what the clip gives."""

import struct

import numpy as np
import pytest

from affectstream import analyze
from pipeline.errors import SourceError
from tests.commands import affectstream
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
