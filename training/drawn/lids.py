"""Eyelids: where they are, their folds and lashes."""

from dataclasses import dataclass

import numpy as np

from training.drawn.actions import Actions
from training.drawn.colours import scaled
from training.drawn.head import Window
from training.drawn.identity import Eyes, Identity
from training.drawn.noise import bell, mound, smoothstep
from training.drawn.sheet import Sheet

_UPPER_MM, _LOWER_MM = 6.4, 4.3
"""Height of the resting opening above and below the line between the corners."""
_MEET = 0.62
"""Shut lids meet this share of the way down from that line to the resting lower lid."""


@dataclass(frozen=True, slots=True)
class Lids:
    """The opening of one eye; x runs outwards from its middle, y down from its corners' line, in mm."""

    half_width: float
    tilt: float
    """Rise of the outer corner per mm outwards."""
    upper: float
    """Height of the upper lid's edge above the corners' line; negative when shut."""
    lower: float
    """Depth of the lower lid's edge below it."""

    def upper_edge(self, x: np.ndarray) -> np.ndarray:
        """Height y of the upper lid's edge; highest a little inside of the middle."""
        t = np.clip(x / self.half_width, -1, 1)
        arch = (1 - t * t) ** 0.62 * (1 - 0.10 * t)
        return np.asarray(-self.tilt * x - self.upper * arch)

    def lower_edge(self, x: np.ndarray) -> np.ndarray:
        """Height y of the lower lid's edge; lowest a little outside of the middle."""
        t = np.clip(x / self.half_width, -1, 1)
        arch = (1 - t * t) ** 0.75 * (1 + 0.16 * t)
        return np.asarray(-self.tilt * x + self.lower * arch)


def lids(eyes: Eyes, actions: Actions, blink: float) -> Lids:
    """Where the lids of either eye are; `blink` 1 is shut."""
    wide, heavy = max(actions.eye_open, 0.0), max(-actions.eye_open, 0.0)
    tight = max(actions.squint, 0.7 * actions.cheek, 0.8 * actions.nose_wrinkle)
    upper = _UPPER_MM * eyes.opening * (1 + 0.34 * wide - 0.5 * heavy - 0.16 * tight - 0.10 * max(actions.frown, 0.0))
    lower = _LOWER_MM * eyes.opening * (1 + 0.12 * wide - 0.55 * tight)
    meet = _MEET * _LOWER_MM * eyes.opening
    return Lids(eyes.half_width, eyes.tilt, upper + (-meet - upper) * blink, lower + (meet - lower) * blink)


@dataclass(frozen=True, slots=True, eq=False)
class EyePatch:
    """The part of the sheet around one eye, in the coordinates of `Lids`."""

    window: Window
    x: np.ndarray
    y: np.ndarray
    """(h, w) mm."""
    below_upper: np.ndarray
    above_lower: np.ndarray
    """(h, w) mm: distance from the lids' edges, positive in the opening."""


def paint_lids(
    sheet: Sheet, patch: EyePatch, identity: Identity, actions: Actions, opening: Lids, blink: float
) -> None:
    """Skin around an eye: the bulge over the eyeball, fold and hood above, rim, bag and lines below, lashes."""
    _shape_upper(sheet, patch, identity, opening, blink)
    _shape_lower(sheet, patch, identity, actions, opening, blink)
    _paint_lashes(sheet, patch, identity.eyes, opening, blink)
    wrinkles = 0.6 * identity.skin.wrinkles + 0.9 * actions.cheek
    if wrinkles > 0.15:  # crow's feet
        x, y, t = patch.x, patch.y, patch.x / opening.half_width
        place = smoothstep(1.15, 1.4, t) * smoothstep(2.1, 1.6, t) * bell((y - 1.5) / 7)
        sheet.radius[patch.window] += 0.28 * wrinkles * place * np.cos((y + 0.2 * (x - 18)) * (2 * np.pi / 4.2))


def _shape_upper(sheet: Sheet, patch: EyePatch, identity: Identity, opening: Lids, blink: float) -> None:
    crease, y = identity.eyes.crease, patch.y
    t = patch.x / opening.half_width
    bulge = 1.9 * mound(patch.x / 13, (y + 0.5) / 8)
    stretched = 1 + 0.45 * blink  # a lid that is drawn over the eye unfolds
    fold_above = crease * (0.55 + 0.45 * np.clip(1 - t * t, 0, 1)) * stretched + 0.4
    above_fold = -patch.below_upper - fold_above
    along = smoothstep(1.35, 0.8, np.abs(t - 0.05))
    hood = (1.0 + 0.9 * identity.skin.wrinkles) * bell((above_fold - 3.2) / 2.6) * along
    sheet.radius[patch.window] += bulge + hood
    if crease > 0:
        fold = bell(above_fold / max(1.1, 0.8 * sheet.px_mm)) * along
        sheet.radius[patch.window] -= 1.3 * (1 - 0.35 * blink) * fold
        sheet.shade(patch.window, 0.30 * fold)


def _shape_lower(
    sheet: Sheet, patch: EyePatch, identity: Identity, actions: Actions, opening: Lids, blink: float
) -> None:
    t = np.abs(patch.x / opening.half_width)
    below, old = -patch.above_lower, identity.skin.wrinkles
    tight = max(actions.squint, actions.cheek)
    along = smoothstep(1.25, 0.65, t)
    roll = (0.7 + 1.2 * tight) * bell((below - 3.0) / 2.2)
    bag = (0.5 + 1.3 * old) * bell((below - 6.5) / 3.0)
    line = bell((below - 9.5 + 2.0 * tight) / 1.7) * along
    sheet.radius[patch.window] += (roll + bag) * along - (0.5 + 0.7 * tight + 0.6 * old) * line
    sheet.shade(patch.window, 0.12 * (0.4 + tight) * line)
    rim = bell((below - 0.7) / 0.8) * smoothstep(1.0, 0.85, t) * (1 - blink)
    sheet.tint(patch.window, 0.28 * rim, scaled(identity.skin.colour, 1.3))


def _paint_lashes(sheet: Sheet, patch: EyePatch, eyes: Eyes, opening: Lids, blink: float) -> None:
    x, px = patch.x, sheet.px_mm
    within = smoothstep(opening.half_width + 2.2, opening.half_width - 2.5, np.abs(x) - 0.06 * x)
    thick = 1.15 + 0.8 * eyes.lashes
    soft = max(0.5, 0.5 * px)
    upper = bell((patch.below_upper + 0.25 * thick) / (0.5 * thick + soft)) * (0.5 + 0.5 * smoothstep(-14, 4, x))
    # Where a pixel is wider than the lashes, they fill only a part of it.
    sheet.shade(patch.window, min(0.9, 1.44 / (0.6 + px)) * upper * within)
    lower = bell((patch.above_lower + 0.4) / (0.45 + soft)) * smoothstep(-10, 8, x)
    sheet.shade(patch.window, (0.22 + 0.25 * eyes.lashes) * (1 - 0.5 * blink) * lower * within)
