"""Light on a head: a lamp with soft edges and cast shadows, the light from all around, and what skin mirrors."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from training.drawn.canvas import dot
from training.drawn.colours import Colour, scaled
from training.drawn.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Light:
    """The light of a place; colours are linear BGR and 1 is full daylight."""

    direction: tuple[float, float, float] = (-0.45, -0.55, 0.7)
    """Towards the lamp, camera space: x right, y down, z to the camera. Need not be a unit vector."""
    lamp: Colour = (1.0, 1.0, 1.0)
    above: Colour = (0.5, 0.5, 0.5)
    """Light from all around, on surfaces that look up."""
    below: Colour = (0.3, 0.3, 0.3)
    """The same on surfaces that look down."""
    hardness: float = 0.5
    """0: a lamp as large as the sky; 1: a point. Hard lamps cast dark shadows with edges."""
    gloss: float = 1.0
    """Factor on what surfaces mirror."""

    def scaled(self, lamp: float, around: float) -> "Light":
        """The same light with the lamp and the surroundings dimmed or brightened by these factors."""
        above, below = scaled(self.above, around), scaled(self.below, around)
        return replace(self, lamp=scaled(self.lamp, lamp), above=above, below=below)

    def unit(self) -> np.ndarray:
        """(3,) unit vector towards the lamp."""
        return np.array(self.direction) / np.linalg.norm(self.direction)


_CAMERA, _UP = np.array([0.0, 0.0, 1.0]), np.array([0.0, -1.0, 0.0])
_CREEP = (0.06, 0.12, 0.30)
"""How far light creeps round into the shade inside of skin, BGR: red goes furthest."""
_SHADOW_REACH_MM = (4.0, 8.0, 13.0, 20.0, 29.0)
"""Distances at which something may stand in the lamp's way."""
_SHADOW_STEP_MM = 2.2
"""Resolution of cast shadows."""
_FACE_RADIUS_MM = 90.0


def shine(sheet: Sheet, light: Light, rotation: np.ndarray, scatter: float) -> np.ndarray:
    """(H, W, 3) float32 linear BGR: the sheet as it looks in this light on a head turned by `rotation`.

    scatter: 0 for dry matter, 1 for skin.
    """
    step_mm = sheet.head.canvas.step_mm
    normal = sheet.head.canvas.normals(sheet.radius)
    lamp = light.unit()
    half_way = lamp + _CAMERA
    half_way /= np.linalg.norm(half_way)
    # Dot products by hand: handing them to BLAS would wake its threads for every face.
    to_lamp, to_half, to_sky, to_eye = (dot(normal, axis @ rotation) for axis in (lamp, half_way, _UP, _CAMERA))
    shadow = _cast_shadow(sheet.radius, step_mm, lamp @ rotation, light.hardness)
    sky = np.minimum(np.maximum(1 - 0.085 * _hollowness(sheet.radius, step_mm), 0.25), 1.12)
    lit = _diffuse(light, to_lamp, 0.5 + 0.5 * to_sky, shadow, sky, scatter)
    result = cv2.multiply(cv2.multiply(lit, sheet.colour), cv2.merge([sheet.tone] * 3))
    mirrored = sheet.gloss * light.gloss * shadow * _highlight(to_half) * (to_lamp > 0)
    rim = 0.03 * sheet.gloss * (1 - np.maximum(to_eye, 0)) ** 3
    result += cv2.merge([mirrored * light.lamp[c] + rim * light.above[c] for c in range(3)])
    for inlay in sheet.inlays:  # lit by the mean light of their surroundings
        colour = inlay.colour * np.array(cv2.mean(lit[inlay.window])[:3], np.float32)
        if inlay.glint is not None:
            colour += inlay.glint[..., None] * (0.75 * np.array(light.lamp, np.float32) + np.float32(0.1))
        part = result[inlay.window]
        part += (colour - part) * inlay.cover[..., None]
    return result


def _diffuse(
    light: Light, to_lamp: np.ndarray, up: np.ndarray, shadow: np.ndarray, sky: np.ndarray, scatter: float
) -> np.ndarray:
    """(H, W, 3): light that arrives, with what creeps through the skin."""
    channels = []
    for c in range(3):
        wrap = _CREEP[c] * scatter + 0.25 * (1 - light.hardness)
        direct = np.maximum((to_lamp + wrap) * (1 / (1 + wrap)), 0)
        # Light bounced inside of hollows and creeping into shadows comes out red: both are less dark in red.
        red = scatter if c == 2 else 0.0
        open_ = sky + 0.5 * red * (1 - sky)
        direct *= shadow * (1 - 0.1 * red) + 0.1 * red
        direct *= np.minimum(0.3 + 0.7 * open_, 1.05) * light.lamp[c]
        direct += (light.below[c] + (light.above[c] - light.below[c]) * up) * open_
        channels.append(direct)
    return cv2.merge(channels)


def _highlight(to_half: np.ndarray) -> np.ndarray:
    """A broad and a tight highlight: powers 8 and 24 of the cosine."""
    square = np.maximum(to_half, 0)
    square *= square
    fourth = square * square
    eighth = fourth * fourth
    return np.asarray(eighth * (0.045 + 0.10 * eighth * eighth))


def _hollowness(radius: np.ndarray, step_mm: float) -> np.ndarray:
    """(H, W) mm: how much deeper a point lies than its surroundings, at two scales."""
    near, far = (2 * round(reach_mm / step_mm) + 1 for reach_mm in (3.5, 11))
    close = cv2.blur(cv2.blur(radius, (near, near)), (near, near))
    wide = cv2.blur(cv2.blur(radius, (far, far)), (far, far))
    return np.asarray(1.1 * close + 0.45 * wide - 1.55 * radius)


def _cast_shadow(radius: np.ndarray, step_mm: float, lamp: np.ndarray, hardness: float) -> np.ndarray:
    """(H, W) 0..1: how much of the lamp is seen over what stands in its way, as on the front of the face.

    lamp: unit vector in head space.
    """
    if hardness < 0.15:
        return np.ones_like(radius)
    height, width = radius.shape
    shrink = max(1, round(_SHADOW_STEP_MM / step_mm))
    small = cv2.resize(radius, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    step = step_mm * width / small.shape[1]
    x, y, z = (float(c) for c in lamp)
    flat = max(float(np.hypot(x, y)), 1e-3)
    rise = max(z, 0.15) / flat
    covered = np.zeros_like(small)
    for reach in _SHADOW_REACH_MM:
        shift = np.array([[1, 0, x / flat * reach / step], [0, 1, y / flat * reach / step]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        towards = cv2.warpAffine(small, shift, small.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
        # The head curves away under the straight line to the lamp.
        over = towards - small - (reach * rise - reach**2 / (2 * _FACE_RADIUS_MM))
        covered = np.maximum(covered, over / (0.5 + 0.22 * reach * (1.4 - hardness)))
    shadow = 1 - hardness * np.minimum(0.9 * covered, 1)
    return cv2.resize(shadow, (width, height), interpolation=cv2.INTER_LINEAR)
