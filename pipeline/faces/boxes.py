"""Boxes as arrays (K, 4) of x1 y1 x2 y2, px."""

import numpy as np


def centres(boxes: np.ndarray) -> np.ndarray:
    """(K, 2) of boxes (K, 4)."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def sizes(boxes: np.ndarray) -> np.ndarray:
    """(K,) geometric mean of width and height of boxes (K, 4), px."""
    extent = np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-3)
    return np.sqrt(extent.prod(1))
