"""The crop, against the public EmoNet code's (fixtures) and against its own rule."""

import cv2
import numpy as np
import pytest

from pipeline.faces.crops import crop, crop_matrix, landmarks_square, to_picture, warp

PAPER_FACTOR = 200 / 220


@pytest.fixture(scope="module")
def reference(shared):
    with np.load(shared / "fixtures" / "emonet_reference.npz") as content:
        return dict(content)


@pytest.mark.parametrize("i", [0, 1, 2])
def test_the_papers_crop_is_reproduced(reference, i):
    square = landmarks_square(reference[f"crop_{i}_landmarks"], PAPER_FACTOR)
    image = crop(reference["crop_source"], square, 256, resample="bilinear")
    difference = np.abs(image.astype(int) - reference[f"crop_{i}_image"]).max(-1)
    assert (difference <= 2).mean() >= 0.99


@pytest.mark.parametrize("i", [0, 1, 2])
def test_landmarks_go_into_the_crop_and_back(reference, i):
    points = reference[f"crop_{i}_landmarks"]
    square = landmarks_square(points, PAPER_FACTOR)
    matrix = crop_matrix(square, 256)
    inside = points @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(inside - reference[f"crop_{i}_shape"]).max() < 1e-3
    assert np.abs(to_picture(inside[None], np.array([square]), 256)[0] - points).max() < 1e-9


def test_area_averages_what_bilinear_would_skip():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (640, 640), np.uint8)
    averaged = crop(noise, (319.5, 319.5, 640), 64, resample="area")
    skipped = crop(noise, (319.5, 319.5, 640), 64, resample="bilinear")
    assert averaged.std() < 0.35 * skipped.std()
    exact = cv2.resize(noise, (64, 64), interpolation=cv2.INTER_AREA)
    assert np.abs(averaged[1:-1, 1:-1].astype(int) - exact[1:-1, 1:-1]).mean() < 6


@pytest.mark.parametrize("scale", [0.1, 0.24, 0.5, 1.0, 2.5])
def test_a_point_lands_where_the_matrix_says_at_any_scale(scale):
    image = np.zeros((600, 800), np.uint8)
    cv2.circle(image, (420, 310), 24, 255, -1)
    side = 64 / scale
    square = (400.0, 300.0, side)
    small = crop(image, square, 64, resample="area").astype(float)
    if small.sum() == 0 or small.min() == 255:
        pytest.skip("the disk fills the crop")
    y, x = np.mgrid[:64, :64]
    seen = small / small.sum()
    matrix = crop_matrix(square, 64)
    expected = matrix[:, :2] @ [420, 310] + matrix[:, 2]
    if 24 * scale < min(expected.min(), 63 - expected.max()):
        assert [(seen * x).sum(), (seen * y).sum()] == pytest.approx(expected, abs=0.3)


def test_outside_the_picture_is_the_fill():
    image = np.full((50, 50), 200, np.uint8)
    for resample in ("bilinear", "area"):
        for side in (60.0, 600.0):
            out = crop(image, (0.0, 0.0, side), 32, resample=resample, fill=7)
            assert out[0, 0] == 7


def test_the_angle_turns_the_content_clockwise():
    image = np.zeros((101, 101), np.uint8)
    image[50, 80] = 255  # to the right of the middle
    turned = warp(image, crop_matrix((50, 50, 101), 101, angle_deg=90), 101, resample="bilinear")
    assert np.unravel_index(turned.argmax(), turned.shape)[0] > 70  # now below it
