"""Neck, clothes, hands: what the figure wears and shows."""

import cv2
import numpy as np

from training.drawn.colours import TROUSERS_SRGB, Colour, mix, reflectance, scaled
from training.drawn.figure import Part, arms, hands, joined, legs, neck_mm, shoes, trunk
from training.drawn.identity import Identity
from training.drawn.layers import Layers
from training.drawn.noise import bell, mound, smoothstep

_SHIRT: Colour = (0.8, 0.8, 0.8)
"""What is worn under a jacket tends towards this."""
_SHOE: Colour = (0.02, 0.02, 0.025)
_SLEEVE_MM = 400.0
"""Lower end of short sleeves."""
_BUTTON_MM = 470.0
"""Where a jacket is closed."""


def paint_neck(layers: Layers, identity: Identity) -> None:
    """A neck that widens towards the shoulders, in the shadow of the chin."""
    x, y, low = layers.x, layers.y, identity.shape.length
    wide = neck_mm(identity) * (1 + 0.55 * smoothstep(95, 165, y) ** 2)
    shadow = mound(x / 66, (y - 92 * low) / 48)
    tendon = bell((layers.side - 30 + 0.16 * (y - 100)) / 6) * smoothstep(110, 170, y)
    tone = (1 - 0.62 * shadow) * (1 - 0.06 * tendon) * (1 + 0.03 * layers.noise(2, 6, 2))
    relief = 0.8 * neck_mm(identity) * np.clip(1 - (x / wide) ** 2, 0, 1) ** 0.75 + 2.0 * tendon
    skin = tone[..., None] * np.array(scaled(identity.skin.colour, 0.95), np.float32)
    layers.lay(layers.inside(wide - layers.side) * (y > 0), skin, relief)


def paint_torso(layers: Layers, identity: Identity) -> None:
    """Trunk, arms and legs: bare at the neck and the hands, else in clothes."""
    choice = np.random.default_rng([identity.seed, 0xC7])
    pattern = int(choice.integers(5))
    trousers = reflectance(TROUSERS_SRGB[int(choice.integers(len(TROUSERS_SRGB)))])
    folds = _folds(layers)
    if layers.y.max() > 600:
        leg, shoe = legs(layers, identity), shoes(layers)
        layers.lay(shoe.cover, _SHOE, shoe.relief)
        layers.lay(leg.cover, trousers, leg.relief + folds)
    body, arm, hand = trunk(layers, identity), arms(layers, identity), hands(layers, identity)
    layers.lay(hand.cover, identity.skin.colour, hand.relief)
    if identity.clothes == "t-shirt":
        layers.lay(arm.cover, identity.skin.colour, arm.relief)
        arm = Part(arm.cover * layers.inside(_SLEEVE_MM - layers.y), arm.relief + 4)
    _dress(layers, identity, joined(body, arm), _cloth(layers, identity, pattern), folds)


def _dress(layers: Layers, identity: Identity, body: Part, cloth: np.ndarray, folds: np.ndarray) -> None:
    """Skin below the neck, cloth below the neckline, and what lies over it."""
    y, side = layers.y, layers.side
    relief = body.relief + folds
    bare = body.cover * smoothstep(100, 60, side) * smoothstep(235, 200, y) * smoothstep(126, 150, y)
    layers.lay(bare, identity.skin.colour, 0.5 * layers.relief + 0.5 * relief)
    below = _below_neckline(layers, identity)
    layers.lay(body.cover * layers.inside(below), cloth, relief + 3)
    hem = bell((below - 4) / 3.0) if identity.clothes in ("t-shirt", "v-neck", "hoodie") else bell(below / 1.5)
    layers.relief += 1.5 * hem * body.cover
    if identity.clothes == "jacket":
        _lay_lapels(layers, identity, body.cover, relief)
    if identity.clothes in ("shirt", "jacket"):
        _lay_collar(layers, identity, relief)


def _folds(layers: Layers) -> np.ndarray:
    """(H, W) mm: long, mostly upright folds of cloth."""
    height, width = layers.x.shape
    squat = layers.noise(4, 30, 2, (height // 5 + 1, width))
    return np.asarray(1.5 * cv2.resize(squat, (width, height), interpolation=cv2.INTER_CUBIC))


def _below_neckline(layers: Layers, identity: Identity) -> np.ndarray:
    """(H, W) mm: distance below the edge of the cloth at the neck."""
    side = layers.side
    match identity.clothes:
        case "v-neck":
            edge = 214 - 1.05 * side
        case "shirt":
            edge = 178 - 0.9 * side
        case "jacket":
            edge = 172 - 0.9 * side
        case "hoodie":
            edge = 158 - 0.0044 * side**2
        case _:
            edge = 162 - 0.0058 * side**2
    return np.asarray(layers.y - edge)


def _cloth(layers: Layers, identity: Identity, pattern: int) -> np.ndarray:
    """(H, W, 3) reflectance of the cloth: striped for pattern 0, checked for 1, else plain."""
    x, y = layers.x, layers.y
    plain, accent = (np.array(c, np.float32) for c in (identity.cloth_colour, identity.cloth_accent))
    weave = (1 + 0.03 * layers.noise(5, 1.6))[..., None]
    if pattern == 0 and identity.clothes in ("t-shirt", "hoodie", "v-neck"):
        soft = (1.0 + layers.px_mm) / 24
        cover = smoothstep(-soft, soft, np.cos((y + 0.0009 * x * x) * (2 * np.pi / 28)))
    elif pattern == 1 and identity.clothes in ("shirt", "jacket"):
        checks = [smoothstep(0.2, 0.6, np.cos(along * (2 * np.pi / 22))) for along in (x, y)]
        cover = 0.5 * (checks[0] + checks[1])
    else:
        return np.asarray(plain * weave)
    return np.asarray((plain + (accent - plain) * (0.7 * cover)[..., None]) * weave)


def _lay_lapels(layers: Layers, identity: Identity, body: np.ndarray, relief: np.ndarray) -> None:
    """The opening of a jacket, and what is worn under it."""
    y, side = layers.y, layers.side
    opening = 58 * (1 - (y - 180) / (_BUTTON_MM - 180))
    shirt = layers.inside(np.minimum(opening - side, y - 178 + 0.8 * side)) * body
    layers.lay(shirt, mix(identity.cloth_accent, _SHIRT, 0.5), relief + 3)
    width = 30 * smoothstep(_BUTTON_MM + 5, _BUTTON_MM - 110, y)
    lapel = layers.inside(np.minimum(width - np.abs(side - opening - width), y - 172)) * body
    layers.lay(lapel, scaled(identity.cloth_colour, 0.85), relief + 6)


def _lay_collar(layers: Layers, identity: Identity, relief: np.ndarray) -> None:
    """The two flaps of a shirt's collar."""
    y, side = layers.y, layers.side
    across = np.minimum(side - 12 - 0.15 * (182 - y), 74 - side + 0.25 * (y - 162))
    along = np.minimum(y - 128 + 0.10 * side, 186 - y + 0.25 * (side - 40))
    colour = mix(identity.cloth_accent, _SHIRT, 0.5) if identity.clothes == "jacket" else identity.cloth_colour
    layers.lay(layers.inside(np.minimum(across, along)), scaled(colour, 1.1), relief + 8)
