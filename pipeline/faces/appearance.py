"""Appearance descriptors of faces: enough to tell people apart for moments, not to recognise anybody.

Two halves, each blind where the other sees: a coarse histogram of oriented gradients (Dalal & Triggs 2005; five by five
cells, six directions), which light does not change, and a picture of 15 x 15 px, compared at small displacements, since
boxes never lie quite alike. They live for seconds in memory and are never stored. Shapes: K, D, E faces, L = 376.
"""

import numpy as np

from pipeline.faces.boxes import centres, sizes
from pipeline.faces.pixels import crop_faces
from pipeline.types import Picture

PATCH_PX, _CELLS, _BINS = 30, 5, 6
_HISTOGRAM = _CELLS * _CELLS * _BINS
_CELL_OF_LINE = np.arange(PATCH_PX) * _CELLS // PATCH_PX
_FIRST_BIN = (_CELL_OF_LINE[:, None] * _CELLS + _CELL_OF_LINE) * _BINS
"""(30, 30): where in the histogram the cell of a pixel begins."""
_SMALL_PX, _SHIFT_PX = 15, 2
"""The picture's side, and by how much it may be displaced: an eighth of a face."""
DESCRIPTOR_SIZE = _HISTOGRAM + _SMALL_PX**2 + 1
"""Histogram, picture, contrast."""
_CONTRAST_MIN = 4.0
"""Grey levels of standard deviation; with less, a face is too even to be compared ..."""
_UNKNOWN = 0.75
"""... and this similarity to any other is assumed: the usual one of the same face after a second."""


def face_patches(picture: Picture, boxes: np.ndarray) -> np.ndarray:
    """(K, 30, 30) uint8 luma of the faces in boxes (K, 4)."""
    squares = np.column_stack([centres(boxes), sizes(boxes)])
    return crop_faces(picture, squares, PATCH_PX, channels=1, resample="area")[..., 0]


def describe(patches: np.ndarray) -> np.ndarray:
    """(K, L) float32 of face patches (K, 30, 30): both halves with zero mean and unit length, and the contrast."""
    image = patches.astype(np.float32)
    pixels = PATCH_PX // _SMALL_PX
    small = image.reshape(-1, _SMALL_PX, pixels, _SMALL_PX, pixels).mean((2, 4))
    inner = small[:, _SHIFT_PX:-_SHIFT_PX, _SHIFT_PX:-_SHIFT_PX]
    halves = _normal(_histogram(image)), _normal(small.reshape(-1, _SMALL_PX**2))
    return np.concatenate([*halves, inner.std((1, 2))[:, None]], 1)


def similarity(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How similar faces appear, (D, L) and (E, L) -> (D, E) float32 in -1..1: the mean of the halves' correlations."""
    same_edges = a[:, :_HISTOGRAM] @ b[:, :_HISTOGRAM].T
    windows_a, windows_b = _windows(a), _windows(b)
    middle = windows_a.shape[1] // 2
    forth = np.tensordot(windows_a[:, middle], windows_b, (1, 2)).max(2)
    back = np.tensordot(windows_b[:, middle], windows_a, (1, 2)).max(2).T
    alike = (same_edges + np.maximum(forth, back)) / 2
    even = (a[:, -1] < _CONTRAST_MIN)[:, None] | (b[:, -1] < _CONTRAST_MIN)[None]
    return np.asarray(np.where(even, _UNKNOWN, alike), np.float32)


def similarity_of_pairs(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """As `similarity`, of each face of `a` (K, L) with the one in the same row of `b` (K, L) -> (K,)."""
    return np.array([similarity(a[k : k + 1], b[k : k + 1])[0, 0] for k in range(len(a))], np.float32)


def blend(appearance: np.ndarray, new: np.ndarray, share: float) -> np.ndarray:
    """(L,) a running mean: a face half covered for a moment is remembered as it was."""
    mixed = ((1 - share) * appearance + share * new)[None]
    halves = _normal(mixed[:, :_HISTOGRAM]), _normal(mixed[:, _HISTOGRAM:-1])
    return np.concatenate([*halves, mixed[:, -1:]], 1)[0]


def _histogram(image: np.ndarray) -> np.ndarray:
    """(K, 150) float32 square roots of gradient strength by cell and direction."""
    dx, dy = np.zeros_like(image), np.zeros_like(image)
    dx[:, :, 1:-1] = image[:, :, 2:] - image[:, :, :-2]
    dy[:, 1:-1] = image[:, 2:] - image[:, :-2]
    strength = np.hypot(dx, dy)
    direction = (np.arctan2(dy, dx) / np.pi) * _BINS  # opposite directions are one: bins wrap
    lower = np.floor(direction)
    upper_part = strength * (direction - lower)
    lower_bin = lower.astype(np.intp)
    first = np.arange(len(image))[:, None, None] * _HISTOGRAM + _FIRST_BIN
    bins = np.stack([first + lower_bin % _BINS, first + (lower_bin + 1) % _BINS])
    parts = np.stack([strength - upper_part, upper_part])
    histogram = np.bincount(bins.ravel(), parts.ravel(), len(image) * _HISTOGRAM)
    return np.sqrt(histogram.reshape(len(image), _HISTOGRAM)).astype(np.float32)


def _windows(appearance: np.ndarray) -> np.ndarray:
    """(K, 25, 121): the picture without a margin, at every displacement, each with zero mean and unit length."""
    side = _SMALL_PX - 2 * _SHIFT_PX
    pictures = appearance[:, _HISTOGRAM:-1].reshape(-1, _SMALL_PX, _SMALL_PX)
    windows = np.lib.stride_tricks.sliding_window_view(pictures, (side, side), (1, 2))
    return _normal(windows.reshape(len(appearance), (2 * _SHIFT_PX + 1) ** 2, side * side))


def _normal(values: np.ndarray) -> np.ndarray:
    """Zero mean and unit length along the last axis, so that products are correlations."""
    centred = values - values.mean(-1, keepdims=True)
    return np.asarray(centred / (np.linalg.norm(centred, axis=-1, keepdims=True) + 1e-6), np.float32)
