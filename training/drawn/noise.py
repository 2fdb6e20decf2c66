"""Random textures: smooth noise at any scale, the raw material of skin, hair, cloth, walls and leaves."""

import cv2
import numpy as np


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cell_px: float, octaves: int = 1) -> np.ndarray:
    """(H, W) float32 noise of about zero mean and unit variance, whose blobs are `cell_px` across.

    Every further octave halves the blobs and their strength.
    """
    height, width = shape
    total = np.zeros(shape, np.float32)
    power = 0.0
    for octave in range(octaves):
        cell = max(cell_px / 2**octave, 1.0)
        grid = rng.standard_normal((int(height / cell) + 2, int(width / cell) + 2), np.float32)
        layer = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        total += layer * 0.5**octave
        power += 0.25**octave
    # cubic interpolation between independent knots keeps about half of their variance
    return total * np.float32(1.45 / np.sqrt(power))


def surface_noise(
    key: tuple[int, ...], shape: tuple[int, int], step_mm: float, width_mm: float, cell_mm: float, octaves: int = 1
) -> np.ndarray:
    """(H, W) float32 like `smooth_noise`, but a pattern in mm that stays the same at every resolution.

    key: what the pattern is drawn from. step_mm: size of a pixel. width_mm: width of the whole surface.
    """
    height, width = shape
    total = np.zeros(shape, np.float32)
    power = 0.0
    for octave in range(octaves):
        cell = cell_mm / 2**octave
        columns = int(width_mm / cell) + 4
        rows = int(height * step_mm / cell) + 4
        grid = np.random.default_rng([*key, octave]).standard_normal((rows, columns), np.float32)
        zoom = np.array([[step_mm / cell, 0, 1], [0, step_mm / cell, 1]])
        layer = cv2.warpAffine(
            grid, zoom, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
        )
        # Blobs smaller than a pixel average out.
        total += layer * np.float32(0.5**octave * min(1.0, cell / step_mm))
        power += 0.25**octave
    return total * np.float32(1.45 / np.sqrt(power))


def strand_noise(rng: np.random.Generator, across: int, along: int, length_px: float) -> np.ndarray:
    """(across, along) float32 in about [-2, 2]: streaks one pixel wide and `length_px` long, for hair and cloth."""
    fine = rng.standard_normal((across, int(along / length_px) + 2), np.float32)
    coarse = rng.standard_normal((across // 6 + 2, int(along / length_px / 2) + 2), np.float32)
    streaks = cv2.resize(fine, (along, across), interpolation=cv2.INTER_LINEAR)
    locks = cv2.resize(coarse, (along, across), interpolation=cv2.INTER_CUBIC)
    return 0.8 * streaks + 0.8 * locks


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high` (or the other way round if `low` > `high`), smooth in between."""
    t = np.minimum(np.maximum((value - low) * (1 / (high - low)), 0), 1)
    return t * t * (3 - 2 * t)


def bell(distance: np.ndarray) -> np.ndarray:
    """exp(-distance²): the bump that most of the head is modelled with."""
    return np.exp(-distance * distance)


def mound(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """exp(-(u² + v²)): a bump in two directions."""
    return np.exp(-(u * u + v * v))
