"""The 68 landmarks (iBUG order) and the face box, from the same curves that the features are painted with."""

import cv2
import numpy as np

from training.drawn.actions import Actions
from training.drawn.brows import brow_line
from training.drawn.head import EYE_Y_MM, NOSE_BASE_Y_MM, Head
from training.drawn.identity import Identity
from training.drawn.jaw import jaw_drop_mm, jaw_share
from training.drawn.lids import lids
from training.drawn.lips import lips


def landmarks(identity: Identity, head: Head, actions: Actions, blink: float) -> np.ndarray:
    """(68, 3) float64 head-space mm."""
    parts = (
        _brows(identity, actions),
        _nose(identity, actions),
        _eyes(identity, actions, blink),
        _mouth(identity, actions),
    )
    return np.concatenate([with_jaw(head.contour, identity, actions), _onto(head, np.concatenate(parts))])


def with_jaw(points: np.ndarray, identity: Identity, actions: Actions) -> np.ndarray:
    """(N, 3) points of the resting head, moved as far as they follow the jaw."""
    share = jaw_share(points[:, 1], points[:, 2], identity.shape.length)
    return points + np.outer(share * jaw_drop_mm(actions), (0.0, 1.0, -0.35))


def _onto(head: Head, xy: np.ndarray) -> np.ndarray:
    """(N, 2) x, y mm -> (N, 3) on the surface of the resting head."""
    x, y = xy.T
    z = np.full(len(xy), 85.0)
    for _ in range(4):
        column, row = head.canvas.pixel_of(x, y, z)
        radius = cv2.remap(head.radius, column, row, cv2.INTER_LINEAR).ravel()
        z = np.sqrt(np.maximum(radius**2 - x * x - y * y, 100.0))
    return np.stack([x, y, z], 1)


def _brows(identity: Identity, actions: Actions) -> np.ndarray:
    t = np.linspace(0.02, 0.98, 5)
    x, y = brow_line(identity.eyes, actions, t)
    y = y - 0.2 * identity.eyes.brow_thickness * (1 - t)
    return np.concatenate([np.stack([-x, y], 1)[::-1], np.stack([x, y], 1)])


def _nose(identity: Identity, actions: Actions) -> np.ndarray:
    s = identity.shape
    base = NOSE_BASE_Y_MM * s.length + s.nose_length
    tip = 0.84 * base + 0.8 * s.nose_tip
    up = 2.5 * actions.nose_wrinkle
    bridge = [(0.0, y) for y in np.linspace(-1.0, tip - 0.5 * up, 4)]
    wide = 13.5 + 0.6 * s.nose_width
    below = [
        (x, base + drop - 0.6 * up)
        for x, drop in zip((-wide, -wide / 2, 0, wide / 2, wide), (-1.5, 0.6, 1.6, 0.6, -1.5), strict=True)
    ]
    return np.array(bridge + below)


def _eyes(identity: Identity, actions: Actions, blink: float) -> np.ndarray:
    opening = lids(identity.eyes, actions, blink)
    half = opening.half_width
    at = np.array([-0.36 * half, 0.34 * half])
    upper, lower = opening.upper_edge(at), opening.lower_edge(at)
    inner, outer = (-half, opening.tilt * half), (half, -opening.tilt * half)
    # x outwards: inner corner, two above, outer corner, two below
    eye = np.array([inner, (at[0], upper[0]), (at[1], upper[1]), outer, (at[1], lower[1]), (at[0], lower[0])])
    right = np.add(eye, (identity.eyes.half_distance, EYE_Y_MM))
    left = right[[3, 2, 1, 0, 5, 4]] * (-1, 1)
    return np.concatenate([left, right])


def _mouth(identity: Identity, actions: Actions) -> np.ndarray:
    shape = lips(identity, actions)
    places = (  # where along the half width, on which of the four edges
        ((-1, -0.55, -0.2, 0, 0.2, 0.55, 1), 0),
        ((0.6, 0.3, 0, -0.3, -0.6), 3),
        ((-0.88, -0.32, 0, 0.32, 0.88), 1),
        ((0.32, 0, -0.32), 2),
    )
    points = []
    for along, edge in places:
        x = np.array(along) * shape.half_width
        points.append(np.stack([x, shape.edges(x)[edge]], 1))
    return np.concatenate(points)
