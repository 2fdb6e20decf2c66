"""Whether a face seen at two moments is the same: one cost and one floor, for tracklets and for tracks.

Shapes: D, E faces at two moments, L length of an appearance descriptor.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from pipeline.faces.appearance import similarity
from pipeline.faces.boxes import centres, sizes

GROWTH_WEIGHT = 2.0
"""Growing by a factor of 1.6 costs as much as moving by one face size: a face moves faster than it grows."""
DISSIMILARITY_WEIGHT = 1.5
"""Where two faces meet, the one that looks alike wins over one that is nearer by less than about a face size."""

FLOOR_S = (0.1, 0.5)
FLOOR_SIMILARITY = (0.62, 0.5)
"""The least similarity of one face after 0.1 s and after 0.5 s; linear between. Of pairs that show one person 1 % lie
below it, most of them half hidden; of pairs of two people, 93 to 99 % (0.1 s) and 65 to 86 % (0.5 s): decision 0020."""


@dataclass(frozen=True, slots=True)
class Change:
    """What every face of one moment would have changed to be each face of another; all (D, E)."""

    distance: np.ndarray
    """Interpolated the centres, in face sizes."""
    growth: np.ndarray
    """Absolute logarithm of the ratio of sizes."""
    similarity: np.ndarray
    """Correlation of appearance, -1..1."""

    @classmethod
    def between(
        cls, boxes_a: np.ndarray, appearance_a: np.ndarray, boxes_b: np.ndarray, appearance_b: np.ndarray
    ) -> Self:
        """Boxes (D, 4) and (E, 4) in pixels of one picture, appearance descriptors (D, L) and (E, L)."""
        size_a, size_b = sizes(boxes_a)[:, None], sizes(boxes_b)[None]
        step = centres(boxes_a)[:, None] - centres(boxes_b)[None]
        distance = np.hypot(step[..., 0], step[..., 1]) / np.sqrt(size_a * size_b)
        return cls(distance, np.abs(np.log(size_a / size_b)), similarity(appearance_a, appearance_b))

    @property
    def cost(self) -> np.ndarray:
        """The lower, the more probably it is the same face."""
        return self.distance + GROWTH_WEIGHT * self.growth + DISSIMILARITY_WEIGHT * (1 - self.similarity)


def similarity_floor(elapsed_s: np.ndarray | float) -> np.ndarray:
    """Below this similarity after `elapsed_s`, a face is somebody else's."""
    return np.asarray(np.interp(elapsed_s, FLOOR_S, FLOOR_SIMILARITY))


def best_pairs(cost: np.ndarray) -> list[tuple[int, int]]:
    """Greedy one-to-one assignment over a cost matrix (D, E): cheapest first, infinite never, ties by position."""
    order = np.argsort(cost, axis=None, kind="stable")
    rows, columns = np.unravel_index(order, cost.shape)
    taken_rows, taken_columns, pairs = set(), set(), []
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        if not np.isfinite(cost[row, column]):
            break
        if row not in taken_rows and column not in taken_columns:
            taken_rows.add(row)
            taken_columns.add(column)
            pairs.append((row, column))
    return sorted(pairs)
