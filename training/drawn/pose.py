"""How a head is turned, and where its points fall in the picture."""

from dataclasses import dataclass

import numpy as np

CAMERA_MM = 1100.0
"""Distance of the camera from the middle of the head: near enough for the nose to look a little larger."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Angles in degrees."""

    yaw: float = 0.0
    """> 0: nose towards the picture's right."""
    pitch: float = 0.0
    """> 0: up."""
    roll: float = 0.0
    """> 0: clockwise."""

    def rotation(self) -> np.ndarray:
        """(3, 3) float64: head space to camera space (both x right, y down, z to the viewer)."""
        yaw, pitch, roll = np.radians([self.yaw, self.pitch, self.roll])
        cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        tilt = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
        return np.asarray(tilt @ turn @ nod)


def project(points: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """(N, 3) head-space mm -> (N, 3): x, y in mm on the plane through the middle of the head, and depth z in mm."""
    turned = points @ rotation.T
    shrink = 1 - turned[:, 2:] / CAMERA_MM
    return np.concatenate([turned[:, :2] / shrink, turned[:, 2:]], 1)
