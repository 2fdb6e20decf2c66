"""What training pictures go through: faces turned and partly covered, pictures degraded as by cameras and codecs."""

from dataclasses import dataclass

import cv2
import numpy as np

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


def degrade(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What cameras and codecs do to a picture: light, gamma, blur, noise, compression. uint8 (S, S) or (S, S, 3)."""
    if rng.random() < 0.6:
        gain, offset, gamma = rng.uniform(0.45, 1.3), rng.uniform(-35, 35), np.exp(rng.uniform(-0.4, 0.4))
        table = 255 * (np.arange(256) / 255) ** gamma
        image = cv2.LUT(image, (gain * (table - 127) + 127 + offset).clip(0, 255).astype(np.uint8))
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.5))
    if rng.random() < 0.1:
        length = int(rng.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1 / length
        image = cv2.filter2D(image, -1, kernel if rng.random() < 0.6 else kernel.T)
    if rng.random() < 0.2:
        noise = rng.standard_normal(image.shape, np.float32) * rng.uniform(2, 10)
        image = (image + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.2:
        _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 80))])
        image = np.asarray(cv2.imdecode(packed, cv2.IMREAD_UNCHANGED))
    return image
