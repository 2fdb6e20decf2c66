"""Glasses: rims, bridge and temples as lines in space, drawn over a finished head."""

import cv2
import numpy as np

from training.drawn.colours import Colour
from training.drawn.hair import HAIR_OVER_EARS
from training.drawn.identity import Identity
from training.drawn.patch import Patch
from training.drawn.pose import project

_DARK_FRAME, _METAL_FRAME = (30.0, 28.0, 30.0), (70.0, 120.0, 150.0)
"""BGR, 0..255."""
_LENS_MM = 23.5
"""Half width of a lens."""
_GLARE = 16.0
"""What a lens mirrors of the sky, in levels of 255."""
_SUBPIXEL_BITS = 4


def wear_glasses(
    head: Patch,
    identity: Identity,
    rotation: np.ndarray,
    centre: tuple[float, float],
    px_per_mm: float,
    brightness: float,
) -> None:
    """Draw this person's glasses, if any, into a head whose middle is at `centre` (px of the picture)."""
    if identity.glasses == "none":
        return
    dark = np.random.default_rng([identity.seed, 0x61]).random() < 0.7
    blue, green, red = (c * min(max(brightness, 0.3), 1.2) for c in (_DARK_FRAME if dark else _METAL_FRAME))
    width_px = (2.3 if dark else 1.2) * px_per_mm
    lens_x = identity.eyes.half_distance + 1.0

    def pixels(points: np.ndarray) -> np.ndarray:
        """(N, 1, 2) int32 fixed-point positions in the patch."""
        seen = project(points, rotation)[:, :2] * px_per_mm + centre - (head.x0, head.y0)
        return np.round(seen * 2**_SUBPIXEL_BITS).astype(np.int32)[:, None]

    lines = [(np.array([(-9.5, -4.0, 99.0), (0.0, -6.5, 102.0), (9.5, -4.0, 99.0)]), False)]
    for side in (-1, 1):
        rim = _rim(identity, lens_x * side, side)
        _mirror_sky(head.image, pixels(rim), _GLARE * brightness)
        lines.append((rim, identity.glasses != "half"))
        if side * rotation[2, 0] > 0.06:  # only the side that is turned to the camera shows its temple
            lines.append((_temple(identity, lens_x, side), False))
    for points, closed in lines:
        _draw_line(head.image, pixels(points), closed, (blue, green, red), width_px)


def _rim(identity: Identity, middle_x: float, side: int) -> np.ndarray:
    """(N, 3) mm: the edge of one lens; of half glasses only the upper one."""
    start, count = (np.pi, 17) if identity.glasses == "half" else (0.0, 32)
    angle = np.linspace(start, 2 * np.pi, count, endpoint=identity.glasses == "half")
    corner, half_height = (1.0, 21.0) if identity.glasses == "round" else (0.6, 17.0)
    cosine, sine = np.cos(angle), np.sin(angle)
    x = _LENS_MM * np.sign(cosine) * np.abs(cosine) ** corner
    y = half_height * np.sign(sine) * np.abs(sine) ** corner + 3.0
    z = 97.0 - 0.006 * (x + middle_x) ** 2 - 0.08 * np.maximum(x * side, 0)
    return np.stack([x + middle_x, y, z], 1)


def _temple(identity: Identity, lens_x: float, side: int) -> np.ndarray:
    """(2 or 3, 3) mm: from the hinge to the ear, or to the hair that hides it."""
    points = [(side * (lens_x + 25.0), -8.0, 74.0), (side * 74.0, -8.0, 58.0), (side * 84.0, -6.0, 4.0)]
    return np.array(points[: 2 if identity.hair.style in HAIR_OVER_EARS else 3])


def _draw_line(image: np.ndarray, pixels: np.ndarray, closed: bool, colour: Colour, width_px: float) -> None:
    """An antialiased line; one thinner than a pixel is drawn fainter instead."""
    part, left, top = _around(image, pixels, int(width_px) + 3)
    if part.size == 0:
        return
    drawn = part.copy()
    shifted = pixels - np.array([left, top], np.int32) * 2**_SUBPIXEL_BITS
    cv2.polylines(drawn, [shifted], closed, colour, max(1, round(width_px)), cv2.LINE_AA, _SUBPIXEL_BITS)
    share = min(1.0, width_px)
    part[...] = cv2.addWeighted(drawn, share, part, 1 - share, 0)


def _mirror_sky(image: np.ndarray, pixels: np.ndarray, strength: float) -> None:
    """Brighten a lens, most at its upper edge."""
    part, left, top = _around(image, pixels, 0)
    if part.size == 0:
        return
    height, width = part.shape[:2]
    lens = np.zeros((height, width), np.uint8)
    shifted = pixels - np.array([left, top], np.int32) * 2**_SUBPIXEL_BITS
    cv2.fillPoly(lens, [shifted], strength, cv2.LINE_AA, _SUBPIXEL_BITS)
    fade = np.linspace(1.3, 0.3, height, dtype=np.float32)[:, None]
    sky = np.minimum(lens * fade, 255).astype(np.uint8)
    part[...] = cv2.add(part, cv2.merge([sky, sky, sky]))


def _around(image: np.ndarray, pixels: np.ndarray, pad: int) -> tuple[np.ndarray, int, int]:
    """The part of an image that holds these fixed-point positions, and its left and upper edge."""
    x, y, width, height = cv2.boundingRect(pixels >> _SUBPIXEL_BITS)
    left, top = max(x - pad, 0), max(y - pad, 0)
    return image[top : max(y + height + pad, 0), left : max(x + width + pad, 0)], left, top
