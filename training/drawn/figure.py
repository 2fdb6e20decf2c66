"""The figure below the neck: where trunk, arms and legs are, and how far they stand out. Upright, arms down."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from training.drawn.identity import Identity
from training.drawn.layers import Layers
from training.drawn.noise import bell, mound, smoothstep

HEM_MM = 655.0
"""Lower end of shirts and jackets."""
WRIST_MM = 690.0
_GROOVE_MM = 7.0
"""Width of the groove between arm and trunk."""
_Joint = tuple[float, float, float]
"""Distance from the middle, height below the middle of the head, radius; mm."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of the figure on the sheet."""

    cover: np.ndarray
    """(H, W) 0..1."""
    relief: np.ndarray
    """(H, W) mm towards the camera."""


def neck_mm(identity: Identity) -> float:
    """Half the width of the neck."""
    return 46 + 12 * identity.masculine


def trunk(layers: Layers, identity: Identity) -> Part:
    """Shoulders, chest and hips, as a round body under cloth."""
    x, y, side = layers.x, layers.y, layers.side
    male = identity.masculine
    widths = [196, 190, 168 + 6 * male, 128 + 22 * male, 166 - 10 * male, 170 - 10 * male]
    half = np.interp(y[:, 0], [150, 230, 300, 480, 640, 720], widths).astype(np.float32)[:, None]
    half = cv2.blur(half, (1, 2 * round(60 / layers.px_mm) + 1), borderType=cv2.BORDER_REPLICATE)
    shoulder = _shoulder_y(layers, identity)
    cover = layers.inside(np.minimum(half - side, y - shoulder)) * layers.inside(HEM_MM + 25 - y)
    round_ = 85 * np.sqrt(np.clip(1 - (x / (1.12 * half)) ** 2, 0, 1)) * smoothstep(-6, 75, y - shoulder) ** 0.6
    chest = (5 + 9 * (1 - male)) * mound((side - 66) / 50, (y - 285) / 55)
    throat = 0.6 * neck_mm(identity) * bell(x / 85) * smoothstep(310, 140, y)
    return Part(cover, round_ + chest + throat)


def arms(layers: Layers, identity: Identity) -> Part:
    """Both arms, hanging, down to the wrists."""
    broad, thick = 0.95 + 0.07 * identity.masculine, 0.86 + 0.16 * identity.masculine
    joints = [(174 * broad, 236, 49 * thick), (200 * broad, 470, 41 * thick), (206 * broad, WRIST_MM, 27 * thick)]
    return _limb(layers, joints, 18)


def hands(layers: Layers, identity: Identity) -> Part:
    """Both hands, loosely closed."""
    x = 206 * (0.95 + 0.07 * identity.masculine)
    return _limb(layers, [(x, WRIST_MM, 26), (x - 4, WRIST_MM + 75, 36), (x - 14, WRIST_MM + 130, 24)], 18)


def legs(layers: Layers, identity: Identity) -> Part:
    """Both legs, from the hips to the ankles."""
    hip = 80 + 6 * (1 - identity.masculine)
    return _limb(layers, [(hip, 690, 90), (78, 1120, 62), (74, 1530, 46)], 0)


def shoes(layers: Layers) -> Part:
    """Both shoes, seen from in front."""
    return _limb(layers, [(74, 1545, 46), (84, 1580, 48)], 20)


def joined(one: Part, other: Part) -> Part:
    """Two parts as one, with a soft groove where they meet."""
    both = np.logaddexp(one.relief * one.cover / _GROOVE_MM, other.relief * other.cover / _GROOVE_MM)
    return Part(np.maximum(one.cover, other.cover), _GROOVE_MM * both)


def _shoulder_y(layers: Layers, identity: Identity) -> np.ndarray:
    """(H, W) mm: height of the line from neck to shoulders in each column."""
    out = np.arange(0.0, 226.0)
    line = np.interp(out, [0, 48, 62, 95, 150, 180, 200, 225], [126, 128, 137, 152, 167, 184, 215, 260])
    line = np.convolve(np.pad(line, 9, "edge"), np.full(19, 1 / 19), "valid")
    broad = 0.95 + 0.09 * identity.masculine
    return np.interp(layers.side / broad, out, line).astype(np.float32)


def _limb(layers: Layers, joints: list[_Joint], forward_mm: float) -> Part:
    """A chain of tapering rods on either side; forward_mm: how far its edges stand out."""
    inside = np.full_like(layers.x, -1e3)
    relief = np.zeros_like(layers.x)
    for (x1, y1, r1), (x2, y2, r2) in pairwise(joints):
        dx, dy = x2 - x1, y2 - y1
        along = np.clip(((layers.side - x1) * dx + (layers.y - y1) * dy) / (dx * dx + dy * dy), 0, 1)
        away = np.hypot(layers.side - x1 - along * dx, layers.y - y1 - along * dy)
        radius = r1 + (r2 - r1) * along
        inside = np.maximum(inside, radius - away)
        relief = np.maximum(relief, np.sqrt(np.maximum(radius * radius - away * away, 0)))
    return Part(layers.inside(inside), relief + forward_mm)
