"""What camera and paper add to a picture: softness, contrast, colour cast, grain, strokes."""

from functools import lru_cache

import cv2
import numpy as np

from training.drawn.noise import smooth_noise, strand_noise
from training.drawn.styles import Style
from training.drawn.tone import to_uint8

_MIDDLE = 118
"""The level that contrast leaves as it is."""
_TONE_STEP = 36
"""Distance of the tones of a drawing, levels of 255."""
_GRAIN_MARGIN_PX = 96
"""How far the grain can be shifted: one bank of noise serves all frames."""


def grade(image: np.ndarray, style: Style, blur_px: float) -> np.ndarray:
    """(h, w, 3) uint8 with the style's softness, contrast, saturation and cast."""
    if blur_px > 0.25:
        image = cv2.GaussianBlur(image, (0, 0), blur_px)
    if style.chalk:
        image = _chalk(image)
    if style.saturation != 1:
        grey = np.array([[0.114, 0.587, 0.299]] * 3)  # BGR to luma
        image = cv2.transform(image, style.saturation * np.eye(3) + (1 - style.saturation) * grey)
    if style.contrast != 1 or style.tint != (1.0, 1.0, 1.0):
        level = np.arange(256)[:, None]
        table = ((level - _MIDDLE) * style.contrast + _MIDDLE) * np.array(style.tint)
        image = cv2.LUT(image, to_uint8(table)[:, None])
    return image


def _chalk(image: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 in few steps of light, cool in the shade and warm where it is bright, with dark contours."""
    image = cv2.medianBlur(image, 3)
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    level = np.arange(256, dtype=np.float32)
    steps = _TONE_STEP * (np.floor(level / _TONE_STEP) + np.clip(3 * (level % _TONE_STEP) / _TONE_STEP - 1, 0, 1))
    gain = to_uint8(96 * (0.45 + 0.55 * (steps + 10) / (level + 10)))
    image = cv2.multiply(image, cv2.merge([cv2.LUT(grey, gain)] * 3), scale=1 / 96)
    ramp = np.stack([96 + 0.50 * level, 62 + 0.72 * level, 70 + 0.76 * level], -1)[:, None]  # violet to cream
    image = cv2.addWeighted(image, 0.62, cv2.LUT(cv2.merge([grey] * 3), to_uint8(ramp)), 0.38, 0)
    contour = cv2.subtract(cv2.GaussianBlur(grey, (0, 0), 2.2), cv2.GaussianBlur(grey, (0, 0), 0.7))
    return cv2.subtract(image, cv2.merge([cv2.convertScaleAbs(contour, alpha=1.5)] * 3))


class Grain:
    """Sensor noise, different in every frame."""

    def __init__(self, seed: int, size_px: tuple[int, int], strength: float) -> None:
        self._seed, self._size = seed, size_px
        rng = np.random.default_rng([seed, 0x67])
        height, width = size_px[1] + _GRAIN_MARGIN_PX, size_px[0] + _GRAIN_MARGIN_PX
        luma = rng.standard_normal((height, width, 1), np.float32)
        chroma = cv2.resize(rng.standard_normal((height // 2, width // 2, 3), np.float32), (width, height))
        noise = strength * (0.85 * luma + 0.6 * chroma)
        self._brighter = to_uint8(noise)
        self._darker = to_uint8(-noise)

    def add(self, image: np.ndarray, frame_index: int) -> np.ndarray:
        """`image` with the noise of this frame."""
        dx, dy = np.random.default_rng([self._seed, frame_index]).integers(0, _GRAIN_MARGIN_PX, 2)
        part = (slice(dy, dy + self._size[1]), slice(dx, dx + self._size[0]))
        return np.asarray(cv2.subtract(cv2.add(image, self._brighter[part]), self._darker[part]))


@lru_cache(maxsize=2)
def paper(seed: int, size_px: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8: what a drawing is multiplied by, 128 being 1: the paper's tooth and slanted strokes of chalk."""
    rng = np.random.default_rng([seed, 0x9A])
    width, height = size_px
    reach = int(np.hypot(width, height)) + 2
    strokes = cv2.GaussianBlur(strand_noise(rng, reach, reach, 40), (0, 0), 0.8)
    turn = cv2.getRotationMatrix2D((reach / 2, reach / 2), 38, 1)
    strokes = cv2.warpAffine(strokes, turn, (reach, reach), borderMode=cv2.BORDER_REFLECT)[:height, :width]
    tooth = smooth_noise(rng, (height, width), 2.0)
    level = to_uint8(128 * (1 + 0.035 * strokes + 0.022 * tooth))
    return cv2.merge([level, level, level])


def draw_on_paper(image: np.ndarray, seed: int) -> np.ndarray:
    """A picture as drawn with chalk on rough paper."""
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.multiply(image, paper(seed, size), scale=1 / 128))
