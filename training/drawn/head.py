"""A sculpted head on a canvas: its surface, its outline, and which part of the canvas shows which part of the face."""

from dataclasses import dataclass, field

import numpy as np

from training.drawn.canvas import Canvas
from training.drawn.identity import Shape
from training.drawn.noise import smoothstep

EYE_Y_MM = 1.0
NOSE_BASE_Y_MM = 50.0
MOUTH_Y_MM = 68.0
JAW_ANGLE_Y_MM = 76.0
CHIN_Y_MM = 113.0
HAIRLINE_Y_MM = -66.0
"""Where the average face has its features; head space, so y points down."""

_CONTOUR_Y_MM = 2.0
"""Height of the middle of the face, from which its contour is measured."""
_NET_MM = 8.0
"""Distance of the points that stand for the surface of the face."""

Window = tuple[slice, slice]
"""Rows and columns of a canvas."""


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The resting head of one person, without lips, lids and hair."""

    canvas: Canvas
    radius: np.ndarray
    """(H, W) float32 mm."""
    position: np.ndarray
    """(3, H, W) float32 mm: the surface points."""
    contour: np.ndarray
    """(17, 3) mm: the outline seen from in front, from the left of the picture over the chin to the right."""
    face: np.ndarray
    """(K, 3) mm: points all over the face, from the hairline to the chin and from ear to ear."""
    windows: dict[tuple[float, float, float, float], Window] = field(default_factory=dict)
    """Windows found before: every frame asks for the same."""

    def window(self, x1: float, x2: float, y1: float, y2: float) -> Window:
        """The rows and columns that cover this part (mm) of the front of the head."""
        asked = (x1, x2, y1, y2)
        if asked not in self.windows:
            x, y, z = self.position
            inside = (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2) & (z > 0)
            rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
            self.windows[asked] = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        return self.windows[asked]


def chin_y(shape: Shape) -> float:
    """Height of the chin's lower edge, mm."""
    return CHIN_Y_MM * shape.length + shape.chin_length


def face_contour(position: np.ndarray) -> np.ndarray:
    """(17, 3): what stands out furthest in 17 directions from the middle of the face, seen from in front."""
    x, y, z = (p[position[2] > -15] for p in position)
    angle = np.radians(np.linspace(180, 0, 17))[:, None]
    reach = np.cos(angle) * x + np.sin(angle) * (y - _CONTOUR_Y_MM)
    off = np.abs(np.cos(angle) * (y - _CONTOUR_Y_MM) - np.sin(angle) * x)
    best = np.where(off < 2.5, reach, -np.inf).argmax(1)
    return np.stack([x[best], y[best], z[best]], 1).astype(np.float64)


def face_points(shape: Shape, canvas: Canvas, position: np.ndarray, contour: np.ndarray) -> np.ndarray:
    """(K, 3): a net over the face, and its contour."""
    every = max(1, round(_NET_MM / canvas.step_mm))
    x, y, z = position[:, ::every, ::every].reshape(3, -1)
    beside = np.interp(y, contour[:9, 1], contour[:9, 2])
    front = np.where(y > contour[0, 1], np.maximum(beside, 0), 10)
    lowest = np.interp(np.abs(x), contour[8:, 0], contour[8:, 1])
    on_face = (y > HAIRLINE_Y_MM - shape.forehead) & (y < lowest) & (z > front)
    return np.concatenate([np.stack([x, y, z], 1)[on_face], contour])


def above_neck(shape: Shape, position: np.ndarray) -> np.ndarray:
    """(H, W) float32: 1 on the head, 0 below the plane through the chin and the angles of the jaw."""
    _, y, z = position
    angle = JAW_ANGLE_Y_MM * shape.length
    jaw = angle + (chin_y(shape) - angle) / 65 * (z - 5)
    return smoothstep(9, 3, y - jaw)
