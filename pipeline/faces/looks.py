"""What a face looks like at a glance: enough to tell people apart for moments, not to recognise anybody.

A histogram of oriented gradients (Dalal & Triggs 2005), coarse: five by five cells, six directions. It lives for
seconds in memory and is never stored. Shapes: K faces.
"""

import numpy as np

from pipeline.faces.boxes import centres, sizes
from pipeline.faces.pixels import crop_faces
from pipeline.types import Picture

GLIMPSE_PX, _CELLS, _BINS = 30, 5, 6
LOOK_SIZE = _CELLS * _CELLS * _BINS


def glimpse(picture: Picture, boxes: np.ndarray) -> np.ndarray:
    """(K, 30, 30) uint8 luma of the faces in boxes (K, 4)."""
    squares = np.column_stack([centres(boxes), sizes(boxes)])
    return crop_faces(picture, squares, GLIMPSE_PX, channels=1, resample="area")[..., 0]


def looks(glimpses: np.ndarray) -> np.ndarray:
    """(K, 150) float32 of glimpses (K, 30, 30): zero mean, unit length, so that products are correlations."""
    image = glimpses.astype(np.float32)
    dx, dy = np.zeros_like(image), np.zeros_like(image)
    dx[:, :, 1:-1] = image[:, :, 2:] - image[:, :, :-2]
    dy[:, 1:-1] = image[:, 2:] - image[:, :-2]
    strength = np.hypot(dx, dy)
    direction = (np.arctan2(dy, dx) / np.pi % 1) * _BINS
    lower = np.floor(direction)
    share = direction - lower
    histogram = np.empty((len(image), _CELLS, _CELLS, _BINS), np.float32)
    pixels = GLIMPSE_PX // _CELLS
    for k in range(_BINS):
        part = strength * ((lower % _BINS == k) * (1 - share) + ((lower + 1) % _BINS == k) * share)
        histogram[..., k] = part.reshape(-1, _CELLS, pixels, _CELLS, pixels).sum((2, 4))
    flat = np.sqrt(histogram.reshape(len(image), LOOK_SIZE))
    flat -= flat.mean(1, keepdims=True)
    return np.asarray(flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6), np.float32)
