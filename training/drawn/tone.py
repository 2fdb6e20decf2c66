"""From light to pixels: a soft shoulder for highlights, then the root, as colours are given as squares."""

import cv2
import numpy as np

_SHOULDER = 0.42


def develop(light: np.ndarray) -> np.ndarray:
    """(..., 3) float32 linear light -> uint8; 1.0 (white paper in full light) comes out at about 240."""
    level = light * np.float32(1 + 0.75 * _SHOULDER)
    level /= 1 + np.float32(_SHOULDER) * np.maximum(light, 0)
    np.sqrt(np.maximum(level, 0), out=level)
    return np.asarray(cv2.convertScaleAbs(level, alpha=255.0))


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Any array of levels, rounded and cut to 0..255."""
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)
