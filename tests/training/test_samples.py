"""Crops that are trained on show what their labels say."""

import numpy as np
import pytest

from training.data.faceset import FLIP, FaceSet
from training.emofan import samples
from training.face_detector import scenes
from training.face_detector.scenes import Scene, sample_crop


@pytest.fixture(autouse=True)
def _clean_pictures(monkeypatch):
    monkeypatch.setattr(scenes, "degrade", lambda image, rng: image)
    monkeypatch.setattr(samples, "degrade", lambda image, rng: image)


def test_a_detector_crop_shows_the_face_where_its_box_is():
    offsets = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x, y, width, height = *rng.integers(60, 180, 2), *rng.integers(20, 120, 2)
        picture = np.full((360, 416), 40, np.uint8)
        picture[y : y + height, x : x + width] = 200
        scene = Scene(picture, np.array([[x, y, x + width, y + height]], np.float32), np.array([False]))
        image, faces, _ = sample_crop(scene, 256, rng)
        shown = ((image.astype(float) - 40) / 160).clip(0, 1)
        if (
            len(faces) == 1
            and faces.min() > 2
            and faces.max() < 254
            and not (shown[[0, -1]].any() or shown[:, [0, -1]].any())
        ):  # nothing seen beyond the picture
            share = shown / shown.sum()
            middle = np.array(
                [(share.sum(0) * (np.arange(256) + 0.5)).sum(), (share.sum(1) * (np.arange(256) + 0.5)).sum()]
            )
            offsets.append(middle - (faces[0, :2] + faces[0, 2:]) / 2)
    assert len(offsets) > 50
    assert np.abs(np.mean(offsets, 0)) == pytest.approx([0, 0], abs=0.05)


def test_a_crop_for_emofan_shows_its_landmarks_where_they_are_said_to_be():
    points = np.random.default_rng(0).uniform(50, 150, (68, 2)).astype(np.float32).round()
    picture = np.zeros((200, 200), np.uint8)
    for x, y in points[[36, 45]].astype(int):  # the outer eye corners as bright spots
        picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    none = np.full((1, 8), np.nan, np.float32)
    faces = FaceSet([picture], points[None], none, np.full((1, 10), -1), none[:, :2])
    config = samples.CropConfig(size_px=128, angle_sd_deg=5, erase_share=0)
    hits = 0
    for seed in range(100):
        image, found = samples.sample_face(faces, 0, config, np.random.default_rng(seed))
        for x, y in found[[36, 45]]:
            if 3 < x < 124 and 3 < y < 124:
                hits += image[round(y), round(x)] > 30
                assert image[round(y), round(x)] > 30
    assert hits > 50


def test_mirroring_twice_is_no_change():
    assert (FLIP[FLIP] == np.arange(68)).all()


def test_a_picture_that_is_in_both_splits_is_left_out_of_training():
    images = [np.full((4, 4), i, np.uint8) for i in range(3)]
    rows = np.zeros((3, 8), np.float32)
    faces = FaceSet(images, np.zeros((3, 68, 2), np.float32), rows, np.zeros((3, 10), int), rows[:, :2])
    rest = faces.without(FaceSet(images[1:2], faces.landmarks[1:2], rows[1:2], faces.votes[1:2], rows[1:2, :2]))
    assert [image[0, 0] for image in rest.images] == [0, 2]
    assert len(rest.landmarks) == len(rest.expression) == len(rest.votes) == len(rest.affect) == 2
