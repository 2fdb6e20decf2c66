"""All eight orientations, of stills and of videos, against numpy's turns and flips of the stored pixels."""

import subprocess

import cv2
import numpy as np
import pytest

from affectstream import analyze, read_results
from pipeline.video.decode import VideoReader
from tests.exif import as_shown, as_stored, write_picture
from tests.heif import write_heif
from tests.media import write_video

MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
"""a b c d of the display matrix of each EXIF orientation."""


def scene(width=96, height=64):
    """No turn or flip of it is like another; smooth, so that codecs keep it."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    image = np.stack([40 + 170 * x * y, 60 + 140 * x, 30 + 190 * y**2], axis=-1)
    return image.round().astype(np.uint8)


def luma(image):
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(float)


def full(picture):
    y = picture.y.astype(float)
    return y if picture.full_range else (y - 16) * 255 / 219


def check(path, expected, **wanted):
    with VideoReader(path, **wanted) as reader:
        frame = next(reader.frames())
        picture, image = frame.picture(), frame.bgr()
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).mean() < 4
    assert picture.y.shape == expected.shape[:2]
    assert picture.u.shape == picture.v.shape == tuple(-(-side // 2) for side in expected.shape[:2])
    assert np.abs(full(picture) - luma(expected)).mean() < 5


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_a_picture_is_shown_as_its_exif_says(tmp_path, suffix, orientation):
    path = write_picture(tmp_path / f"picture{suffix}", scene(), orientation)
    check(path, as_shown(scene(), orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_video_is_shown_as_its_display_matrix_says(tmp_path, suffix, orientation):
    path = write_video(tmp_path / f"video{suffix}", [scene()] * 3, matrix=MATRICES[orientation])
    check(path, as_shown(scene(), orientation))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_odd_sizes_are_turned_whole(tmp_path, orientation):
    image = scene(97, 63)
    check(write_picture(tmp_path / "odd.png", image, orientation), as_shown(image, orientation))


@pytest.mark.parametrize("rotate", [90, 180, 270])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotation_is_clockwise_and_comes_after_the_files_own(tmp_path, orientation, rotate):
    path = write_video(tmp_path / "video.mp4", [scene()] * 3, matrix=MATRICES[orientation])
    check(path, np.rot90(as_shown(scene(), orientation), -rotate // 90), rotate=rotate)
    path = write_picture(tmp_path / "picture.jpg", scene(), orientation)
    check(path, np.rot90(as_shown(scene(), orientation), -rotate // 90), rotate=rotate)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_is_stored_turned_is_shown_upright(tmp_path, orientation):
    check(write_picture(tmp_path / "p.png", as_stored(scene(), orientation), orientation), scene())


@pytest.mark.parametrize(("quarter_turns", "mirrored"), [(0, True), (1, False), (3, True)])
def test_heic_and_avif_are_shown_as_their_properties_say(tmp_path, quarter_turns, mirrored):
    shown = np.rot90(scene(128, 64), quarter_turns)
    shown = np.fliplr(shown) if mirrored else shown
    for suffix in (".heic", ".avif"):
        path = write_heif(tmp_path / f"p{suffix}", [scene(128, 64)], quarter_turns=quarter_turns, mirrored=mirrored)
        check(path, shown)


@pytest.mark.parametrize("matrix", [(0, 0, 0, 0), (1, 0, 1, 0), (0.001, 0.001, 0.001, 0.001)])
def test_a_damaged_matrix_that_would_squash_the_picture_is_none(tmp_path, matrix):
    check(write_video(tmp_path / "video.mp4", [scene()] * 3, matrix=matrix), scene())


def test_an_angle_between_is_the_nearest_quarter_turn(tmp_path):
    sine, cosine = np.sin(np.radians(80)), np.cos(np.radians(80))
    path = write_video(tmp_path / "video.mp4", [scene()] * 3, matrix=(cosine, sine, -sine, cosine))
    with VideoReader(path) as reader:
        shown = next(reader.frames()).bgr()
    upright = np.rot90(scene(), -1)
    shown = cv2.resize(shown, upright.shape[1::-1])  # libav makes something of pixels' shapes of such a matrix
    assert np.abs(shown.astype(int) - upright).mean() < 4


def test_h264s_own_orientation_counts_too(tmp_path):
    plain, turned = write_video(tmp_path / "plain.h264", [scene()] * 3), tmp_path / "turned.h264"
    command = ["ffmpeg", "-v", "error", "-i", plain, "-c", "copy", "-bsf:v"]
    subprocess.run([*command, "h264_metadata=display_orientation=insert:flip=horizontal", turned], check=True)
    check(turned, np.fliplr(scene()))


def test_what_could_not_be_decoded_has_the_size_of_what_could(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (50, 64, 96, 3), np.uint8)
    path = write_video(tmp_path / "cut.mkv", noise, matrix=MATRICES[6])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    out = tmp_path / "out"
    analyze(path, out=out)
    frames = read_results(out, "frames")
    assert (frames["status"] == "decode_error").any()
    assert set(zip(frames["width"], frames["height"], strict=True)) == {(64, 96)}
