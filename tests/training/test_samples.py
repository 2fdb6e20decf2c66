"""Crops that are trained on show what their labels say."""

import cv2
import numpy as np
import pytest

from tests.training.turned import TURNED
from training.data.faceset import FLIP, FaceSet
from training.data.scenes import Scene
from training.emofan import samples
from training.emofan.network import EmoFANConfig
from training.errors import TrainingError
from training.face_detector.occlusion import cover_faces
from training.face_detector.samples import sample_crop, turn_boxes
from training.runs import EmoFANRun, SetConfig
from training.tasks.emofan import BatchConfig, chances
from training.trainer import LoopConfig


@pytest.fixture(autouse=True)
def _clean_pictures(monkeypatch):
    monkeypatch.setattr(samples, "degrade", lambda image, rng: image)


def test_a_detector_crop_shows_the_face_where_its_box_is():
    offsets = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x, y, width, height = *rng.integers(60, 180, 2), *rng.integers(20, 120, 2)
        picture = np.full((360, 416), 40, np.uint8)
        centre, axes = (float(x + width / 2 - 0.5), float(y + height / 2 - 0.5)), (int(width - 1), int(height - 1))
        cv2.ellipse(picture, (centre, axes, 0), 200, cv2.FILLED)  # round, like a face, however it is turned
        scene = Scene(picture, np.array([[x, y, x + width, y + height]], np.float32), np.array([False]))
        image, faces, _ = sample_crop(scene, 256, rng, TURNED)
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


def test_a_turned_box_frames_the_turned_ellipse():
    boxes = np.array([[10.0, 20.0, 50.0, 40.0]])  # 40 wide, 20 high
    quarter = np.array([[0.0, -1.0, 100.0], [1.0, 0.0, 0.0]])
    assert turn_boxes(boxes, quarter) == pytest.approx(np.array([[60.0, 10.0, 80.0, 50.0]]))
    angle, around = np.radians(30), np.linspace(0, 2 * np.pi, 2000)
    turn = np.array([[np.cos(angle), -np.sin(angle), 5.0], [np.sin(angle), np.cos(angle), 7.0]])
    outline = np.column_stack([30 + 20 * np.cos(around), 30 + 10 * np.sin(around)]) @ turn[:, :2].T + turn[:, 2]
    expected = np.concatenate([outline.min(0), outline.max(0)])
    assert turn_boxes(boxes, turn)[0] == pytest.approx(expected, abs=1e-3)


def test_covering_changes_pixels_of_chosen_faces_only_and_never_the_given_picture():
    rng = np.random.default_rng(0)
    picture = rng.integers(100, 110, (120, 160), np.uint8)
    boxes = np.array([[20, 20, 60, 70], [100, 20, 108, 30]], np.float32)  # the second is too small
    given, changed = picture.copy(), 0
    for _ in range(20):
        covered = cover_faces(picture, boxes, 1.0, rng)
        assert (picture == given).all()
        rows, columns = np.nonzero(covered != picture)
        changed += len(rows) > 0
        assert len(rows) == 0 or (columns.max() < 100 and covered.shape == picture.shape)
    assert changed > 15
    assert cover_faces(picture, boxes, 0.0, rng) is picture


def test_a_crop_for_emofan_shows_its_landmarks_where_they_are_said_to_be():
    points = np.random.default_rng(0).uniform(50, 150, (68, 2)).astype(np.float32).round()
    picture = np.zeros((200, 200), np.uint8)
    for x, y in points[[36, 45]].astype(int):  # the outer eye corners as bright spots
        picture[y - 2 : y + 3, x - 2 : x + 3] = 255
    faces = FaceSet.of([picture], landmarks=points[None])
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
    faces = FaceSet.of(images, names=["a", "b", "c"])
    rest = faces.without(FaceSet.of(images[1:2]))
    assert [image[0, 0] for image in rest.images] == [0, 2]
    assert rest.names.tolist() == ["a", "c"]
    assert len(rest.landmarks) == len(rest.expression) == len(rest.votes) == len(rest.affect) == 2


def test_a_colour_network_learns_from_grey_faces_and_grey_squares_without_a_face(data):
    config = EmoFANConfig(input_channels=3, input_px=64, stem_channels=8, channels=16, stacks=1, depth=2)
    sets = tuple(
        SetConfig(set=name, share=share) for name, share in (("ferplus", 0.0), ("newsfaces", 0.25), ("scenes", 0.25))
    )
    run = EmoFANRun(loop=LoopConfig(steps=1), network=config, sets=sets, batch=BatchConfig(size=8))
    images = run.task(data).batch(np.random.default_rng(0))["images"]
    assert images.shape == (8, 3, 64, 64)
    assert (images[:, :1] == images).all()  # colour must not tell what is a face


def test_faces_of_rare_expressions_are_drawn_oftener_as_balance_says():
    expression = np.repeat(np.eye(8, dtype=np.float32)[[0, 1]], [90, 10], axis=0)
    unnamed = FaceSet.of([np.zeros((4, 4), np.uint8)], affect=np.zeros((1, 2)))
    faces = FaceSet.of([np.zeros((4, 4), np.uint8)] * 101, expression=np.vstack([expression, np.full((1, 8), np.nan)]))
    assert chances(faces, 0.0)[:100] == pytest.approx(np.full(100, 0.01))
    assert chances(faces, 0.0)[100] == 0  # nothing is known of it
    assert chances(faces, 1.0)[90:100].sum() == pytest.approx(0.5)
    assert chances(faces, 0.5)[90:100].sum() == pytest.approx(0.25)  # sqrt(9) to 1
    assert chances(unnamed, 0.0) == pytest.approx([1.0])
    with pytest.raises(TrainingError, match="nothing to balance"):
        chances(unnamed, 0.5)


def test_what_is_held_back_is_the_same_each_time_and_keeps_people_and_copies_together():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (4, 4), np.uint8) for _ in range(200)]
    kept, held = FaceSet.of([*pictures, *pictures], names=[str(i % 200) for i in range(400)]).hold_back(0.2)
    assert len(kept) + len(held) == 400
    assert 40 < len(held) < 120
    assert not set(kept.names) & set(held.names)
    people = [f"p{i % 20}" for i in range(200)]
    kept, held = FaceSet.of(pictures, persons=people).hold_back(0.3)
    assert len(held)
    assert not set(kept.persons) & set(held.persons)
