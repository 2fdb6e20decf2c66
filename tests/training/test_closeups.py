"""Close-ups that the detector learns from, and those that it is measured on, show what their labels say."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from tests.fakes import SquareDetector
from tests.training.turned import TURNED
from training.data.faceset import FaceSet
from training.data.scenes import Scene, hold_out
from training.evaluation.closeups import Closeup, closeup_figures, enlarged, judge, laid_on
from training.face_detector import closeups
from training.face_detector.augmentation import Augmentation
from training.face_detector.canvases import Pictures, sample_canvas
from training.face_detector.closeups import SHAPES, Portraits, sample_enlarged, sample_pasted, shape_px

DARK, BRIGHT = 40, 200


def scene(x=150, y=100, width=80, height=100, size=(416, 312), **more):
    """A bright ellipse on dark ground: round, like a face, however it is turned."""
    picture = np.full(size[::-1], DARK, np.uint8)
    _ellipse(picture, x, y, width, height)
    return Scene(picture, np.array([[x, y, x + width, y + height]], np.float32), np.array([False]), **more)


def _ellipse(picture, x, y, width, height):
    cv2.ellipse(picture, ((x + width / 2 - 0.5, y + height / 2 - 0.5), (width - 1, height - 1), 0), BRIGHT, cv2.FILLED)


def portrait(size=128, x=30, y=20, width=60, height=80):
    picture = np.full((size, size), DARK, np.uint8)
    _ellipse(picture, x, y, width, height)
    return Portraits([picture], np.array([[x, y, x + width, y + height]], np.float32))


def shown_box(image):
    """What is bright in a picture, as a box."""
    rows, columns = np.nonzero(image > (DARK + BRIGHT) / 2)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])


def test_an_enlarged_face_lies_in_its_box_and_fills_what_was_asked_for(monkeypatch):
    monkeypatch.setattr(closeups, "FILL", (0.4, 0.95))
    fills = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        size = shape_px(list(SHAPES.values())[seed % len(SHAPES)], 512)
        image, faces, _ = sample_enlarged(scene(), size, rng, Augmentation(0.0))
        assert image.shape == size[::-1]
        if len(faces) == 1 and faces.min() > 1 and (faces[0, 2:] < np.array(size) - 1).all():
            if np.unique(image[[0, -1]]).size == 1:  # nothing of a border that is filled with another tone
                assert shown_box(image) == pytest.approx(faces[0], abs=4)
            fills.append(((faces[0, 2:] - faces[0, :2]) / size).max())
    assert len(fills) > 20
    assert 0.35 < min(fills) < 0.5
    assert 0.8 < max(fills) <= 0.96


def test_a_scene_of_small_faces_gives_no_close_up():
    tiny = scene(width=15, height=20)
    assert sample_enlarged(tiny, (256, 256), np.random.default_rng(0)) is None


def test_a_pasted_portrait_lies_in_its_box():
    blank = Scene(np.full((300, 400), DARK, np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, bool))
    offsets = []
    for seed in range(60):
        image, faces, _ = sample_pasted(portrait(), blank, (512, 384), np.random.default_rng(seed), TURNED)
        assert len(faces) == 1
        if faces.min() > 2 and (faces[0, 2:] < [510, 382]).all():
            offsets.append(shown_box(image) - faces[0])
    assert len(offsets) > 20
    assert np.abs(np.median(offsets, 0)) == pytest.approx([0] * 4, abs=3)


def test_faces_under_a_portrait_are_no_longer_labelled():
    crowd = Scene(np.full((300, 400), DARK, np.uint8), np.array([[180, 130, 220, 170]], np.float32), np.array([False]))
    for seed in range(30):
        rng = np.random.default_rng(seed)
        _, faces, ignored = sample_pasted(portrait(), crowd, (512, 384), rng, TURNED)
        assert len(faces) + len(ignored) <= 2
        if len(faces) == 2:  # both are seen: they must not lie over each other
            low, high = np.maximum(*faces[:, :2]), np.minimum(*faces[:, 2:])
            area = (faces[1, 2:] - faces[1, :2]).prod()
            assert np.clip(high - low, 0, None).prod() <= 0.6 * area


def test_a_canvas_holds_pictures_of_every_kind_with_their_boxes_inside():
    pictures = Pictures([scene(), scene(x=20, width=40, height=50)], (), portrait(), augmentation=TURNED)
    kinds = set()
    for seed in range(60):
        image, faces, ignored = sample_canvas(pictures, 256, np.random.default_rng(seed))
        assert image.shape == (256, 256)
        assert image.dtype == np.uint8
        for boxes in (faces, ignored):
            assert boxes.dtype == np.float32
            assert ((boxes >= 0) & (boxes <= 256)).all()
        kinds.add(min(len(faces), 2))
    assert kinds >= {1, 2}


def test_the_same_seed_makes_the_same_canvas():
    pictures = Pictures([scene()], (), portrait())
    first, again = (sample_canvas(pictures, 256, np.random.default_rng(3)) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


def test_events_that_are_held_out_are_not_learnt_from():
    events = [
        Scene(np.zeros((4, 4), np.uint8), np.zeros((0, 4)), np.zeros(0, bool), f"event {i % 20}") for i in range(60)
    ]
    learnt, held = hold_out(events)
    assert len(learnt) + len(held) == 60
    assert 0 < len(held) < 15
    assert not {s.event for s in learnt} & {s.event for s in held}


def test_portraits_without_landmarks_are_left_out():
    points = np.stack([np.random.default_rng(0).uniform(30, 90, (68, 2)), np.full((68, 2), np.nan)])
    faces = FaceSet.of([np.zeros((128, 128), np.uint8)] * 2, landmarks=points)
    assert len(Portraits.of(faces).boxes) == 1


def test_a_measured_close_up_fills_the_stated_share_of_its_shape():
    clear = scene(clear=np.array([True]))
    made = list(enlarged([clear]))
    assert {each.shape for each in made} == set(SHAPES)
    for each in made:
        height, width = each.image.shape
        wanted = SHAPES[each.shape]
        assert width / height == pytest.approx(wanted[0] / wanted[1], rel=0.03)
        assert ((each.box[2:] - each.box[:2]) / [width, height]).max() == pytest.approx(each.fill, rel=0.03)
        assert shown_box(each.image) == pytest.approx(each.box, abs=1.5)
    assert not list(enlarged([scene(clear=np.array([False]))]))


def test_a_measured_portrait_lies_where_its_box_is():
    blank = Scene(np.full((300, 400), DARK, np.uint8), np.zeros((0, 4), np.float32), np.zeros(0, bool))
    for each in laid_on(portrait(), [blank]):
        assert shown_box(each.image) == pytest.approx(each.box, abs=0.03 * max(each.image.shape))


class Saying(SquareDetector):
    """Answers with the boxes that it is given, in shares of the picture's sides; scores 0.9 and less."""

    def __init__(self, *boxes):
        super().__init__()
        self.boxes = boxes

    def run(self, images):
        height, width = images.shape[1:3]
        boxes = np.array([self.boxes], np.float32).reshape(1, -1, 4) * [width, height, width, height]
        scores = np.array([[0.9 - 0.01 * i for i in range(len(self.boxes))]], np.float32)
        return {"boxes": boxes.astype(np.float32), "scores": scores}


