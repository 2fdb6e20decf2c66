"""Hair on the head: where it grows, how thick it lies, which way it runs and what colour each strand has."""

from dataclasses import dataclass

import cv2
import numpy as np

from training.drawn.canvas import dot
from training.drawn.head import HAIRLINE_Y_MM, Head
from training.drawn.identity import HairStyle, Identity
from training.drawn.noise import bell, smoothstep, strand_noise

EDGE_DEG = (0, 18, 32, 42, 52, 62, 70, 78, 86, 94, 104, 114, 180)
"""Angles about the vertical, 0 in front, 90 at the ears, at which the edge of a hair style is given."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A hair style."""

    edge_mm: tuple[float, ...]
    """Lower edge of the hair at the angles of EDGE_DEG, mm below the hairline."""
    top_mm: float
    side_mm: float
    """Thickness on top and at the sides."""
    front: float = 0.35
    """Thickness right at the edge, as a share of that further in."""
    whorl: tuple[float, float, float] = (0.15, -0.85, -0.5)
    """The direction in head space that strands run away from."""
    wave: float = 0.0
    """How far strands sway, radians."""
    curl_mm: float = 0.0
    """Size of curls; 0 is straight."""
    density: tuple[float, float] = (1.0, 1.0)
    """Share of the skin that hair hides, at the edge and further in."""


_SHORT = (0, 0, 3, 12, 24, 40, 58, 72, 46, 44, 60, 110, 130)
_RECEDING = (-32, -35, -34, -18, 10, 36, 56, 70, 46, 44, 60, 110, 130)
_PARTED = (2, 0, 2, 10, 22, 40, 58, 74, 46, 44, 60, 110, 130)
_FRINGE = (30, 31, 32, 30, 34, 48, 62, 76, 50, 48, 62, 112, 130)
_CURLY = (3, 1, 5, 14, 27, 44, 63, 81, 60, 56, 70, 116, 130)
_BOB = (26, 27, 30, 34, 56, 100, 132, 146, 152, 156, 160, 164, 170)
_OVER_EARS = (0, 0, 4, 14, 32, 66, 104, 126, 140, 150, 160, 170, 180)
_TIED = (0, 0, 4, 14, 26, 42, 58, 66, 44, 42, 60, 116, 130)

CUTS: dict[HairStyle, Cut | None] = {
    "bald": None,
    "receding": Cut(_RECEDING, 3, 5, density=(0.62, 0.97)),
    "buzz": Cut(_SHORT, 2, 2, density=(0.5, 0.85)),
    "short": Cut(_SHORT, 11, 6),
    "side part": Cut(_PARTED, 15, 7, whorl=(0.5, -0.8, 0.35)),
    "fringe": Cut(_FRINGE, 13, 8, front=0.5),
    "curly": Cut(_CURLY, 22, 15, curl_mm=9),
    "afro": Cut(_CURLY, 42, 34, curl_mm=6),
    "bob": Cut(_BOB, 15, 15, front=0.5, whorl=(0.05, -0.95, 0.05)),
    "long": Cut(_OVER_EARS, 13, 13, whorl=(0.0, -0.9, 0.42), wave=0.1),
    "wavy": Cut(_OVER_EARS, 19, 18, whorl=(0.28, -0.9, 0.36), wave=0.4),
    "tied": Cut(_TIED, 7, 5, whorl=(0.0, -0.2, -1.0)),
}
HAIR_OVER_EARS = ("bob", "long", "wavy")

_STRANDS = 1000
"""Strands all around the whorl."""
_STRAND_MM = 0.63
"""Their width where the head is widest."""


@dataclass(frozen=True, slots=True, eq=False)
class HairLayer:
    """Hair ready to be laid over the skin of a head."""

    cover: np.ndarray
    """(H, W) float32 0..1."""
    thickness: np.ndarray
    """(H, W) float32 mm."""
    colour: np.ndarray
    """(H, W, 3) float32 linear BGR reflectance."""


