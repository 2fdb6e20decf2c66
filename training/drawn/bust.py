"""Everything below the chin and behind the head: painted flat, shaded once for a light, then only moved and scaled."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from training.drawn.hanging_hair import hang_behind, hang_in_front
from training.drawn.identity import Identity
from training.drawn.layers import HALF_WIDTH_MM, TOP_MM, Layers
from training.drawn.light import Light
from training.drawn.patch import Patch
from training.drawn.styles import Style, in_style
from training.drawn.tone import develop
from training.drawn.torso import paint_neck, paint_torso

_LEAN = 0.5
"""How much of the head's roll the neck follows."""
_LEAN_MM = 40.0
"""How far the bust may lean out of its own width."""


@dataclass(frozen=True, slots=True, eq=False)
class Bust:
    """A shaded bust; its first pixel is at (-HALF_WIDTH_MM, TOP_MM) from the middle of the head."""

    px_per_mm: float
    bright: np.ndarray
    """(h, w, 4) uint8: BGR with the lamp on, and alpha."""
    dim: np.ndarray
    """(h, w, 4) uint8: the same without the lamp."""


@lru_cache(maxsize=48)
def make_bust(identity: Identity, style: Style, light: Light, px_per_mm: float, bottom_mm: float) -> Bust:
    """The bust of this person in this style and light."""
    layers = Layers(identity.seed, px_per_mm, bottom_mm)
    hang_behind(layers, identity)
    paint_neck(layers, identity)
    paint_torso(layers, identity)
    hang_in_front(layers, identity)
    lamp, around = _light_on(layers, light, px_per_mm)
    # Beside the edges, colours go on as well, so that scaling and blurring do not mix in emptiness.
    near = cv2.blur(layers.colour, (7, 7)) / np.maximum(cv2.blur(layers.cover, (7, 7)), 1e-3)[..., None]
    colour = in_style(np.where(layers.cover[..., None] > 0.99, layers.colour, near), style)
    dim = colour * around
    bright = dim + colour * lamp
    alpha = cv2.convertScaleAbs(layers.cover, alpha=255.0)
    return Bust(px_per_mm, *(cv2.merge([*cv2.split(develop(lit)), alpha]) for lit in (bright, dim)))


def _light_on(layers: Layers, light: Light, px_per_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) float32 each: light from the lamp and from all around, dimmer in folds."""
    relief = layers.relief
    slope_x, slope_y = (
        _inner(np.clip(cv2.Sobel(relief, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=px_per_mm / 8), -2, 2), layers.cover)
        for dx in (1, 0)
    )
    length = np.sqrt(1 + slope_x**2 + slope_y**2)
    x, y, z = (float(c) for c in light.unit())
    wrap = 0.1 + 0.25 * (1 - light.hardness)
    direct = np.maximum(((z - slope_x * x - slope_y * y) / length + wrap) / (1 + wrap), 0)
    fold = (2 * round(9 * px_per_mm) + 1,) * 2
    sky = np.clip(1 - 0.03 * (cv2.blur(relief, fold) - relief), 0.4, 1.1)
    up = (0.5 + 0.5 * slope_y / length)[..., None]
    lamp, above, below = (np.array(c, np.float32) for c in (light.lamp, light.above, light.below))
    return (direct * np.minimum(sky, 1))[..., None] * lamp, (below + (above - below) * up) * sky[..., None]


def _inner(slope: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """(H, W): slopes of the relief, but at the edges those next to them: the drop to nothing is no surface."""
    inside = cv2.erode((cover > 0.99).astype(np.float32), np.ones((3, 3), np.uint8))
    near = cv2.blur(slope * inside, (7, 7)) / np.maximum(cv2.blur(inside, (7, 7)), 1e-3)
    return np.asarray(slope * inside + near * (1 - inside))


def place_bust(
    bust: Bust,
    centre: tuple[float, float],
    px_per_mm: float,
    roll: float,
    lamp: float,
    around: float,
    picture_px: tuple[int, int] | None,
) -> Patch:
    """A bust under a head at `centre` (px).

    roll: the head's, degrees. lamp, around: strengths relative to the light it was shaded for. picture_px: width and
    height to cut it to, if any.
    """
    scale = px_per_mm / bust.px_per_mm
    lean = -_LEAN * float(np.tan(np.radians(roll)))
    half = (HALF_WIDTH_MM + _LEAN_MM) * px_per_mm
    top = centre[1] + TOP_MM * px_per_mm
    x0, y0, x1, y1 = centre[0] - half, top, centre[0] + half, top + bust.bright.shape[0] * scale
    if picture_px is not None:
        x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, picture_px[0]), min(y1, picture_px[1])
    left, above = int(np.floor(x0)), int(np.floor(y0))
    size = (max(int(np.ceil(x1)) - left, 1), max(int(np.ceil(y1)) - above, 1))
    shift = centre[0] - left + (lean * TOP_MM - HALF_WIDTH_MM) * px_per_mm
    matrix = np.array([[scale, lean * scale, shift], [0, scale, top - above]])
    lit = bust.bright if lamp == 1 else cv2.addWeighted(bust.bright, lamp, bust.dim, 1 - lamp, 0)
    warped = cv2.warpAffine(lit, matrix, size, flags=cv2.INTER_LINEAR)
    image = cv2.cvtColor(warped, cv2.COLOR_BGRA2BGR)
    # Pixels are about the root of the light.
    image = cv2.convertScaleAbs(image, alpha=float(np.sqrt(around)))
    return Patch(left, above, image, cv2.extractChannel(warped, 3))