def closeup(others=()):
    others = np.array(others, np.float32).reshape(-1, 4)
    return Closeup(np.zeros((640, 640), np.uint8), np.array([64.0, 64, 576, 576]), others, "1:1", 0.8, 0)


@pytest.mark.parametrize(
    ("boxes", "others", "found", "whole"),
    [
        ([(0.1, 0.1, 0.9, 0.9)], (), True, True),
        ([], (), False, True),
        ([(0.5, 0.5, 0.9, 0.9)], (), False, True),  # a part of it alone: not found, and no second box
        ([(0.1, 0.1, 0.9, 0.9), (0.02, 0.6, 0.5, 0.8)], (), True, False),  # 83 % of it inside
        ([(0.1, 0.1, 0.9, 0.9), (0.3, 0.6, 0.6, 0.8)], (), True, True),  # all of it: suppressed
        ([(0.3, 0.6, 0.6, 0.8), (0.7, 0.2, 0.85, 0.35)], (), False, False),
        ([(0.1, 0.1, 0.9, 0.9), (0.02, 0.6, 0.5, 0.8)], [(12.8, 384, 320, 512)], True, True),  # another marked face
        ([(0.1, 0.1, 0.9, 0.9), (0.92, 0.92, 1.0, 1.0)], (), True, True),  # beside it
    ],
)
def test_a_close_up_is_judged_by_its_face_and_by_what_else_lies_in_it(boxes, others, found, whole):
    assert judge(Saying(*boxes), closeup(others)) == (found, whole)


def test_close_ups_are_counted_by_shape_and_size():
    whole, split = Saying((0.1, 0.1, 0.9, 0.9)), Saying((0.1, 0.1, 0.9, 0.9), (0.02, 0.6, 0.5, 0.8))
    pictures = [replace(closeup(), fill=0.7), replace(closeup(), fill=1.0, source=1)]
    figures, units = closeup_figures(whole, pictures, "faces")
    values = figures(None)
    assert (values["found_faces"], values["whole_faces"], values["count_faces"]) == (1, 1, 2)
    assert (values["found_faces_1:1_0.7"], values["count_faces_1:1_0.7"]) == (1, 1)
    assert units.tolist() == [0, 1]
    assert figures(np.array([[2.0, 1.0]]))["count_faces"].tolist() == [3]
    assert closeup_figures(split, pictures, "faces")[0](None)["whole_faces"] == 0
