"""The sheet a head is modelled and painted on: directions from the middle of the head, flattened with equal area.

A canvas point stands for a direction; a head is a distance (radius, mm) for every direction. Head space is in mm:
x to the picture's right, y down, z to the viewer, origin between the ears at the height of the eyes. One canvas unit
(CANVAS_UNIT_MM) is about a millimetre on the front of a face.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from training.drawn.noise import surface_noise

CANVAS_UNIT_MM = 100.0
"""Canvas millimetres per unit of the equal-area projection."""
LEFT, TOP, RIGHT, BOTTOM = -168.0, -166.0, 168.0, 122.0
"""Canvas mm: far enough to the sides and back over the crown for a head turned by 45 degrees."""
STEPS_MM = tuple(0.32 * 2 ** (k / 2) for k in range(12))
"""Canvas mm per canvas pixel that are in use; few, so that what is baked for one can be kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """One resolution of the sheet, with what depends on nothing but the resolution."""

    step_mm: float
    shape: tuple[int, int]
    direction: np.ndarray
    """(3, H, W) float32 unit vectors."""
    across: np.ndarray
    """(3, H, W) float32: what the radius' slope in x adds to the surface normal, per px."""
    along: np.ndarray
    """(3, H, W) float32: the same for the slope in y."""

    def pixel_of(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Canvas pixel coordinates, float32, of head-space points (any distance from the origin)."""
        radius = np.sqrt(x * x + y * y + z * z)
        scale = (CANVAS_UNIT_MM * np.sqrt(2.0) / self.step_mm) / np.sqrt(np.maximum(radius * (radius + z), 1e-3))
        column = x * scale - LEFT / self.step_mm
        row = y * scale - TOP / self.step_mm
        return column.astype(np.float32), row.astype(np.float32)

    def noise(self, key: tuple[int, ...], cell_mm: float, octaves: int = 1) -> np.ndarray:
        """(H, W) float32 noise of unit variance with blobs of `cell_mm`, the same pattern on every canvas."""
        return surface_noise(key, self.shape, self.step_mm, RIGHT - LEFT, cell_mm, octaves)

    def normals(self, radius_mm: np.ndarray) -> np.ndarray:
        """(3, H, W) float32 unit surface normals of the head with these radii (H, W)."""
        slope_x = cv2.Sobel(radius_mm, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
        slope_y = cv2.Sobel(radius_mm, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
        normal = self.direction * radius_mm
        normal += self.across * slope_x
        normal += self.along * slope_y
        x, y, z = normal
        normal *= 1 / np.sqrt(x * x + y * y + z * z)
        return normal


def dot(vectors: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(H, W) float32: dot products of (3, H, W) float32 vectors with one of three components."""
    x, y, z = (float(c) for c in axis)
    total = vectors[0] * x
    total += vectors[1] * y
    total += vectors[2] * z
    return np.asarray(total)


@lru_cache(maxsize=len(STEPS_MM))
def canvas_with(step_mm: float) -> Canvas:
    """The canvas of this resolution."""
    height, width = int((BOTTOM - TOP) / step_mm) + 1, int((RIGHT - LEFT) / step_mm) + 1
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    u = (columns * step_mm + LEFT) / CANVAS_UNIT_MM
    v = (rows * step_mm + TOP) / CANVAS_UNIT_MM
    rho2 = np.minimum(u * u + v * v, 3.9)  # 4 is straight back, where the sheet ends; only its unused corners get there
    k = np.sqrt(1 - rho2 / 4)
    direction = np.stack([u * k, v * k, 1 - rho2 / 2])
    # Surface p = r d has the normal r (du x dv) + r_u (d x dv) + r_v (du x d); equal area makes du x dv parallel to d.
    d_row, d_column = np.gradient(direction, axis=(1, 2))
    area = (step_mm / CANVAS_UNIT_MM) ** 2
    across = np.cross(direction, d_row, axis=0) / area
    along = np.cross(d_column, direction, axis=0) / area
    return Canvas(step_mm, (height, width), *(a.astype(np.float32) for a in (direction, across, along)))


def canvas_for(mm_per_px: float) -> Canvas:
    """The canvas whose pixels are closest to `mm_per_px` on the front of a face."""
    return canvas_with(min(STEPS_MM, key=lambda step: abs(np.log(step / (1.1 * mm_per_px)))))
