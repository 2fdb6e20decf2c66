"""Beards, and the shade that a shaven one leaves."""

from dataclasses import dataclass

import numpy as np

from training.drawn.head import Head
from training.drawn.identity import Beard, Identity
from training.drawn.noise import bell, smoothstep


@dataclass(frozen=True, slots=True)
class _Trim:
    """How densely hair grows on cheeks and jaw, chin and upper lip, 0..1; and how long it is."""

    jaw: float
    chin: float
    lip: float
    length_mm: float


_TRIMS: dict[Beard, _Trim] = {
    "none": _Trim(0.0, 0.0, 0.0, 0.0),
    "stubble": _Trim(0.5, 0.55, 0.5, 0.3),
    "moustache": _Trim(0.12, 0.12, 0.95, 3.0),
    "goatee": _Trim(0.12, 0.95, 0.85, 4.0),
    "beard": _Trim(0.92, 0.97, 0.9, 6.0),
}
_SHAVEN = 0.10
"""Density that still shows on a grown man who has shaved."""


def grow_beard(identity: Identity, head: Head, colour: np.ndarray) -> np.ndarray:
    """Lay the beard over `colour` (H, W, 3) in place; return its thickness, (H, W) float32 mm."""
    trim = _TRIMS[identity.hair.beard]
    shade = _SHAVEN * max(2 * identity.masculine - 1, 0.0)
    if trim.length_mm == 0 and shade == 0:
        return np.zeros(head.canvas.shape, np.float32)
    ragged, hairs, locks = (
        head.canvas.noise((identity.seed, 0xBE, layer), cell_mm, octaves)
        for layer, cell_mm, octaves in ((1, 5, 2), (2, 1.3, 1), (3, 5, 2))
    )
    jaw, chin, lip = _parts(identity, head, 2.0 * ragged)
    grown = np.maximum(jaw * max(trim.jaw, shade), np.maximum(chin * max(trim.chin, shade), lip * max(trim.lip, shade)))
    cover = np.clip(grown * (1 + 0.22 * hairs * (1 - 0.6 * grown)), 0, 0.98)[..., None]
    tone = np.clip(1 + 0.16 * hairs + 0.12 * locks, 0.4, 1.8)[..., None]
    colour += (tone * np.array(identity.hair.beard_colour, np.float32) - colour) * cover
    return np.asarray(trim.length_mm * smoothstep(0.3, 0.9, grown) * (1 + 0.12 * locks))


def _parts(identity: Identity, head: Head, ragged: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(H, W) 0..1 each: cheeks and jaw; chin; upper lip. ragged: (H, W) mm by which edges are uneven."""
    x, y, z = head.position
    side, low = np.abs(x), identity.shape.length
    front = smoothstep(-14, -4, z)
    edge = np.interp(side, [0, 20, 34, 50, 62, 72, 80], [82, 80, 76, 58, 36, 6, -6]).astype(np.float32) * low
    jaw = smoothstep(-6, 6, y - edge + ragged) * front
    below_lip = smoothstep(1.15, 0.85, np.hypot(side / 25, (y - 100 * low) / 21) + 0.03 * ragged)
    below_lip *= smoothstep(76, 82, y / low + ragged)
    beside_lip = smoothstep(0.9, 0.5, np.hypot((side - 30) / 6, (y - 76 * low) / 18) + 0.05 * ragged)
    droop = 58.5 * low + 0.012 * side * side
    lip = bell((y - droop + 0.3 * ragged) / 6.5) * smoothstep(34, 25, side + ragged) * smoothstep(-1.0, 2.5, side)
    return jaw, np.maximum(below_lip, beside_lip) * front, lip * (z > 30)
