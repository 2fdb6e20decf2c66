"""What networks see of a picture, against OpenCV's own colour conversion."""

import cv2
import numpy as np
import pytest

from pipeline.faces.pixels import crop_faces, detector_input
from pipeline.types import Picture


def picture_of(bgr):
    """A limited-range BT.601 picture, as OpenCV converts it."""
    height, width = bgr.shape[:2]
    planes = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420).ravel()
    y, u, v = np.split(planes, [height * width, height * width * 5 // 4])
    half = (height // 2, width // 2)
    return Picture(y.reshape(height, width), u.reshape(half), v.reshape(half), False, "bt601")


@pytest.fixture
def smooth():
    rng = np.random.default_rng(0)
    return cv2.resize(rng.integers(0, 256, (5, 8, 3), np.uint8), (320, 200), interpolation=cv2.INTER_CUBIC)


def test_rgb_is_that_of_the_picture(smooth):
    image, scale = detector_input(picture_of(smooth), channels=3, long_side_px=320, multiple_px=1)
    assert scale == 1
    assert np.abs(image[..., ::-1].astype(int) - smooth).mean() < 4


def test_luma_is_full_range():
    white = picture_of(np.full((40, 60, 3), 255, np.uint8))
    black = picture_of(np.zeros((40, 60, 3), np.uint8))
    assert detector_input(white, channels=1, long_side_px=60, multiple_px=1)[0].min() == 255
    assert detector_input(black, channels=1, long_side_px=60, multiple_px=1)[0].max() == 0


def test_the_longer_side_is_scaled_and_the_rest_padded_with_black(smooth):
    image, scale = detector_input(picture_of(smooth), channels=1, long_side_px=640, multiple_px=32)
    assert (image.shape, scale) == ((416, 640, 1), 2.0)
    assert image[400:].max() == 0
    tall, _ = detector_input(picture_of(smooth.transpose(1, 0, 2).copy()), channels=1, long_side_px=640, multiple_px=32)
    assert tall.shape == (640, 416, 1)


def test_a_crop_in_colour_shows_the_same_place_as_in_luma(smooth):
    picture = picture_of(smooth)
    squares = np.array([[160.0, 100.0, 80.0], [0.0, 0.0, 60.0]])
    colour = crop_faces(picture, squares, 80, channels=3, resample="area")
    luma = crop_faces(picture, squares, 80, channels=1, resample="area")
    assert np.abs(cv2.cvtColor(colour[0], cv2.COLOR_RGB2GRAY).astype(int) - luma[0, ..., 0]).mean() < 3
    assert np.abs(colour[0][..., ::-1].astype(int) - smooth[60:140, 120:200]).mean() < 5
    assert luma[1, 0, 0, 0] == 0
    assert colour[1, 0, 0].max() <= 1
