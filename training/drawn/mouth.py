"""Painting the mouth: lips in shape and colour, and what shows between them."""

from dataclasses import dataclass

import numpy as np

from training.drawn.actions import Actions
from training.drawn.head import MOUTH_Y_MM, Window
from training.drawn.identity import Identity
from training.drawn.jaw import jaw_drop_mm
from training.drawn.lips import Lips
from training.drawn.noise import bell, mound, smoothstep
from training.drawn.sheet import Inlay, Sheet

_TEETH_BETWEEN_MM = (0.0, 8.4, 15.0, 22.5)
"""Where two upper teeth meet, from the middle."""
_TOOTH_MM = 8.2
"""Width of a front tooth."""
_ENAMEL = (0.80, 0.92, 1.0)
_TONGUE = (0.045, 0.04, 0.13)
_NEAR_LIPS, _DEEP = (0.04, 0.04, 0.13), (0.006, 0.006, 0.018)
"""Reflectances, BGR; of the hollow of the mouth right behind the lips and deep inside."""


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """The part of the sheet around the mouth: coordinates and the lips' edges, all (h, w) mm."""

    window: Window
    x: np.ndarray
    y: np.ndarray
    top: np.ndarray
    inner_top: np.ndarray
    inner_bottom: np.ndarray
    bottom: np.ndarray


def paint_mouth(sheet: Sheet, identity: Identity, actions: Actions, shape: Lips) -> None:
    """Lips into shape and colour, the open mouth as an inlay."""
    window = sheet.head.window(-46, 46, MOUTH_Y_MM - 24, MOUTH_Y_MM + 40)
    x, y = sheet.head.position[0][window], sheet.head.position[1][window]
    patch = _Patch(window, x, y, *shape.edges(x))
    _shape_lips(sheet, patch, identity, shape)
    _colour_lips(sheet, patch, identity, shape)
    _shade_line(sheet, patch, shape)
    soft = 0.5 * sheet.px_mm
    between = smoothstep(-soft, soft, np.minimum(y - patch.inner_top, patch.inner_bottom - y))
    between *= smoothstep(0.3, 1.2, patch.inner_bottom - patch.inner_top)
    if between.max() > 0.02:
        colour = _hollow(patch, actions)
        _set_teeth(colour, patch, identity, actions, shape)
        sheet.inlays.append(Inlay(window, between, colour))


def _shape_lips(sheet: Sheet, patch: _Patch, identity: Identity, shape: Lips) -> None:
    """The lips' roundness, and the furrow under the lower one."""
    taper = np.sqrt(np.clip(1 - (patch.x / shape.half_width) ** 2, 0, 1))
    mouth = identity.mouth
    for start, end, height in (
        (patch.top, patch.inner_top, 0.5 + 0.32 * mouth.upper),
        (patch.inner_bottom, patch.bottom, 0.8 + 0.42 * mouth.lower),
    ):
        share = np.clip((patch.y - start) / np.maximum(end - start, 0.5), 0, 1)
        round_ = np.maximum(np.sin(np.pi * share**0.8), 0)
        sheet.radius[patch.window] += height * taper * round_ * np.sqrt(round_)
    sheet.radius[patch.window] -= 1.8 * mound((patch.y - patch.bottom - 4.5) / 3.2, patch.x / 17)


def _colour_lips(sheet: Sheet, patch: _Patch, identity: Identity, shape: Lips) -> None:
    """Red, finely lined, darker above, moist."""
    x, y = patch.x, patch.y
    soft = max(0.7, 0.6 * sheet.px_mm)
    cover = smoothstep(-soft, soft, y - patch.top) * smoothstep(-1.4 * soft, 1.4 * soft, patch.bottom - y)
    cover *= smoothstep(shape.half_width + 1.0, shape.half_width - 1.0, np.abs(x))
    above = smoothstep(0.5 * soft, -0.5 * soft, y - (patch.inner_top + patch.inner_bottom) / 2)
    tone = (1 - 0.24 * above) * (1 + 0.03 * np.cos(x * (2.6 + 0.04 * np.abs(x))))
    sheet.tint(patch.window, 0.88 * cover, tone[..., None] * np.array(identity.mouth.colour, np.float32))
    sheet.gloss[patch.window] += 0.5 * cover


def _shade_line(sheet: Sheet, patch: _Patch, shape: Lips) -> None:
    """The dark line between the lips, and the dimples at its ends."""
    x, y, px = patch.x, patch.y, sheet.px_mm
    away = np.minimum(np.abs(y - patch.inner_top), np.abs(y - patch.inner_bottom))
    line = bell(away / max(0.85, 0.75 * px)) * smoothstep(shape.half_width + 3.0, shape.half_width - 2, np.abs(x))
    # Where a pixel is wider than the line, the line fills only a part of it.
    sheet.shade(patch.window, 0.78 * min(1.0, 1.3 / (0.5 + px)) * line)
    for side, rise in zip((-1, 1), shape.corner_rise, strict=True):
        dimple = mound((x * side - shape.half_width - 0.8) / 2.4, (y - shape.middle_y + rise) / 2.2)
        sheet.shade(patch.window, 0.42 * dimple)
        sheet.radius[patch.window] -= dimple


def _hollow(patch: _Patch, actions: Actions) -> np.ndarray:
    """(h, w, 3) the dark red inside of the mouth, and the tongue if it is wide open."""
    deep = smoothstep(0, 7, np.minimum(patch.y - patch.inner_top, patch.inner_bottom - patch.y))[..., None]
    near, far = np.array(_NEAR_LIPS, np.float32), np.array(_DEEP, np.float32)
    colour = near + (far - near) * deep
    drop = jaw_drop_mm(actions)
    if drop > 9:
        away = np.hypot(patch.x / 17, (patch.y - patch.inner_bottom - 1.5) / (0.36 * drop))
        colour += smoothstep(1.1, 0.7, away)[..., None] * np.array(_TONGUE, np.float32)
    return np.asarray(colour)


def _set_teeth(colour: np.ndarray, patch: _Patch, identity: Identity, actions: Actions, shape: Lips) -> None:
    """Paint both rows of teeth over the hollow: the upper ones stay with the skull, the lower ones go with the jaw."""
    x, y, side = patch.x, patch.y, np.abs(patch.x)
    rest = MOUTH_Y_MM * identity.shape.length
    arch = 0.0045 * x * x
    scallop = 0.35 * np.abs(np.sin(x * (np.pi / _TOOTH_MM)))
    upper_end = rest + 2.0 + 2.4 * max(actions.teeth, 0.0) - arch - scallop
    gums = rest - 7.5 - 0.5 * arch
    lower_end = rest + 4.6 + 0.9 * max(jaw_drop_mm(actions) - 2, 0.0) - 0.6 * arch
    light = np.clip(1.05 - (side / (1.02 * shape.half_width)) ** 2.6, 0.08, 1)
    for between in _TEETH_BETWEEN_MM:
        light *= 1 - 0.28 * bell((side - between) / 0.8)
    light *= 0.55 + 0.45 * smoothstep(0, 2.5, y - patch.inner_top)
    upper = smoothstep(0.5, -0.5, y - upper_end) * smoothstep(-0.8, 0.8, y - gums)
    lower = smoothstep(-0.5, 0.5, y - lower_end) * smoothstep(9.5, 8, y - lower_end)
    for teeth, bright in ((upper, 0.95), (lower, 0.6)):
        white = (bright * light)[..., None] * np.array(_ENAMEL, np.float32)
        colour += (white - colour) * teeth[..., None]
