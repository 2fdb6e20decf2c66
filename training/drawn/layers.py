"""A flat sheet on which a bust is laid in layers from back to front: colour, relief and cover."""

import numpy as np

from training.drawn.colours import Colour
from training.drawn.noise import smoothstep, surface_noise

TOP_MM = -60.0
HALF_WIDTH_MM = 250.0
"""The sheet reaches this far above and beside the middle of the head."""


class Layers:
    """The sheet of one person at one resolution; x and y are mm from the middle of the head."""

    def __init__(self, seed: int, px_per_mm: float, bottom_mm: float) -> None:
        height, width = round((bottom_mm - TOP_MM) * px_per_mm), round(2 * HALF_WIDTH_MM * px_per_mm)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
        self.seed = seed
        self.px_mm = 1 / px_per_mm
        self.x = (columns + 0.5) * np.float32(self.px_mm) - np.float32(HALF_WIDTH_MM)
        self.y = (rows + 0.5) * np.float32(self.px_mm) + np.float32(TOP_MM)
        self.side = np.abs(self.x)
        self.colour = np.zeros((height, width, 3), np.float32)
        """(H, W, 3) linear BGR reflectance."""
        self.relief = np.zeros((height, width), np.float32)
        """(H, W) mm towards the camera."""
        self.cover = np.zeros((height, width), np.float32)
        """(H, W) 0..1."""

    def lay(self, cover: np.ndarray, colour: np.ndarray | Colour, relief: np.ndarray) -> None:
        """Lay a new layer over everything as far as `cover` (H, W) says."""
        self.colour += (np.asarray(colour, np.float32) - self.colour) * cover[..., None]
        self.relief += (relief - self.relief) * cover
        self.cover = np.maximum(self.cover, cover)

    def inside(self, distance_mm: np.ndarray) -> np.ndarray:
        """Cover, with a soft edge, from the distance to an edge that is positive inside."""
        return smoothstep(-0.8 * self.px_mm, 0.8 * self.px_mm, distance_mm)

    def noise(self, layer: int, cell_mm: float, octaves: int = 1, shape: tuple[int, int] | None = None) -> np.ndarray:
        """(H, W) or `shape`: noise of unit variance in mm, the same at every resolution; another one per `layer`."""
        size = shape or (self.x.shape[0], self.x.shape[1])
        return surface_noise((self.seed, 0xB5, layer), size, self.px_mm, 2 * HALF_WIDTH_MM, cell_mm, octaves)
