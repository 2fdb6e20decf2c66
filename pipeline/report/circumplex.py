"""Where faces lie on the circle of valence and arousal, and where their numbers go so that all can be read.

Drawing units: the unit circle has radius 100, y points down. Shapes: K faces.
"""

import numpy as np

RADIUS = 100.0
LABEL = 13.0
"""Least distance between two numbers, and between a number and a dot."""
STEPS = 200


def dots(valence: np.ndarray, arousal: np.ndarray) -> np.ndarray:
    """(K, 2) places of the dots; both (K,) -1..1."""
    return np.stack([RADIUS * valence, -RADIUS * arousal], 1)


def label_places(dots_K2: np.ndarray) -> np.ndarray:
    """(K, 2) places of the numbers: outwards of their dots, then pushed apart until none covers another.

    The dots stay where they are: only they say what was measured.
    """
    count = len(dots_K2)
    distance = np.linalg.norm(dots_K2, axis=1, keepdims=True)
    # Dots on one spot would push their numbers in one direction: begin with a small fan.
    turn = np.linspace(-0.5, 0.5, count) if count > 1 else np.zeros(1)
    angle = np.where(distance[:, 0] > 1e-6, np.arctan2(dots_K2[:, 1], dots_K2[:, 0]), -np.pi / 2) + turn
    places = dots_K2 + LABEL * np.stack([np.cos(angle), np.sin(angle)], 1)
    for _ in range(STEPS):
        pushed = np.zeros_like(places)
        moved = False
        for others, own in ((places, True), (dots_K2, False)):
            apart = places[:, None] - others[None]
            gap = np.linalg.norm(apart, axis=2)
            near = gap < LABEL - 0.1
            if own:
                near &= ~np.eye(count, dtype=bool)
            moved |= bool(near.any())
            push = np.where(near, (LABEL - gap) / np.maximum(gap, 1e-6), 0.0)
            pushed += (push[..., None] * apart).sum(1) / 2
        if not moved:
            break
        places = places + pushed
    return places
