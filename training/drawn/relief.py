"""Looking at a head: which canvas point is seen in each pixel, found by walking along the line of sight."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.drawn.canvas import CANVAS_UNIT_MM, LEFT, TOP, Canvas
from training.drawn.pose import CAMERA_MM, project

_BACK_MM = -70.0
"""Depth at which a line of sight that has met nothing is given up."""
_STEP_MM = 13.0
"""First walk: steps between samples of the line of sight; the tip of a nose is thicker than this."""
_GRID_MM = 2.2
"""Resolution to which the walk is refined; what lies between is interpolated."""
_GROSS_MM = 1.6
"""Details finer than this are left to the shading."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What is seen of a head in a grid of pixels."""

    x0: int
    y0: int
    """Picture position of the grid's first pixel."""
    column: np.ndarray
    row: np.ndarray
    """(h, w) float32: canvas pixel seen there."""
    outside_mm: np.ndarray
    """(h, w) float32: distance from the head's outline, negative on the head."""


def look(
    canvas: Canvas, radius: np.ndarray, rotation: np.ndarray, centre: tuple[float, float], px_per_mm: float
) -> View:
    """The view of a head whose middle is at `centre` (px) of the picture."""
    x0, y0, x1, y1, front_mm = _extent(canvas, radius, rotation, centre, px_per_mm)
    # Coarse grids first: the walk costs by the pixel, and the surface is smooth at this scale.
    fine = max(1, round(px_per_mm * _GRID_MM))
    coarse = 2 * fine
    width, height = -(-(x1 - x0) // coarse) * coarse, -(-(y1 - y0) // coarse) * coarse
    walk = _Walk(canvas, radius, rotation, centre, px_per_mm)
    depth, outside = walk.first_hits(*_grid(x0, y0, width, height, coarse), front_mm)
    size = (width // fine, height // fine)
    depth, outside = _grow(depth, size), _grow(outside, size)
    column, row = walk.refine(*_grid(x0, y0, width, height, fine), depth)
    column, row, outside = (_grow(a, (width, height)) for a in (column, row, outside))
    return View(x0, y0, column, row, outside)


def _grow(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR) if image.shape[::-1] != size else image


def _grid(x0: int, y0: int, width: int, height: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel positions (1, w) and (h, 1), in the middle of blocks of `step` pixels."""
    first = (step - 1) / 2
    return (np.arange(0, width, step) + x0 + first)[None], (np.arange(0, height, step) + y0 + first)[:, None]


def _extent(
    canvas: Canvas, radius: np.ndarray, rotation: np.ndarray, centre: tuple[float, float], px_per_mm: float
) -> tuple[int, int, int, int, float]:
    """Pixel rectangle that holds the head, and how far (mm) it reaches towards the camera."""
    every = max(1, round(9 / canvas.step_mm))
    points = (canvas.direction[:, ::every, ::every] * radius[::every, ::every]).reshape(3, -1).T
    projected = project(points, rotation)
    seen = projected[:, :2] * px_per_mm + centre
    margin = 4 * px_per_mm + 2
    x0, y0 = np.floor(seen.min(0) - margin)
    x1, y1 = np.ceil(seen.max(0) + margin)
    return int(x0), int(y0), int(x1), int(y1), float(projected[:, 2].max()) + 5


class _Walk:
    """Lines of sight through a head."""

    def __init__(
        self, canvas: Canvas, radius: np.ndarray, rotation: np.ndarray, centre: tuple[float, float], px_per_mm: float
    ) -> None:
        self._inverse = rotation.T
        self._centre, self._px_per_mm = centre, px_per_mm
        # Lines of sight only need the gross shape, and creases steeper than they are would keep them from settling.
        blur = 2 * round(_GROSS_MM / canvas.step_mm) + 1
        self._radius = cv2.blur(radius, (blur, blur)) if blur > 1 else radius
        self._scale = np.float32(CANVAS_UNIT_MM * np.sqrt(2.0) / canvas.step_mm)
        self._left, self._top = np.float32(-LEFT / canvas.step_mm), np.float32(-TOP / canvas.step_mm)

    def _lines(self, columns: np.ndarray, rows: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Head-space points at depth 0 and what a mm of depth adds to them: three (h, w) arrays each."""
        x = (columns - self._centre[0]) / self._px_per_mm
        y = (rows - self._centre[1]) / self._px_per_mm
        m = self._inverse
        start = [(m[i, 0] * x + m[i, 1] * y).astype(np.float32) for i in range(3)]
        step = [(m[i, 2] - s / np.float32(CAMERA_MM)).astype(np.float32) for i, s in enumerate(start)]
        return start, step

    def _at(
        self, start: list[np.ndarray], step: list[np.ndarray], depth: np.ndarray | np.float32
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Canvas column and row of the points at this depth, and how far (mm) they are outside of the head."""
        x, y, z = (s + depth * d for s, d in zip(start, step, strict=True))
        distance = np.sqrt(x * x + y * y + z * z)
        scale = self._scale / np.sqrt(np.maximum(distance * (distance + z), np.float32(1e-3)))
        column, row = x * scale + self._left, y * scale + self._top
        surface = cv2.remap(self._radius, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return column, row, distance - surface

    def first_hits(self, columns: np.ndarray, rows: np.ndarray, front_mm: float) -> tuple[np.ndarray, np.ndarray]:
        """Depth (mm) at which each line first meets the head, and how far outside of its outline it passes."""
        start, step = self._lines(columns, rows)
        hit = np.full(start[0].shape, -1e3, np.float32)
        before = np.full_like(hit, 50.0)
        nearest = np.full_like(hit, 1e3)
        nearest_depth = np.zeros_like(hit)
        for depth in np.arange(front_mm, _BACK_MM, -_STEP_MM).astype(np.float32):
            _, _, outside = self._at(start, step, depth)
            entered = (outside <= 0) & (hit < -500)
            crossing = depth + _STEP_MM * outside / np.minimum(outside - before, -1e-3)
            hit = np.where(entered, crossing, hit)
            nearest_depth = np.where(outside < nearest, depth, nearest_depth)
            nearest = np.minimum(nearest, outside)
            before = outside
        return np.where(hit < -500, nearest_depth, hit), nearest

    def refine(self, columns: np.ndarray, rows: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Canvas column and row of the surface near these depths."""
        start, step = self._lines(columns, rows)
        for _ in range(5):
            _, _, outside = self._at(start, step, depth)
            depth = depth - np.clip(outside * np.float32(0.75), -6, 6)
        column, row, _ = self._at(start, step, depth)
        return column, row
