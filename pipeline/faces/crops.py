"""Cutting a face out of a picture: the one crop that training and serving share.

Coordinates are pixels with pixel centres at whole numbers, as landmarks and ``cv2.warpAffine`` use them. A *square* is
(centre x, centre y, side). The plain crop is the paper's, bit for bit (tests/pipeline/faces/test_crops.py).
Shapes: N landmarks, K squares, S the side of the crop, C channels (1: luma, 3: RGB).
"""

import math
from typing import Literal

import cv2
import numpy as np

Resample = Literal["bilinear", "area"]
"""How a crop is sampled. `bilinear`: the paper's, aliases when it shrinks; `area`: averages first where it shrinks."""


def landmarks_square(landmarks: np.ndarray, factor: float) -> tuple[float, float, float]:
    """The square around landmarks (N, 2): centre of their box, side `factor` times (its width + its height).

    0.909 (= 200 / 220) is the paper's factor.
    """
    low, high = landmarks.min(0), landmarks.max(0)
    centre_x, centre_y = (low + high) / 2
    return float(centre_x), float(centre_y), float(factor * (high - low).sum())


def crop_matrix(square: tuple[float, float, float], size_px: int, *, angle_deg: float = 0.0) -> np.ndarray:
    """The (2, 3) map from picture to crop coordinates; a positive angle turns the picture's content clockwise."""
    centre_x, centre_y, side = square
    scale = size_px / side
    cos, sin = scale * math.cos(math.radians(angle_deg)), scale * math.sin(math.radians(angle_deg))
    turn = np.array([[cos, -sin], [sin, cos]])
    shift = size_px / 2 - turn @ np.array([centre_x, centre_y])
    return np.column_stack([turn, shift])


def warp(image: np.ndarray, matrix: np.ndarray, size_px: int, *, resample: Resample, fill: int = 0) -> np.ndarray:
    """Sample `image` (H, W) or (H, W, C) uint8 through a (2, 3) `matrix` into a square of `size_px`."""
    if resample == "area":
        image, matrix = _shrink_first(image, matrix, size_px)
    border = (fill, fill, fill, fill)
    return cv2.warpAffine(image, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderValue=border)


def crop(
    image: np.ndarray, square: tuple[float, float, float], size_px: int, *, resample: Resample, fill: int = 0
) -> np.ndarray:
    """The upright square of `image` at `size_px`; what lies outside the picture is `fill`."""
    return warp(image, crop_matrix(square, size_px), size_px, resample=resample, fill=fill)


def to_picture(points: np.ndarray, squares: np.ndarray, size_px: int) -> np.ndarray:
    """Points (K, N, 2) of crops back to picture coordinates; squares (K, 3)."""
    scale = squares[:, 2] / size_px
    return (points - size_px / 2) * scale[:, None, None] + squares[:, None, :2]


def _shrink_first(image: np.ndarray, matrix: np.ndarray, size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Average whole blocks of pixels where the crop would skip some; only around what the crop can see."""
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    block = int(1 / scale)
    if block < 2:
        return image, matrix
    corners = np.array([[0, 0], [size_px, 0], [0, size_px], [size_px, size_px]]) - matrix[:, 2]
    seen = corners @ np.linalg.inv(matrix[:, :2]).T
    height, width = image.shape[:2]
    x1, y1 = (np.maximum(seen.min(0) - block, 0) // block * block).astype(int)
    x2, y2 = np.minimum(seen.max(0) + 2 * block, [width, height]).astype(int)
    columns, rows = (x2 - x1) // block, (y2 - y1) // block
    if columns < 1 or rows < 1:
        return image, matrix
    part = image[y1 : y1 + rows * block, x1 : x1 + columns * block]
    small = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA)
    # The centre of block i is at x1 + block * i + (block - 1) / 2.
    grow = np.array([[block, 0, x1 + (block - 1) / 2], [0, block, y1 + (block - 1) / 2], [0, 0, 1.0]])
    return small, matrix @ grow
