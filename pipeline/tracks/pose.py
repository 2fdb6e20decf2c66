"""Head pose from landmarks: POSIT with a mean head (DeMenthon & Davis 1995), for many faces at once.

Shapes: K faces, N = 68 landmarks.
"""

import numpy as np

from pipeline.tracks.head_model import HEAD_MODEL

FOCAL_PER_LONG_SIDE = 1.2
"""Assumed focal length over the picture's longer side: a field of view of 45 degrees."""
_ITERATIONS = 4


def head_pose(landmarks: np.ndarray, size: np.ndarray, head: np.ndarray = HEAD_MODEL) -> np.ndarray:
    """Yaw, pitch and roll (K, 3) in degrees from landmarks (K, N, 2) px and picture sizes (K, 2) as width, height.

    yaw > 0: nose towards the picture's right; pitch > 0: up; roll > 0: clockwise as seen in the picture. Angles are
    against the line of sight to the face: they say what its crop shows, wherever it is in the picture.
    """
    if not len(landmarks):
        return np.zeros((0, 3), np.float32)
    model = head - head.mean(0)
    inverse = np.linalg.pinv(model)
    focal = FOCAL_PER_LONG_SIDE * size.max(1)[:, None, None]
    points = (landmarks - landmarks.mean(1, keepdims=True)) / focal
    depth = np.zeros((len(points), len(model)))  # of each point, relative to the head's, over its distance
    for _ in range(_ITERATIONS):
        scaled = points * (1 + depth[..., None])
        axes = inverse @ (scaled - scaled.mean(1, keepdims=True))
        right, down = axes[..., 0], axes[..., 1]
        scale = np.sqrt(np.linalg.norm(right, axis=1) * np.linalg.norm(down, axis=1))
        rotation = _orthonormal(right, down)
        depth = (rotation[:, 2] @ model.T) * scale[:, None]
    return _angles(rotation)


def _orthonormal(right: np.ndarray, down: np.ndarray) -> np.ndarray:
    """(K, 3, 3) rotation whose first rows are nearest to the directions of `right` and `down` (K, 3)."""
    right = right / np.linalg.norm(right, axis=1, keepdims=True)
    down = down / np.linalg.norm(down, axis=1, keepdims=True)
    u, _, vt = np.linalg.svd(np.stack([right, down, np.cross(right, down)], 1))
    return np.asarray(u @ vt)


def _angles(rotation: np.ndarray) -> np.ndarray:
    """(K, 3, 3) model-to-camera rotation (x right, y down, z away) -> yaw, pitch, roll in degrees."""
    forward = -rotation[:, :, 2]  # where the nose points, in camera axes
    yaw = np.arctan2(forward[:, 0], -forward[:, 2])
    pitch = np.arcsin(np.clip(-forward[:, 1], -1, 1))
    roll = np.arctan2(rotation[:, 1, 0], rotation[:, 0, 0])
    return np.degrees(np.column_stack([yaw, pitch, roll])).astype(np.float32)
