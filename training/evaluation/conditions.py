"""Figures by size, pose and brightness of the faces: where a network is good, and where less so.

The conditions come from the picture and its labels, never from the network's answer. Shapes: F faces, B bins, N = 68
landmarks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from pipeline.stats.bootstrap import Figures
from pipeline.tracks.pose import head_pose
from training.data.faceset import FaceSet
from training.emofan.samples import face_square

FACES_MIN = 30
"""A figure over fewer faces than this is not given."""
COUNTED_BY = {
    "accuracy": "faces_scored",
    "ccc_valence": "faces_rated",
    "ccc_arousal": "faces_rated",
    "nme": "faces_marked",
}
"""The figures that are given for each bin, and which number says over how many faces each is."""
_EDGES = {"size": (32, 48, 64, 128), "turned": (10, 25, 45), "brightness": (85, 130, 170)}
_UNITS = {"size": " px", "turned": "°", "brightness": ""}
_WIDE = 4.0
"""How many times as wide as the face the picture is taken to be, for perspective: it was cut out of a larger one."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Faces alike in one respect."""

    condition: str
    """`size`: side of the serving square in px of the picture; `turned`: |yaw|; `brightness`: mean luma, 0..255, of the
    part of the serving square that lies in the picture."""
    range: str
    """In words; the lower end belongs to it."""
    faces: np.ndarray
    """(F,) bool: which; one of unknown pose is in no bin of `turned`."""


def bins(faces: FaceSet, factor: float) -> list[Bin]:
    """All bins of all conditions that hold a face; `factor` is that of the network's crop."""
    squares = np.array([face_square(faces, row, factor) for row in range(len(faces))])
    luma = [_luma(image, square) for image, square in zip(faces.images, squares, strict=True)]
    values = {"size": squares[:, 2], "turned": np.abs(_yaw(faces.landmarks)), "brightness": np.array(luma)}
    return [part for condition, of_faces in values.items() for part in _cut(condition, of_faces)]


def _cut(condition: str, values: np.ndarray) -> Iterator[Bin]:
    edges, unit = _EDGES[condition], _UNITS[condition]
    between = (f"{low}–{high}{unit}" for low, high in pairwise(edges))
    labels = [f"under {edges[0]}{unit}", *between, f"{edges[-1]}{unit} and more"]
    row = np.where(np.isfinite(values), np.digitize(values, edges), -1)
    for index, label in enumerate(labels):
        if (row == index).any():
            yield Bin(condition, label, row == index)


def by_condition(figures: Figures, parts: Sequence[Bin]) -> list[dict[str, Any]]:
    """For each bin: condition, range, number of faces, and its figures; None where fewer than FACES_MIN count."""
    found = figures(np.stack([part.faces for part in parts]).astype(np.float64))
    given = [(name, count) for name, count in COUNTED_BY.items() if name in found]
    return [
        {
            "condition": part.condition,
            "range": part.range,
            "faces": int(part.faces.sum()),
            "figures": {n: float(found[n][i]) if found[count][i] >= FACES_MIN else None for n, count in given},
        }
        for i, part in enumerate(parts)
    ]


def _yaw(landmarks: np.ndarray) -> np.ndarray:
    """(F,) degrees, from landmarks (F, N, 2); NaN where they are unknown."""
    yaw = np.full(len(landmarks), np.nan)
    marked = np.isfinite(landmarks).all((1, 2))
    points = landmarks[marked]
    extent = np.ptp(points, axis=1).max(1, keepdims=True)
    yaw[marked] = head_pose(points, np.tile(_WIDE * extent, (1, 2)))[:, 0]
    return yaw


def _luma(image: np.ndarray, square: np.ndarray) -> float:
    """Mean luma of what a square (3,) of a picture (H, W) or (H, W, 3) shows."""
    x, y, side = square
    low, high = np.maximum([y - side / 2, x - side / 2], 0).astype(int), np.ceil([y + side / 2, x + side / 2])
    part = image[low[0] : max(int(high[0]), low[0] + 1), low[1] : max(int(high[1]), low[1] + 1)]
    return float((part if image.ndim == 2 else cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)).mean())
