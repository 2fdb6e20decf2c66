"""Where a face is in its picture, and the square around it that is packed.

A square is (centre x, centre y, side), px.
"""

from dataclasses import replace
from typing import TypeVar

import cv2
import numpy as np

from pipeline.faces.crops import crop_matrix, landmarks_square, warp
from training.data.records import Record

FACTOR = 0.909
"""The paper's crop: side over width + height of the landmarks' box."""
MARGIN = 1.6
"""How much larger the packed square is, so that moved, turned and enlarged crops of it fit."""
SMALL_PX = 64
"""Pictures up to this size are kept without loss."""
JPEG_QUALITY = 92
EXTENT_PX_MIN = 2.0
"""Landmarks and boxes smaller than this, in width + height, say nothing: some data sets write zeros for unknown."""

Points = TypeVar("Points", np.ndarray, tuple[float, float, float, float])


def tidy(record: Record) -> Record:
    """The record without landmarks and a box that say nothing."""
    return replace(record, landmarks=_telling(record.landmarks), box=_telling(record.box))


def _telling(points: Points | None) -> Points | None:
    small = points is not None and np.ptp(np.reshape(points, (-1, 2)), axis=0).sum() < EXTENT_PX_MIN
    return None if small else points


def square_of(record: Record, image: np.ndarray, factor: float) -> tuple[float, float, float]:
    """Where the face is: around its landmarks, else its box (taken for theirs), else the whole picture."""
    for points in (_telling(record.landmarks), _telling(record.box)):
        if points is not None:
            return landmarks_square(np.reshape(points, (-1, 2)), factor)
    height, width = image.shape[:2]
    return (width - 1) / 2, (height - 1) / 2, float(max(height, width))


def cut(image: np.ndarray, record: Record, size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """The square around a face, (S, S) or (S, S, 3) uint8 with S <= size_px, and the (2, 3) map into it."""
    x, y, side = square_of(record, image, FACTOR * MARGIN)
    packed_px = min(max(round(side), 1), size_px)
    if packed_px < size_px:  # whole pixels are taken over as they are
        x, y, side = (*(round(centre - packed_px / 2) + packed_px / 2 for centre in (x, y)), packed_px)
    matrix = crop_matrix((x, y, side), packed_px)
    return warp(image, matrix, packed_px, resample="area"), matrix


def encode(image: np.ndarray, *, small: bool) -> bytes:
    """A picture (S, S) luma or (S, S, 3) RGB as PNG where `small`, else as JPEG."""
    stored = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    suffix, settings = (".png", []) if small else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return cv2.imencode(suffix, stored, settings)[1].tobytes()
