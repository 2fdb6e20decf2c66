"""Flags and grades."""

import numpy as np
import pytest

from pipeline.faces.quality import BAD, DESCRIPTIONS, Quality, flag, grade

GOOD = {
    "boxes": np.array([[100.0, 100, 200, 220]]),
    "size": np.array([[640.0, 360]]),
    "pose": np.array([[5.0, -5, 0]]),
    "det_score": np.array([0.9]),
    "score_start": 0.6,
    "visibility": np.array([0.9]),
    "luma": np.array([120.0]),
    "blur": np.array([150.0]),
    "corrupt": np.array([False]),
}


def bits(**changes):
    return int(flag(**{**GOOD, **{k: np.array([v]) for k, v in changes.items()}})[0])


def test_a_good_face_has_no_flag_and_grade_2():
    assert bits() == 0
    assert grade(np.array([0])).tolist() == [2]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"boxes": [100.0, 100, 130, 150]}, Quality.SMALL | Quality.LOW_RES),
        ({"boxes": [100.0, 100, 150, 170]}, Quality.LOW_RES),
        ({"pose": [30.0, 0, 0]}, Quality.POSE_25),
        ({"pose": [0.0, -50, 0]}, Quality.POSE_25 | Quality.POSE_45),
        ({"pose": [np.nan, np.nan, np.nan]}, 0),
        ({"luma": 12.0}, Quality.DARK),
        ({"luma": 240.0}, Quality.BRIGHT),
        ({"blur": 1.0}, Quality.BLURRED),
        ({"visibility": 0.2}, Quality.OCCLUDED),
        ({"det_score": 0.45}, Quality.LOW_SCORE),
        ({"det_score": np.nan}, 0),
        ({"boxes": [-3.0, 100, 97, 220]}, Quality.AT_BORDER),
        ({"corrupt": True}, Quality.CORRUPT),
    ],
)
def test_each_trouble_has_its_flag(changes, expected):
    assert bits(**changes) == int(expected)


def test_bits_are_those_of_the_schema():
    order = ["SMALL", "LOW_RES", "POSE_45", "POSE_25", "DARK", "BRIGHT", "BLURRED", "OCCLUDED"]
    order += ["LOW_SCORE", None, "AT_BORDER", "CORRUPT"]
    assert {name: 1 << i for i, name in enumerate(order) if name} == {q.name: q.value for q in Quality}
    assert set(DESCRIPTIONS) == set(Quality)


def test_grades():
    assert grade(np.array([int(quality) for quality in Quality])).tolist() == [
        0 if quality & BAD else 1 for quality in Quality
    ]
