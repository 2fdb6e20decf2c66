"""Sculpting a head: ellipsoids blended into a skull, bumps and hollows for the features."""

import numpy as np

from training.drawn.canvas import Canvas, dot
from training.drawn.head import EYE_Y_MM, Head, face_contour, face_points
from training.drawn.identity import Identity, Shape
from training.drawn.noise import bell, mound, smoothstep
from training.drawn.nose import nose

_BLEND_MM = 4.0
"""How softly the ellipsoids of the skull run into each other."""


def sculpt(identity: Identity, canvas: Canvas) -> Head:
    """The resting head of this person."""
    shape = identity.shape
    skull = radius = _skull(shape, canvas)
    for _ in range(2):  # features are placed by where the surface is, and they move it a little
        radius = skull + _features(identity, *(canvas.direction * radius))
    radius = radius + nose(shape, canvas) + _chin(shape, canvas)
    bare = canvas.direction * radius
    contour = face_contour(bare)
    radius = radius + _ears(shape, *bare)
    return Head(canvas, radius, canvas.direction * radius, contour, face_points(shape, canvas, bare, contour))


def _skull(shape: Shape, canvas: Canvas) -> np.ndarray:
    """(H, W) mm: cranium, middle face, lower jaw and its two angles."""
    w, low, jaw = shape.width, shape.length, shape.jaw
    corner = (15 + 2 * shape.jaw_square, 22 + 4 * shape.jaw_square, 30)
    jaw_axes = (50 * w + 0.6 * jaw + 0.5 * shape.chin_width, 80 * low + shape.chin_length, 50)
    tilt = float(np.arctan2(70, 45) - np.pi / 2)  # the lower jaw points at the chin
    parts = [
        ((0, -26, -8), (76 * w, 86, 100), 0.0),
        ((0, 14 * low, 8), (69 * w, 74 * low, 79), 0.0),
        ((0, 42 * low, 26), jaw_axes, tilt),
        ((-41 * w - jaw, 52 * low, 6), corner, 0.0),
        ((41 * w + jaw, 52 * low, 6), corner, 0.0),
    ]
    total = np.zeros(canvas.shape, np.float32)
    for centre, axes, lean in parts:
        total += np.exp(_exit(canvas.direction, np.array(centre), np.array(axes), lean) / _BLEND_MM)
    return np.asarray(_BLEND_MM * np.log(total))


def _exit(direction: np.ndarray, centre: np.ndarray, axes: np.ndarray, tilt: float) -> np.ndarray:
    """(H, W) mm: where rays from the origin leave an ellipsoid tilted about x (radians); 0 where they miss it."""
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    to_ball = turn / axes[:, None]  # turns the ellipsoid into the unit ball
    u, v, w = (float(m) for m in to_ball @ centre)
    x, y, z = (dot(direction, row) for row in to_ball)
    a = x * x + y * y + z * z
    b = x * u + y * v + z * w
    root = b * b - a * (u * u + v * v + w * w - 1)
    return np.where(root > 0, (b + np.sqrt(np.maximum(root, 0))) / a, 0)


def _features(identity: Identity, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(H, W) mm: brow ridge, sockets, cheekbones, cheeks, the curve of the teeth, furrows above and below the lips."""
    shape, eyes = identity.shape, identity.eyes
    side, low, old = np.abs(x), shape.length, identity.skin.wrinkles

    def bump(cx: float, cy: float, reach_x: float, reach_y: float) -> np.ndarray:
        return mound((side - cx) / reach_x, (y - cy) / reach_y)

    ex = eyes.half_distance
    total = (1.6 + shape.brow_ridge) * bump(24, 5 - eyes.brow_height, 24, 9)
    total += 0.6 * shape.brow_ridge * bump(0, -18, 11, 10)
    total -= 9.5 * bump(ex - 8, 3, 17, 14) + 3.0 * bump(ex - 1, -9, 19, 7)
    total += 5.0 * bump(ex, EYE_Y_MM, 14, 11)
    total += (3.0 + shape.cheekbone) * bump(47, 26, 22, 16)
    total += (shape.cheek - 1.2 - 1.5 * old) * bump(43, 60 * low, 20, 24)
    total += 1.8 * old * bump(38, 92 * low, 12, 12)
    total += 5.5 * bump(0, 67 * low, 31, 22)
    total -= 4.5 * bump(0, 86 * low, 25, 7)
    total -= 1.1 * bump(0, 57 * low, 4.4, 7.5)
    total -= 4.5 * bump(70, -24, 19, 30)
    return total * smoothstep(5, 35, z)


def _chin(shape: Shape, canvas: Canvas) -> np.ndarray:
    """(H, W) mm. Laid out by slope (x/z, y/z) like the nose."""
    dx, dy, dz = canvas.direction
    depth = np.maximum(dz, 0.25)
    across = np.abs(dx / depth) / (0.38 + shape.chin_width / 90)
    along = (dy / depth / shape.length - 1.5) / 0.37
    height = 4.0 + 0.6 * shape.chin_forward + 0.8 * shape.chin_length
    return np.asarray(height * mound(across**1.5, along) * (dz > 0.25))


def _ears(shape: Shape, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """(H, W) mm: flaps with a rim and a hollow."""
    across, down = (z + 10 + 0.22 * (y - 2)) / 19, (y - 4) / 33
    inside = 1 - np.hypot(across * (1 + 0.25 * down), down)
    flap = smoothstep(0, 0.5, inside) * (9 + shape.ears)
    relief = 1.2 * bell((inside - 0.3) / 0.16) - 3.5 * mound((across - 0.15) / 0.4, (down + 0.05) / 0.38)
    return np.asarray((flap + relief) * ((inside > 0) & (np.abs(x) > 40)))
