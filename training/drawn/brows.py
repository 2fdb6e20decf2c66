"""Eyebrows: the line they follow, and their hairs."""

from functools import lru_cache

import cv2
import numpy as np

from training.drawn.actions import Actions
from training.drawn.head import EYE_Y_MM
from training.drawn.identity import Eyes, Identity
from training.drawn.noise import smooth_noise, smoothstep
from training.drawn.sheet import Sheet

_INNER_MM, _OUTER_MM = 10.5, 50.0
"""Where a resting brow begins and ends, from the middle of the average face."""


def brow_line(eyes: Eyes, actions: Actions, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre line of a brow at t, 0 its inner end and 1 its outer: x outwards from the middle of the face, y; mm."""
    frown = max(actions.frown, 0.8 * actions.nose_wrinkle)
    inner, outer = (1 - t) ** 1.6, t**1.3 * (1.25 - 0.4 * t)
    x = _INNER_MM + (_OUTER_MM - _INNER_MM + eyes.half_distance - 31.5) * t
    x += (0.8 * actions.brow_inner - 3.6 * frown) * inner
    arch = eyes.brow_arch * np.sin(np.pi * t**1.25) - 3.5 * np.maximum(t - 0.75, 0) ** 1.3
    y = EYE_Y_MM + 1.5 - eyes.brow_height - eyes.brow_tilt * (x - 30) - arch
    y -= (8.0 * actions.brow_inner - 4.3 * frown) * inner
    # Raised inner ends alone pull the outer ones down.
    y -= (7.0 * actions.brow_outer - 1.6 * max(actions.brow_inner - actions.brow_outer, 0.0)) * outer
    return x, y + 2.2 * frown


def paint_brows(sheet: Sheet, identity: Identity, actions: Actions) -> None:
    """Lay both brows over the skin."""
    eyes = identity.eyes
    (start, end), _ = brow_line(eyes, actions, np.array([0.0, 1.0], np.float32))
    for side in (-1, 1):
        x1, x2 = sorted((side * 1.0, side * 60.0))
        window = sheet.head.window(x1, x2, -48, 2)
        t = (sheet.head.position[0][window] * side - start) / (end - start)
        along = np.clip(t, 0, 1)
        _, middle = brow_line(eyes, actions, along)
        taper = (1 - 0.72 * along**1.6) * (0.68 + 0.32 * smoothstep(-0.02, 0.25, t))
        across = (sheet.head.position[1][window] - middle) / (0.5 * eyes.brow_thickness * taper)
        ragged = _sample_hairs(_hairs(identity.seed, side), t, across)
        soft = 0.35 + 0.5 * sheet.px_mm / eyes.brow_thickness
        band = smoothstep(1 + soft, 1 - soft, np.abs(across) + 0.22 * ragged)
        band *= smoothstep(-0.04, 0.07, t + 0.03 * ragged) * smoothstep(1.04, 0.9, t)
        cover = band * np.clip(eyes.brow_density + 0.13 * ragged, 0, 1)
        sheet.tint(window, 0.96 * cover, eyes.brow_colour)
        sheet.gloss[window] *= 1 - 0.85 * cover
        sheet.radius[window] += 0.9 * band


def _sample_hairs(hairs: np.ndarray, t: np.ndarray, across: np.ndarray) -> np.ndarray:
    """(h, w): the hairs' texture at places along (0..1) and across (-1..1 in the brow)."""
    height, width = hairs.shape
    column = np.clip(0.05 + 0.9 * t, 0, 1) * (width - 1)
    row = np.clip(0.5 + 0.25 * across, 0, 1) * (height - 1)
    return cv2.remap(hairs, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)


@lru_cache(maxsize=64)
def _hairs(seed: int, side: int) -> np.ndarray:
    """(48, 192) float32 of about unit variance: slanted hairs, steeper at the inner end."""
    rng = np.random.default_rng([seed, 0xB0, side + 1])
    streaks = cv2.blur(smooth_noise(rng, (48, 320), 2.0), (1, 9)) * 2.2
    rows, columns = np.indices((48, 192), dtype=np.float32)
    slant = (rows - 24) * (0.35 + 1.1 * columns / 192)
    return cv2.remap(streaks, columns * 1.3 + slant + 30, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