def grow_hair(identity: Identity, head: Head) -> HairLayer | None:
    """The hair of this person on this head, or None for the bald."""
    cut = CUTS[identity.hair.style]
    if cut is None:
        return None
    x, y, z = head.position
    strands, locks = _strands(identity.seed, cut, head)
    curls = np.zeros_like(strands)
    if cut.curl_mm:  # ridges that wind like locks
        curls = 1 - 1.6 * np.abs(head.canvas.noise((identity.seed, 0x4A, 2), cut.curl_mm, 2))
    inside = _inside_mm(identity, cut, head, strands)
    soft = max(2.5, 1.2 * head.canvas.step_mm)
    edge, inner = cut.density
    cover = smoothstep(-soft, soft, inside) * (edge + (inner - edge) * smoothstep(-4, 14, inside))
    full = cut.side_mm + (cut.top_mm - cut.side_mm) * smoothstep(-10, -75, y)
    full *= cut.front + (1 - cut.front) * smoothstep(0, 22, inside)
    # Thick only where it covers fully, so that the step down to the skin has the colour of hair.
    texture = 1 + 0.07 * strands + 3.4 / (cut.top_mm + 4) * curls
    thickness = smoothstep(0.45, 1.0, cover) * full * texture
    light = 0.92 + 0.24 * strands + 0.08 * locks + 0.22 * curls
    if not cut.curl_mm:  # smooth hair mirrors the sky in a band around the head
        light += 0.5 * bell((y + 62 + 0.12 * np.abs(x) + 7 * locks) / 17) * (z > -60)
    light = np.clip(light * (0.75 + 0.25 * smoothstep(0, 12, inside)), 0.25, 2.2)
    return HairLayer(cover, thickness, light[..., None] * np.array(identity.hair.colour, np.float32))


def _inside_mm(identity: Identity, cut: Cut, head: Head, strands: np.ndarray) -> np.ndarray:
    """(H, W) float32: distance above the ragged lower edge of the hair."""
    x, y, z = head.position
    turn = np.degrees(np.arctan2(np.abs(x), z))
    edge = np.interp(turn, EDGE_DEG, cut.edge_mm).astype(np.float32) + (HAIRLINE_Y_MM - identity.shape.forehead)
    return np.asarray(edge - y + 1.4 * (head.canvas.noise((identity.seed, 0x4A, 1), 7, 2) + strands))


def _strands(seed: int, cut: Cut, head: Head) -> tuple[np.ndarray, np.ndarray]:
    """Two (H, W) textures of about unit variance that run away from the whorl: single strands, and broad locks."""
    whorl = np.array(cut.whorl) / np.linalg.norm(cut.whorl)
    first = np.cross(whorl, [0.0, 0.0, 1.0] if abs(whorl[2]) < 0.8 else [0.0, 1.0, 0.0])
    first /= np.linalg.norm(first)
    along, a, b = (dot(head.canvas.direction, axis) for axis in (whorl, first, np.cross(whorl, first)))
    distance = np.arccos(np.clip(along, -1, 1))
    angle = np.arctan2(b, a) + cut.wave * np.sin(9 * distance + 2 * a)
    tile = strand_noise(np.random.default_rng([seed, 0x4A, 0]), _STRANDS, 256, 60)
    merged = max(1, round(head.canvas.step_mm / _STRAND_MM))  # strands that share a pixel average out
    if merged > 1:
        tile = np.asarray(cv2.blur(tile, (1, merged)) * merged**0.3)
    row = ((angle / (2 * np.pi)) % 1.0 * (_STRANDS - 1)).astype(np.float32)
    column = (distance / np.pi * 255).astype(np.float32)
    strands, locks = (
        cv2.remap(texture, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        for texture in (tile, cv2.blur(tile, (1, 21)))
    )
    return strands, 2 * locks
