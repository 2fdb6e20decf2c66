"""What moves in the cheeks: the fold from nose to mouth, raised cheeks, lines beside the mouth, a pouting chin."""

import numpy as np

from training.drawn.actions import Actions
from training.drawn.head import NOSE_BASE_Y_MM, Window
from training.drawn.identity import Identity
from training.drawn.lips import Lips
from training.drawn.noise import bell, mound, smoothstep
from training.drawn.sheet import Sheet


def shape_cheeks(sheet: Sheet, identity: Identity, actions: Actions, lips: Lips) -> None:
    """Fold and bulge both cheeks as the mouth pulls them."""
    for side, rise in zip((-1, 1), lips.corner_rise, strict=True):
        x1, x2 = sorted((0.0, side * 66.0))
        window = sheet.head.window(x1, x2, 8, 112)
        out, y = sheet.head.position[0][window] * side, sheet.head.position[1][window]
        up = max(rise / 7.0, 0.0)
        _fold_beside_nose(sheet, window, identity, actions, lips, out, y, up, rise)
        apple = max(actions.cheek, 0.85 * up, 0.5 * _sneer(actions))
        if apple > 0.02:
            low = identity.shape.length
            raised = 4.2 * mound((out - 39) / 15, (y - 34 * low) / 11)
            sheet.radius[window] += apple * (raised - 1.2 * mound((out - 50) / 10, (y - 62 * low) / 14))
        if actions.smile < -0.02:  # lines that run down from drooping corners
            drop = y - lips.middle_y
            line = mound((out - lips.half_width - 1.5 - 0.12 * drop) / 2.0, (drop - 11) / 8)
            sheet.radius[window] += 1.3 * actions.smile * line
            sheet.shade(window, -0.18 * actions.smile * line)
    if actions.pout > 0.05:
        _bunch_chin(sheet, identity, actions.pout, lips)


def _sneer(actions: Actions) -> float:
    """How much the wings of the nose are pulled up."""
    return max(actions.nose_wrinkle, 0.6 * actions.upper_lip, 0.0)


def _fold_beside_nose(
    sheet: Sheet,
    window: Window,
    identity: Identity,
    actions: Actions,
    lips: Lips,
    out: np.ndarray,
    y: np.ndarray,
    up: float,
    rise: float,
) -> None:
    """The fold from the wing of the nose past the corner of the mouth."""
    low, old = identity.shape.length, identity.skin.wrinkles
    sneer = _sneer(actions)
    pull = max(up, 0.9 * sneer, 0.45 * max(actions.wide, 0.0), 0.35 * max(-actions.smile, 0.0))
    strength = pull * (0.75 + 0.35 * old) + 0.45 * old + 0.06
    start_x, start_y = 16.5 + 0.4 * identity.shape.nose_width, (NOSE_BASE_Y_MM - 7 - 3 * sneer) * low
    end_x, end_y = lips.half_width + 6.5 + 1.5 * up, lips.middle_y - 0.5 * rise + 7
    along = (y - start_y) / (end_y - start_y)
    off = out - start_x - (end_x - start_x) * np.clip(along, 0, 1) ** (0.75 - 0.15 * up)
    reach = smoothstep(-0.06, 0.2, along) * smoothstep(1.12, 0.75, along)
    crease = bell(off / 2.1) * reach
    sheet.radius[window] += strength * (1.7 * bell((off - 6.5) / 5.5) * reach - 1.8 * crease)
    sheet.shade(window, 0.26 * min(strength, 1.2) * crease)


def _bunch_chin(sheet: Sheet, identity: Identity, pout: float, lips: Lips) -> None:
    """A chin pushed up against the lower lip: round and dimpled."""
    window = sheet.head.window(-24, 24, 70, 114)
    x, y = sheet.head.position[0][window], sheet.head.position[1][window]
    ball = mound(x / 13, (y - 97 * identity.shape.length) / 8)
    dimples = 0.35 * np.cos(x * 1.3) * np.cos(y * 1.5)
    sheet.radius[window] += pout * ((1.8 + dimples) * ball - 1.6 * mound((y - lips.middle_y - 15) / 3, x / 14))
