"""Head pose, against known rotations and OpenCV's PnP."""

import cv2
import numpy as np
import pytest

from pipeline.tracks.head_model import HEAD_MODEL
from pipeline.tracks.pose import FOCAL_PER_LONG_SIDE, head_pose


def rotation(yaw, pitch, roll):
    """Model to camera: x right, y down, z away."""
    y, p, r = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    tilt = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return tilt @ turn @ nod


def project(matrix, distance, size=(1280, 720)):
    """Landmarks of a head whose middle is straight ahead."""
    points = (HEAD_MODEL - HEAD_MODEL.mean(0)) @ matrix.T + [0, 0, distance]
    return points[:, :2] / points[:, 2:] * FOCAL_PER_LONG_SIDE * max(size) + np.array(size) / 2


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 0), (30, 0, 0), (-45, 10, 0), (0, 25, 0), (0, -25, 15), (20, -10, -30)]
)
def test_a_known_rotation_is_found(yaw, pitch, roll):
    got = head_pose(project(rotation(yaw, pitch, roll), 8.0)[None], np.array([[1280, 720]]))[0]
    forward = -rotation(yaw, pitch, roll)[:, 2]
    expected = np.degrees([np.arctan2(forward[0], -forward[2]), np.arcsin(-forward[1])])
    assert got[:2] == pytest.approx(expected, abs=1.5)


def test_it_agrees_with_opencvs_pnp():
    rng = np.random.default_rng(0)
    focal = FOCAL_PER_LONG_SIDE * 1280
    camera = np.array([[focal, 0, 640], [0, focal, 360], [0, 0, 1.0]])
    for _ in range(50):
        matrix = rotation(*rng.uniform(-35, 35, 3))
        points = project(matrix, rng.uniform(4, 20)) + rng.normal(0, 0.2, (68, 2))
        _, vector, _ = cv2.solvePnP(HEAD_MODEL, points, camera, None)
        reference = cv2.Rodrigues(vector)[0]
        nose = -reference[:, 2]
        expected = np.degrees([np.arctan2(nose[0], -nose[2]), np.arcsin(-nose[1])])
        got = head_pose(points[None], np.array([[1280, 720]]))[0]
        assert got[:2] == pytest.approx(expected, abs=2.5)


def test_angles_do_not_depend_on_where_the_face_is():
    points = project(rotation(20, 5, 0), 10.0)
    size = np.array([[1280, 720]])
    assert head_pose((points + np.array([400, -200]))[None], size) == pytest.approx(
        head_pose(points[None], size), abs=1e-3
    )


def test_signs_are_as_documented():
    frontal = project(rotation(0, 0, 0), 10.0)
    size = np.array([[1280, 720]])
    right = project(rotation(30, 0, 0), 10.0)
    assert right[30, 0] > frontal[30, 0]  # the tip of the nose goes to the picture's right
    assert head_pose(right[None], size)[0, 0] > 25
    up = project(rotation(0, 20, 0), 10.0)
    assert up[30, 1] < frontal[30, 1]
    assert head_pose(up[None], size)[0, 1] > 15
    clockwise = project(rotation(0, 0, 20), 10.0)
    assert clockwise[45, 1] > frontal[45, 1]  # the eye at the right goes down
    assert head_pose(clockwise[None], size)[0, 2] == pytest.approx(20, abs=2)


def test_no_faces_have_no_angles():
    assert head_pose(np.zeros((0, 68, 2)), np.zeros((0, 2))).shape == (0, 3)
