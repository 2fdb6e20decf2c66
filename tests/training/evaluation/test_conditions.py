"""Faces whose size, pose and brightness are known, because they were made so."""

import numpy as np
import pytest

from pipeline.stats import metrics
from pipeline.tracks.head_model import HEAD_MODEL
from training.data.faceset import FaceSet
from training.evaluation.conditions import FACES_MIN, bins, by_condition

MODEL = HEAD_MODEL - HEAD_MODEL.mean(0)


def face(*, yaw_deg=0.0, eyes_px=40.0, middle=100.0):
    """Landmarks (68, 2) of a turned head seen from far away."""
    angle = np.radians(yaw_deg)
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
    return (MODEL @ turn.T)[:, :2] * eyes_px + middle


def face_set(landmarks, luma=None):
    levels = [100] * len(landmarks) if luma is None else luma
    return FaceSet.of([np.full((200, 200), level, np.uint8) for level in levels], landmarks=np.array(landmarks))


def found(faces, condition, factor=0.6):
    """The label of each face's bin of one condition."""
    labels = [""] * len(faces)
    for part in bins(faces, factor):
        if part.condition == condition:
            for row in np.flatnonzero(part.faces):
                labels[row] = part.range
    return labels


def test_faces_are_sorted_by_how_far_they_are_turned_either_way():
    faces = face_set([face(yaw_deg=angle) for angle in (0, -5, 17, -17, 35, -60)])
    assert found(faces, "turned") == ["under 10°"] * 2 + ["10–25°"] * 2 + ["25–45°", "45° and more"]


def test_a_face_without_landmarks_is_in_no_bin_of_pose():
    faces = face_set([face(), np.full((68, 2), np.nan)])
    assert found(faces, "turned") == ["under 10°", ""]
    assert found(faces, "size")[1] == "128 px and more"  # its square is the whole picture


def test_size_is_the_side_of_the_serving_square():
    points = face(eyes_px=20.0)
    perimeter = np.ptp(points, axis=0).sum()
    assert found(face_set([points]), "size", factor=47 / perimeter) == ["32–48 px"]
    assert found(face_set([points]), "size", factor=48.001 / perimeter) == ["48–64 px"]


def test_brightness_is_that_of_the_part_that_the_crop_shows():
    faces = face_set([face()] * 3, luma=[40, 85, 200])
    assert found(faces, "brightness") == ["under 85", "85–130", "170 and more"]
    black_around = np.zeros((200, 200), np.uint8)
    black_around[60:140, 60:140] = 100
    rgb = np.repeat(np.full((200, 200, 1), 150, np.uint8), 3, 2)
    edge = face(middle=0.0)  # three quarters of its square lie outside the picture: they are not dark
    faces = FaceSet.of([black_around, rgb, faces.images[2]], landmarks=np.array([face(), face(), edge]))
    assert found(faces, "brightness", factor=0.3) == ["85–130", "130–170", "170 and more"]


def test_figures_of_a_bin_are_those_of_its_faces_and_few_faces_have_none():
    count = FACES_MIN + 5
    faces = face_set([face()] * count + [face(yaw_deg=30)] * (FACES_MIN - 1))
    right = np.arange(len(faces)) % 3 > 0

    def figures(weights):
        every = np.ones(len(faces)) if weights is None else weights
        return {"accuracy": metrics.mean(right, weights), "faces_scored": every.sum(-1), "other": every.sum(-1)}

    rows = {(row["condition"], row["range"]): row for row in by_condition(figures, bins(faces, 0.6))}
    assert rows["turned", "under 10°"]["figures"] == {"accuracy": pytest.approx(right[:count].mean())}
    few = rows["turned", "25–45°"]
    assert (few["faces"], few["figures"]) == (FACES_MIN - 1, {"accuracy": None})
    assert ("turned", "10–25°") not in rows
