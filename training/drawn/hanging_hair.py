"""Long hair below the head: what hangs behind the neck, and locks that fall over the shoulders."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.drawn.identity import HairStyle, Identity
from training.drawn.layers import Layers
from training.drawn.noise import smoothstep, strand_noise


@dataclass(frozen=True, slots=True)
class _Curtain:
    half_width_mm: float
    end_mm: float
    """How far down it reaches."""
    locks: bool
    """Whether some falls in front of the shoulders."""


_CURTAINS: dict[HairStyle, _Curtain] = {
    "bob": _Curtain(92.0, 92.0, False),
    "long": _Curtain(90.0, 205.0, True),
    "wavy": _Curtain(100.0, 190.0, True),
}
_STRANDS = 500
"""Strands across the whole sheet."""
_FALL_MM = 360.0
"""Length of sheet that has strands of its own; below, no hair reaches."""


def hang_behind(layers: Layers, identity: Identity) -> None:
    """The curtain behind the neck."""
    curtain = _CURTAINS.get(identity.hair.style)
    if curtain is None:
        return
    y, half, end = layers.y, curtain.half_width_mm, curtain.end_mm
    wide = half * smoothstep(-75, 15, y) ** 0.5 + 4 * _waves(layers, 1) - 22 * smoothstep(end - 50, end + 25, y)
    inside = np.minimum(wide - layers.side, _tips(layers, 6, end))
    shadow = 0.35 + 0.65 * smoothstep(40, 85, layers.side)
    relief = 20 * np.sqrt(np.clip(1 - (layers.x / (half + 20)) ** 2, 0, 1))
    layers.lay(layers.inside(inside), _strands(layers, identity) * shadow[..., None], relief)


def hang_in_front(layers: Layers, identity: Identity) -> None:
    """A lock on either side."""
    curtain = _CURTAINS.get(identity.hair.style)
    if curtain is None or not curtain.locks:
        return
    y, end = layers.y, curtain.end_mm
    off = np.abs(layers.side - 72 - 6 * np.sin(y / 45))
    wide = (30 + 0.05 * y) * smoothstep(15, 75, y) * (1 - 0.6 * smoothstep(end - 30, end + 60, y))
    inside = np.minimum(wide + 3 * _waves(layers, 3) - off, _tips(layers, 7, end + 40))
    relief = 70 + 12 * np.sqrt(np.clip(1 - (off / 40) ** 2, 0, 1))
    layers.lay(layers.inside(inside) * (y > 20), _strands(layers, identity), relief)


def _strands(layers: Layers, identity: Identity) -> np.ndarray:
    """(H, W, 3) reflectance of hair that falls straight down, or in waves."""
    height, width = layers.x.shape
    strands = strand_noise(np.random.default_rng([identity.seed, 0xB5]), _STRANDS, 64, 4).T
    strands = cv2.resize(strands, (width, round(_FALL_MM / layers.px_mm)), interpolation=cv2.INTER_AREA)[:height]
    strands = cv2.copyMakeBorder(strands, 0, height - strands.shape[0], 0, 0, cv2.BORDER_REPLICATE)
    if identity.hair.style == "wavy":
        rows, columns = np.indices((height, width), dtype=np.float32)
        columns += 9 / layers.px_mm * np.sin(layers.y / 17 + 2 * np.sin(layers.x / 30))
        strands = cv2.remap(strands, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    light = np.clip(1 + 0.24 * strands, 0.3, 2)
    return np.asarray(light[..., None] * np.array(identity.hair.colour, np.float32))


def _tips(layers: Layers, layer: int, end_mm: float) -> np.ndarray:
    """(H, W) mm: distance above the ends of the hair, which thin out in tips."""
    uneven = layers.noise(layer, 5, 2, (1, layers.x.shape[1]))
    return np.asarray(end_mm - layers.y + 9 * uneven)


def _waves(layers: Layers, layer: int) -> np.ndarray:
    """(H, W) of unit variance: slow waves down an outline, others on the left than on the right."""
    waves = layers.noise(layer, 24, 2, (layers.x.shape[0], 2))
    return np.where(layers.x < 0, waves[:, :1], waves[:, 1:])
