"""A person at rest, modelled once for a resolution and a style, and the expression of one frame painted on it."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from training.drawn.actions import Actions
from training.drawn.beard import grow_beard
from training.drawn.brows import paint_brows
from training.drawn.canvas import Canvas
from training.drawn.eyes import Glance, paint_eyes
from training.drawn.folds import shape_cheeks
from training.drawn.forehead import shape_forehead
from training.drawn.hair import HairLayer, grow_hair
from training.drawn.head import Head, above_neck
from training.drawn.identity import Identity
from training.drawn.jaw import drop_jaw, jaw_drop_mm
from training.drawn.lips import lips
from training.drawn.mouth import paint_mouth
from training.drawn.sculpt import sculpt
from training.drawn.sheet import Sheet
from training.drawn.skin import nostrils, paint_skin
from training.drawn.styles import Style, in_style


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """What a person looks like at rest; arrays as in `Sheet`."""

    head: Head
    radius: np.ndarray
    colour: np.ndarray
    gloss: np.ndarray
    hair: HairLayer | None
    above_neck: np.ndarray
    """(H, W) float32 0..1: 0 under the jaw, where the neck belongs."""


@lru_cache(maxsize=96)
def make_portrait(identity: Identity, style: Style, canvas: Canvas) -> Portrait:
    """Model this person."""
    head = sculpt(identity, canvas)
    colour = paint_skin(identity, head, style.texture)
    radius = head.radius + grow_beard(identity, head, colour)
    gloss = (0.6 * identity.skin.shine * (1 - nostrils(identity, head))).astype(np.float32)
    hair = grow_hair(identity, head)
    if hair is not None:
        radius = radius + hair.thickness
        colour += (hair.colour - colour) * hair.cover[..., None]
        hair = replace(hair, colour=in_style(hair.colour, style))
        gloss *= 1 - 0.6 * hair.cover
    return Portrait(head, radius, in_style(colour, style), gloss, hair, above_neck(identity.shape, head.position))


def paint_expression(
    portrait: Portrait, identity: Identity, actions: Actions, glance: Glance, mirror: tuple[float, float]
) -> Sheet:
    """The sheet of one frame. mirror: where in the eyes the lamp is reflected, mm from the pupil, right and down."""
    colour, gloss = portrait.colour.copy(), portrait.gloss.copy()
    sheet = Sheet(portrait.head, portrait.radius.copy(), colour, gloss, np.ones_like(portrait.radius))
    shape = lips(identity, actions)
    drop_jaw(sheet, jaw_drop_mm(actions), identity.shape.length)
    shape_cheeks(sheet, identity, actions, shape)
    shape_forehead(sheet, identity, actions)
    paint_mouth(sheet, identity, actions, shape)
    paint_brows(sheet, identity, actions)
    paint_eyes(sheet, identity, actions, glance, mirror)
    if portrait.hair is not None:  # it hangs over brows and forehead
        window = portrait.head.window(-64, 64, -66, 0)
        sheet.tint(window, portrait.hair.cover[window], portrait.hair.colour[window])
    return sheet
