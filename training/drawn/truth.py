"""What is known about every face of a drawn picture."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class FaceTruth:
    """One face in one frame; positions in px of the picture."""

    person_id: int
    """Unique per person and shot."""
    x1: float
    y1: float
    x2: float
    y2: float
    """Box of the whole face, hairline to chin, also where it is hidden."""
    visible: float
    """Share of the box, 0..1, that is inside the picture and not covered by others; dimmed by fading in and out."""
    landmarks: np.ndarray
    """(68, 2) float32 px, iBUG order."""
    valence: float
    arousal: float
    """In [-1, 1]."""
    expression: np.ndarray
    """(8,) float32: weights of neutral, happiness, sadness, surprise, fear, disgust, anger, contempt."""
    yaw: float
    """Degrees; > 0: nose towards the picture's right."""
    pitch: float
    """> 0: up."""
    roll: float
    """> 0: clockwise."""
    shot: int
    """Index of the shot, from 0."""
