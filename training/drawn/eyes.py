"""Eyes: the eyeball between the lids, and where it looks."""

from dataclasses import dataclass

import numpy as np

from training.drawn.actions import Actions
from training.drawn.head import EYE_Y_MM
from training.drawn.identity import Identity
from training.drawn.lids import EyePatch, Lids, lids, paint_lids
from training.drawn.noise import bell, smoothstep
from training.drawn.sheet import Inlay, Sheet

_IRIS_MM = 5.9
"""Radius; almost the same in all grown people."""
_REACH_MM = (4.2, 3.0)
"""How far the iris moves for the widest glance, sideways and up or down."""
_WHITE = (0.86, 0.90, 0.98)
_CARUNCLE = (0.20, 0.22, 0.55)
"""Reflectances, BGR: of the white of the eye before it is shaded, and of its inner corner."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What the eyes do besides expressing something."""

    blink: float = 0.0
    """0 open .. 1 shut."""
    gaze: tuple[float, float] = (0.0, 0.0)
    """To the picture's right and down, -1..1."""
    pupil_mm: float = 2.2
    """Radius."""


def paint_eyes(sheet: Sheet, identity: Identity, actions: Actions, glance: Glance, mirror: tuple[float, float]) -> None:
    """Lids into the skin, eyeballs as inlays. mirror: where the lamp shows, mm from the pupil, right and down."""
    eyes = identity.eyes
    opening = lids(eyes, actions, glance.blink)
    gaze_x, gaze_y = glance.gaze[0] * _REACH_MM[0], (glance.gaze[1] + 0.6 * actions.gaze_down) * _REACH_MM[1] - 0.5
    reach = eyes.half_width + 9
    for side in (-1, 1):
        middle = side * eyes.half_distance
        window = sheet.head.window(middle - reach, middle + reach, EYE_Y_MM - 20, EYE_Y_MM + 18)
        x = (sheet.head.position[0][window] - middle) * side
        y = sheet.head.position[1][window] - EYE_Y_MM
        patch = EyePatch(window, x, y, y - opening.upper_edge(x), opening.lower_edge(x) - y)
        paint_lids(sheet, patch, identity, actions, opening, glance.blink)
        if glance.blink < 0.97:
            ball = _Ball(patch, opening, x - gaze_x * side, y - gaze_y, sheet.px_mm)
            colour = ball.colour(eyes.iris, glance.pupil_mm)
            sheet.inlays.append(Inlay(window, ball.cover(), colour, ball.glint((mirror[0] * side, mirror[1]))))


class _Ball:
    """One eyeball; (ix, iy) is measured from the pupil, mm."""

    def __init__(self, patch: EyePatch, opening: Lids, ix: np.ndarray, iy: np.ndarray, px_mm: float) -> None:
        self._patch, self._opening, self._ix, self._iy, self._px = patch, opening, ix, iy, px_mm
        self._edge = max(0.45, 0.55 * px_mm)

    def cover(self) -> np.ndarray:
        """(h, w) 0..1: where it shows between the lids."""
        half, soft = self._opening.half_width, 0.55 * self._px
        open_ = smoothstep(-soft, soft, np.minimum(self._patch.below_upper, self._patch.above_lower))
        return open_ * smoothstep(half + 0.6, half - 0.6, np.abs(self._patch.x))

    def colour(self, iris: tuple[float, float, float], pupil_mm: float) -> np.ndarray:
        """(h, w, 3) reflectance, in the shadow of the upper lid."""
        along = self._patch.x / self._opening.half_width
        distance = np.sqrt(self._ix**2 + self._iy**2)
        in_iris = smoothstep(_IRIS_MM + self._edge, _IRIS_MM - self._edge, distance)
        in_pupil = smoothstep(pupil_mm + self._edge, pupil_mm - self._edge, distance)
        angle = np.arctan2(self._iy, self._ix)
        fibres = 1 + 0.16 * np.sin(angle * 17) * np.sin(angle * 7 + 1)
        ring = 1 - 0.6 * bell((distance - _IRIS_MM + 0.2) / 0.9)
        # Light that enters from above leaves through the lower half.
        below = 0.75 + 0.6 * np.clip(self._iy / _IRIS_MM, -1, 1)
        pattern = below * fibres * ring * (1 + 0.45 * bell((distance - pupil_mm - 0.8) / 1.2))
        round_ = 0.64 - 0.25 * smoothstep(0.55, 1.05, np.abs(along))
        inner_corner = 0.8 * smoothstep(-0.80, -0.97, along)
        shadow = (1 - 0.97 * in_pupil) * (0.36 + 0.64 * smoothstep(-0.5, 4.0, self._patch.below_upper))
        colour = np.empty((*distance.shape, 3), np.float32)
        for c in range(3):
            ball = round_ * _WHITE[c]
            ball += (_CARUNCLE[c] - ball) * inner_corner
            ball += (iris[c] * pattern - ball) * in_iris
            colour[..., c] = ball * shadow
        return colour

    def glint(self, mirror: tuple[float, float]) -> np.ndarray:
        """(h, w): the lamp, mirrored; fainter where it is smaller than a pixel."""
        size = max(1.05, 0.62 * self._px)
        away = np.sqrt((self._ix - mirror[0]) ** 2 + (self._iy - mirror[1]) ** 2)
        return smoothstep(size + self._edge, size - self._edge, away) * min(1.0, (1.3 / self._px) ** 1.5)
