"""The nose. It is laid out by slope (x/z, y/z), because it stands out so far that places in mm would move with it."""

import numpy as np

from training.drawn.canvas import Canvas
from training.drawn.identity import Shape
from training.drawn.noise import mound

_FINE = np.linspace(-0.2, 0.75, 400)
"""Slopes y/z at which the profile is drawn before it is read off for each canvas point."""


def nose(shape: Shape, canvas: Canvas) -> np.ndarray:
    """(H, W) float32 mm: ridge, tip and wings above the face, grooves beside them, nostrils."""
    dx, dy, dz = canvas.direction
    depth = np.maximum(dz, 0.3)
    across = np.abs(dx / depth)
    along = dy / depth / (shape.length * (1 + shape.nose_length / 50))
    profile, width = _profile(shape)
    height = np.interp(along, _FINE, profile, 0, 0).astype(np.float32)
    out = across / np.interp(along, _FINE, width).astype(np.float32)
    ridge = height * (0.55 * np.exp(-out * out) + 0.45 * np.exp(-((out / 1.9) ** 2)))
    wing_x = 0.15 + shape.nose_width / 130
    wing = 7.5 * mound((across - wing_x) / 0.07, (along - 0.465) / 0.075)
    groove = 1.6 * mound((across - wing_x - 0.085) / 0.035, (along - 0.46) / 0.08)
    nostril = 3.0 * mound((across - 0.52 * wing_x) / 0.045, (along - 0.525) / 0.03)
    return np.asarray((ridge + wing - groove - nostril) * (dz > 0.3))


def _profile(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Height (mm) and half width (slope x/z) of the ridge at the slopes of _FINE."""
    tip = 0.385 + shape.nose_tip / 110
    bridge, forward = shape.nose_bridge, shape.nose_forward
    points = (  # slope, height, half width: from the brow down the bridge to the tip, and back to the lip
        (-0.12, 0.0, 0.085),
        (-0.04, 0.6 + bridge, 0.085),
        (0.06, 4.0 + bridge, 0.080),
        (0.20, 10.5 + 0.8 * bridge + 0.4 * forward, 0.080),
        (0.32, 18.0 + 0.8 * forward, 0.090),
        (tip, 22.5 + forward, 0.105),
        (tip + 0.075, 18.5 + forward, 0.100),
        (0.55, 2.2, 0.090),
        (0.62, 0.0, 0.100),
    )
    at, height, width = np.array(points).T
    soften = np.hanning(23) / np.hanning(23).sum()
    profile = np.convolve(np.interp(_FINE, at, height, 0, 0), soften, "same")
    return profile, np.interp(_FINE, at, width) * (1 + shape.nose_width / 40)
