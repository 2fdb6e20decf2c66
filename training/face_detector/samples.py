"""Crops of pictures with marked faces: what the detector is trained on.

Boxes are x1 y1 x2 y2 in px. A face that is marked invalid, or too small to learn from, is *ignored*: an answer there is
neither right nor wrong.
"""

import cv2
import numpy as np

from training.data.scenes import Scene
from training.face_detector.augmentation import FULL, Augmentation

FACE_PX_MIN = 10.0
"""Faces whose shorter side is less than this in a crop are ignored."""
VISIBLE_MIN = 0.4
"""Faces of which less than this share lies in a crop are ignored."""


def sample_crop(
    scene: Scene, size_px: int, rng: np.random.Generator, augmentation: Augmentation = FULL
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random square of `scene`, resampled to `size_px`: image (S, S) uint8, faces (G, 4), ignored (I, 4)."""
    side, centre = _choose_square(scene, size_px, rng)
    scale, angle = size_px / side, augmentation.angle(rng)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([turn, size_px / 2 - turn @ centre])
    if rng.random() < 0.5:
        matrix[0] = -matrix[0] + np.array([0, 0, size_px])
    source = augmentation.cover(scene.image, scene.boxes, rng)
    warp = matrix.copy()
    if scale < 0.6:  # area-average first: bilinear sampling alone would alias
        source = cv2.resize(source, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        warp[:, :2] *= np.array(scene.image.shape[1::-1]) / source.shape[1::-1]
    warp[:, 2] += warp[:, :2].sum(1) / 2 - 0.5  # boxes are measured from edges of pixels, OpenCV warps their centres
    fill = int(rng.integers(0, 256))
    image = cv2.warpAffine(source, warp, (size_px, size_px), flags=cv2.INTER_LINEAR, borderValue=fill)
    boxes = turn_boxes(scene.boxes, matrix).astype(np.float32)
    faces, ignored = split_faces(boxes, scene.invalid, (size_px, size_px))
    return augmentation.degrade(image, rng), faces, ignored


def turn_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Boxes (G, 4) through a map (2, 3): each is taken for the ellipse that it frames, as a face is round."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 @ matrix[:, :2].T + matrix[:, 2]
    half = (boxes[:, 2:] - boxes[:, :2]) / 2
    reach = np.sqrt(half**2 @ matrix[:, :2].T ** 2)
    return np.concatenate([centres - reach, centres + reach], 1)


def _choose_square(scene: Scene, size_px: int, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    """Side and centre (2,) of the square to cut: around a face in 6 of 10, anywhere otherwise."""
    height, width = scene.image.shape
    extent = np.array([width, height])
    side = rng.uniform(0.25, 1.3) * min(height, width)
    usable = np.flatnonzero(~scene.invalid)
    if len(usable) and rng.random() < 0.6:
        x1, y1, x2, y2 = scene.boxes[rng.choice(usable)]
        if rng.random() < 0.25:  # aim at a size of the face in the crop, so that large faces are not rare
            face_px = np.exp(rng.uniform(np.log(20), np.log(0.9 * size_px)))
            side = max(max(x2 - x1, y2 - y1) * size_px / face_px, size_px / 4)
        reach = max(side / 2 - max(x2 - x1, y2 - y1) / 2, 0) * 0.9
        centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2]) + rng.uniform(-reach, reach, 2)
    else:
        centre = rng.uniform(0, extent)
    if rng.random() < 0.9:  # keep to the picture; one in ten looks past its edge
        spare = np.abs(extent - side) / 2
        centre = np.clip(centre, extent / 2 - spare, extent / 2 + spare)
    return side, centre


def split_faces(boxes: np.ndarray, invalid: np.ndarray, size_px: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (G, 4) clipped to a picture of `size_px` (width, height): those to be found, and those to be ignored."""
    clipped = boxes.clip(0, [*size_px, *size_px])
    visible = (clipped[:, 2:] - clipped[:, :2]).prod(1) / np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 1e-6)
    seen = visible > 0
    skip = invalid | (visible < VISIBLE_MIN) | ((clipped[:, 2:] - clipped[:, :2]).min(1) < FACE_PX_MIN)
    return clipped[seen & ~skip], clipped[seen & skip]


def show_whole(
    scene: Scene,
    long_side_px: int,
    rng: np.random.Generator,
    augmentation: Augmentation = FULL,
    *,
    keep_px: tuple[int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All of `scene`, its longer side scaled to `long_side_px` as in serving: image, faces (G, 4), ignored (I, 4).

    `keep_px` (width, height): fit into this instead.
    """
    extent = np.array(scene.image.shape[::-1])
    scale = long_side_px / extent.max() if keep_px is None else float((np.array(keep_px) / extent).min())
    size_px = (max(round(extent[0] * scale), 1), max(round(extent[1] * scale), 1))
    image = cv2.resize(scene.image, size_px, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxes = scene.boxes * np.tile(np.array(size_px) / extent, 2).astype(np.float32)
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        boxes = np.column_stack([size_px[0] - boxes[:, 2], boxes[:, 1], size_px[0] - boxes[:, 0], boxes[:, 3]])
    return augmentation.degrade(image, rng), *split_faces(boxes, scene.invalid, size_px)
