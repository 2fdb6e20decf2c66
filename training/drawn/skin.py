"""The colour of a resting face: flush, shadows under the eyes, freckles, pores, age spots, nostrils."""

from functools import partial

import numpy as np

from training.drawn.head import NOSE_BASE_Y_MM, Head
from training.drawn.identity import Identity
from training.drawn.noise import mound, smoothstep

_DARKEST = 0.004
"""No skin reflects less."""


def paint_skin(identity: Identity, head: Head, coarseness: float) -> np.ndarray:
    """(H, W, 3) float32 linear BGR reflectance of the bare skin; `coarseness` 0 is smooth, 1 shows every pore."""
    tone = _tone(identity, head, coarseness) * (1 - 0.9 * nostrils(identity, head))
    flush = _flush(identity, head)
    blue, green, red = identity.skin.colour
    channels = (blue * tone * (1 - 0.24 * flush), green * tone * (1 - 0.22 * flush), red * tone * (1 + 0.03 * flush))
    return np.maximum(np.stack(channels, -1), _DARKEST)


def nostrils(identity: Identity, head: Head) -> np.ndarray:
    """(H, W) 0..1: the dark openings under the nose."""
    x, y, z = head.position
    shape = identity.shape
    out = np.abs(x) - 7.6 - 0.35 * shape.nose_width
    below = y - NOSE_BASE_Y_MM * shape.length - shape.nose_length
    return np.asarray(mound(out / 4.4, (below - 0.16 * out) / 2.4) * (z > 40))


def _flush(identity: Identity, head: Head) -> np.ndarray:
    """(H, W): where blood shows: cheeks, tip of the nose, chin, forehead, ears."""
    x, y, z = head.position
    side, low = np.abs(x), identity.shape.length
    cheeks = mound((side - 42) / 22, (y - 32 * low) / 18)
    nose = 0.9 * mound(x / 12, (y - 43 * low) / 9)
    rest = 0.35 * mound(x / 16, (y - 104 * low) / 10) + 0.25 * mound(x / 40, (y + 40) / 20)
    ears = 0.9 * mound((y - 4) / 30, (z + 12) / 18) * (side > 55)
    return np.asarray(identity.skin.redness * (cheeks + nose + rest + ears))


def _tone(identity: Identity, head: Head, coarseness: float) -> np.ndarray:
    """(H, W) about 1: hollows of eyes and ears, mottling, pores, freckles, age spots."""
    skin, ex = identity.skin, identity.eyes.half_distance
    x, y, z = head.position
    side, low = np.abs(x), identity.shape.length
    noise = partial(_noise, identity.seed, head)
    below_eyes = (0.5 + 0.6 * skin.wrinkles) * mound((side - ex + 3) / 15, (y - 10) / 6)
    lids = 0.5 * mound((side - ex + 2) / 16, (y + 7) / 7)
    tone = 1 - 0.16 * (below_eyes + lids) - 0.4 * mound((y - 3) / 14, (z + 8) / 7) * (side > 60)
    tone += 0.030 * skin.mottling * (noise(1, 14, 2) + noise(2, 2.4, 2))
    if coarseness > 0:
        tone += 0.06 * coarseness * noise(3, 1.4)
    if skin.freckles > 0:
        where = mound((side - 28) / 34, (y - 28 * low) / 22) + 0.3
        tone -= 0.3 * skin.freckles * smoothstep(1.0, 2.0, noise(4, 2.6)) * where
    if skin.wrinkles > 0.5:
        tone -= 0.5 * (skin.wrinkles - 0.5) * smoothstep(1.6, 2.2, noise(5, 5))
    return np.asarray(tone)


def _noise(seed: int, head: Head, layer: int, cell_mm: float, octaves: int = 1) -> np.ndarray:
    return head.canvas.noise((seed, 0x5C, layer), cell_mm, octaves)
