"""Covering faces in training pictures: what hides a mouth, a cheek or a brow in real ones.

Boxes are x1 y1 x2 y2 in px.
"""

import cv2
import numpy as np

SIDE_PX_MIN = 12.0
"""Smaller faces are left as they are."""


def cover_faces(image: np.ndarray, boxes: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """`image` (H, W) uint8 with about `share` of its faces (G, 4) partly covered; a copy where anything changes."""
    sides = (boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf)
    chosen = np.flatnonzero((sides >= SIDE_PX_MIN) & (rng.random(len(boxes)) < share))
    if not len(chosen):
        return image
    image = image.copy()
    for face in chosen:
        if rng.random() < 0.5:
            _cover_mouth(image, boxes[face], rng)
        else:
            _paste_patch(image, boxes, boxes[face], rng)
    return image


def _cover_mouth(image: np.ndarray, box: np.ndarray, rng: np.random.Generator) -> None:
    """A mask or a scarf: one tone, lighter or darker towards a side, from the nose down."""
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    top = y1 + rng.uniform(0.4, 0.65) * height
    tilt = rng.normal(0, 0.06) * height
    outline = np.array(
        [
            [x1 - 0.02 * width, top + tilt],
            [x1 + rng.uniform(0.4, 0.6) * width, top - rng.uniform(0, 0.12) * height],
            [x2 + 0.02 * width, top - tilt],
            [x2 - 0.08 * width, y2 - 0.15 * height],
            [x1 + 0.5 * width, y2 + 0.03 * height],
            [x1 + 0.08 * width, y2 - 0.15 * height],
        ]
    )
    low, high = _inside(image, outline.min(0), outline.max(0))
    if (high - low).min() < 2:
        return
    region = image[low[1] : high[1], low[0] : high[0]]
    mask = np.zeros(region.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(outline - low).astype(np.int32)], 255)
    shade = np.linspace(-1, 1, region.shape[1]) * rng.normal(0, 25)
    folds = rng.normal(0, 6, (region.shape[0], 1))
    cloth = np.clip(rng.uniform(10, 250) + shade + folds, 0, 255).astype(np.uint8)
    region[mask > 0] = cloth[mask > 0]


def _paste_patch(image: np.ndarray, boxes: np.ndarray, box: np.ndarray, rng: np.random.Generator) -> None:
    """A hand, a cup, a shoulder: a piece of the same picture that shows no face, over one side of this one."""
    size = box[2:] - box[:2]
    extent = np.array(image.shape[::-1])
    patch = np.maximum(size * rng.uniform(0.25, 0.6, 2), 4).astype(int)
    if (patch >= extent).any():
        return
    source = rng.integers(0, extent - patch)
    if ((boxes[:, 2:] > source) & (boxes[:, :2] < source + patch)).all(1).any():
        return
    centre = (box[:2] + box[2:]) / 2 + rng.uniform(-0.45, 0.45, 2) * size
    low, high = _inside(image, centre - patch / 2, centre - patch / 2 + patch)
    width, height = np.maximum(high - low, 0)
    piece = image[source[1] : source[1] + height, source[0] : source[0] + width].copy()
    image[low[1] : low[1] + height, low[0] : low[0] + width] = piece


def _inside(image: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole pixels of a box that lie in the picture."""
    extent = np.array(image.shape[::-1])
    return np.clip(np.floor(low), 0, extent).astype(int), np.clip(np.floor(high), 0, extent).astype(int)
