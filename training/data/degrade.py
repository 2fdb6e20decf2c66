"""What cameras and codecs do to training pictures."""

import cv2
import numpy as np


def degrade(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A picture as cameras and codecs give it: light, gamma, blur, noise, compression. uint8 (S, S) or (S, S, 3)."""
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
