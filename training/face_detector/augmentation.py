"""What training pictures go through: faces turned and partly covered, pictures degraded as by cameras and codecs."""

from dataclasses import dataclass

import numpy as np

from training.data.degrade import degrade
from training.face_detector.occlusion import cover_faces

COVERED_SHARE = 0.15
"""How many faces are partly covered at full strength."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random changes of training pictures."""

    strength: float = 1.0
    """Share of the samples that each kind of change is applied to, of those at 1.0; 0..1."""

    def angle(self, rng: np.random.Generator) -> float:
        """Random rotation, radians: any angle for 15 % (people lie and lean), a few degrees for 42 %, else 0."""
        if rng.random() >= self.strength:
            return 0.0
        if rng.random() < 0.15:
            return float(rng.uniform(-np.pi, np.pi))
        return float(np.radians(rng.normal(0, 12))) if rng.random() < 0.5 else 0.0

    def cover(self, image: np.ndarray, boxes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """`image` (H, W) uint8 with some of its faces (G, 4) px partly covered; a copy where anything changes."""
        return cover_faces(image, boxes, COVERED_SHARE * self.strength, rng)

    def degrade(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See `degrade`."""
        return degrade(image, rng) if rng.random() < self.strength else image


FULL = Augmentation()
