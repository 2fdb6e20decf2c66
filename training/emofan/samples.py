"""Crops that EmoFAN is trained on: the serving crop, jittered and degraded.

The ranges are ours: the paper gives them in its supplement only. Shapes: S side of the crop, N = 68 landmarks.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.faces.crops import crop_matrix, landmarks_square, warp
from training.data.degrade import degrade
from training.data.faceset import FLIP, FaceSet
from training.data.scenes import Scene


@dataclass(frozen=True, kw_only=True, slots=True)
class CropConfig:
    """The serving crop and how far training strays from it."""

    size_px: int = 64
    factor: float = 0.6
    """Side of the crop over width + height of the landmarks' box."""
    angle_sd_deg: float = 10.0
    scale_max: float = 0.18
    """The side is multiplied by exp of up to this, either way."""
    shift_max: float = 0.08
    """The centre moves by up to this share of the side, either way."""
    erase_share: float = 0.25
    """How many crops lose a rectangle."""


def face_square(faces: FaceSet, row: int, factor: float) -> tuple[float, float, float]:
    """The serving square of one face: around its landmarks, else its box (taken for theirs), else the whole picture."""
    for points in (faces.landmarks[row], faces.boxes[row].reshape(2, 2)):
        if np.isfinite(points).all():
            return landmarks_square(points, factor)
    height, width = faces.images[row].shape[:2]
    return (width - 1) / 2, (height - 1) / 2, float(max(height, width))


def to_pictures(points: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Points (F, N, 2) of crops back to their pictures, through the maps (F, 2, 3) that cut the crops."""
    last = np.tile([[[0, 0, 1.0]]], (len(matrices), 1, 1))
    inverse = np.linalg.inv(np.concatenate([matrices, last], 1))
    return np.asarray(points @ inverse[:, :2, :2].transpose(0, 2, 1) + inverse[:, None, :2, 2])


def sample_face(
    faces: FaceSet, row: int, config: CropConfig, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One augmented crop, (S, S) or (S, S, 3) uint8 as the picture is; its landmarks (N, 2), crop px, or NaN."""
    x, y, side = face_square(faces, row, config.factor)
    x, y = np.array([x, y]) + rng.uniform(-1, 1, 2) * config.shift_max * side
    side *= np.exp(rng.uniform(-1, 1) * config.scale_max)
    matrix = crop_matrix((x, y, side), config.size_px, angle_deg=np.clip(rng.normal(), -2.5, 2.5) * config.angle_sd_deg)
    flip = rng.random() < 0.5
    if flip:
        matrix[0] = -matrix[0] + np.array([0, 0, config.size_px - 1])
    image = _sample(faces.images[row], matrix, config.size_px, rng)
    points = faces.landmarks[row] @ matrix[:, :2].T + matrix[:, 2]
    image = degrade(image, rng)
    if rng.random() < config.erase_share:
        _erase(image, rng)
    return image, (points[FLIP] if flip else points).astype(np.float32)


def sample_background(scene: Scene, size_px: int, rng: np.random.Generator) -> np.ndarray | None:
    """A square of `scene` that touches no face, (S, S) uint8; None where none was found at the first try."""
    height, width = scene.image.shape[:2]
    side = min(height, width) * np.exp(rng.uniform(np.log(0.06), np.log(0.7)))
    x, y = rng.uniform(side / 2, width - side / 2), rng.uniform(side / 2, height - side / 2)
    low, high = np.array([x, y]) - side / 2, np.array([x, y]) + side / 2
    gap = np.maximum(scene.boxes[:, :2] - high, low - scene.boxes[:, 2:]).max(1)
    if (gap < 0).any():
        return None
    return degrade(warp(scene.image, crop_matrix((x, y, side), size_px), size_px, resample="area"), rng)


def _sample(image: np.ndarray, matrix: np.ndarray, size_px: int, rng: np.random.Generator) -> np.ndarray:
    """Warp with a random kind of outside: black as in serving, the edge drawn out, one grey, or noise."""
    if rng.random() < 0.25:  # small faces: what a camera far away would have seen
        shrink = rng.uniform(0.25, 0.9) * np.hypot(matrix[0, 0], matrix[0, 1])
        if shrink < 1:
            small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            fx, fy = small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]
            to_full = np.array([[1 / fx, 0, 0.5 / fx - 0.5], [0, 1 / fy, 0.5 / fy - 0.5], [0, 0, 1]])
            image, matrix = small, matrix @ to_full
    kind = rng.random()
    if kind < 0.4:
        return warp(image, matrix, size_px, resample="area")
    if kind < 0.6:
        return cv2.warpAffine(
            image, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    if kind < 0.8:
        return warp(image, matrix, size_px, resample="area", fill=int(rng.integers(0, 256)))
    inside = warp(np.full_like(image, 255), matrix, size_px, resample="bilinear") > 127
    if image.ndim == 3:
        inside = inside[..., :1]
    noise = rng.integers(0, 256, (8, 8, *image.shape[2:]), np.uint8)
    outside = cv2.resize(noise, (size_px, size_px), interpolation=cv2.INTER_CUBIC)
    return np.where(inside, warp(image, matrix, size_px, resample="area"), outside)


def _erase(image: np.ndarray, rng: np.random.Generator) -> None:
    """Cover a rectangle in place: a hand, a microphone, a scarf."""
    size = image.shape[0]
    width, height = (rng.uniform(0.1, 0.4, 2) * size).astype(int)
    x, y = rng.integers(0, size - width), rng.integers(0, size - height)
    tone = rng.integers(0, 256, image.shape[2:])
    image[y : y + height, x : x + width] = np.clip(rng.normal(tone, 15, (height, width, *image.shape[2:])), 0, 255)
