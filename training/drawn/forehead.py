"""What moving brows do to the skin: lines of a frown, level lines above raised brows, a wrinkled nose."""

import numpy as np

from training.drawn.actions import Actions
from training.drawn.identity import Identity
from training.drawn.noise import bell, mound
from training.drawn.sheet import Sheet

_LINES_MM = 8.5
"""Distance of the level lines of the forehead."""


def shape_forehead(sheet: Sheet, identity: Identity, actions: Actions) -> None:
    """Fold the forehead and the root of the nose."""
    _frown(sheet, identity, max(actions.frown, 0.7 * actions.nose_wrinkle))
    _raise(sheet, identity, actions)
    if actions.nose_wrinkle > 0.02:
        window = sheet.head.window(-18, 18, -6, 24)
        side, y = np.abs(sheet.head.position[0][window]), sheet.head.position[1][window]
        ripple = np.cos((y + 0.25 * side) * (2 * np.pi / 5.0)) * mound((y - 6) / 9, (side - 4) / 9)
        sheet.radius[window] += 0.75 * actions.nose_wrinkle * ripple
        sheet.shade(window, np.maximum(-0.10 * actions.nose_wrinkle * ripple, 0))


def _frown(sheet: Sheet, identity: Identity, strength: float) -> None:
    """Bulges over the inner ends of the brows, two upright lines between them, one across the root of the nose."""
    if strength <= 0.02:
        return
    window = sheet.head.window(-30, 30, -38, 6)
    side, y = np.abs(sheet.head.position[0][window]), sheet.head.position[1][window]
    bulge = mound((side - 12) / 7, (y + 13) / 7)
    upright = bell((side - 5.2 - 0.08 * (y + 14)) / 1.5) * bell((y + 16) / 9)
    level = mound((y + 4.5) / 2.2, side / 10)
    deep = 1.7 + 0.8 * identity.skin.wrinkles
    sheet.radius[window] += strength * (2.6 * bulge - deep * upright - 1.4 * level)
    sheet.shade(window, 0.30 * strength * upright)


def _raise(sheet: Sheet, identity: Identity, actions: Actions) -> None:
    """Level lines: few and short in the young, and only under raised brows."""
    old, outer = identity.skin.wrinkles, max(actions.brow_outer, 0.0)
    lift = max(actions.brow_inner, outer, 0.0)
    depth = lift * (0.34 + 0.36 * old) + 0.28 * old
    if depth <= 0.05:
        return
    window = sheet.head.window(-60, 60, -66, -16)
    x, y = sheet.head.position[0][window], sheet.head.position[1][window]
    side = np.abs(x)
    bent = y + 0.05 * side + 0.002 * side * side * (1 - actions.brow_inner)
    wave = np.maximum(np.cos(bent * (2 * np.pi / _LINES_MM) + 0.3 * np.sin(x / 9)), 0)
    wave *= wave
    spread = 22 + 26 * min(1.0, outer + old)
    lines = wave * wave * bell((side / spread) ** 2) * bell((y + 45) / 15)
    sheet.radius[window] -= 0.9 * depth * lines
    sheet.shade(window, 0.16 * depth * lines)
