"""Close-ups for the detector: pictures in the shapes that people record, in which one face fills 30 to 100 %.

Faces come from photographs of scenes, enlarged, and from portraits, pasted into a scene. A face *fills* a share of a
picture: the larger of its width over the picture's width and its height over the picture's height.
Boxes are x1 y1 x2 y2 in px, from the edges of pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from engines import BoxMap
from pipeline.faces.detection import landmark_boxes
from training.data.faceset import FaceSet
from training.data.scenes import Scene
from training.face_detector.augmentation import FULL, Augmentation
from training.face_detector.samples import split_faces, turn_boxes

SHAPES = {"16:9": (16, 9), "4:3": (4, 3), "1:1": (1, 1), "3:4": (3, 4), "9:16": (9, 16)}
"""Width to height of the pictures."""
FILL = (0.3, 1.05)
"""Shares of the picture that a face is enlarged to. A little over 1: foreheads and chins are cut off."""
SOURCE_FACE_PX_MIN = 24.0
"""Smaller faces are not enlarged: nothing of a face is left to see."""

BOX_MAP = BoxMap(dx=0.004, dy=0.1132, width=0.9787, height=0.6872)
"""Where a portrait's landmarks lie in its box, as measured on the boxes that WIDER FACE's annotators drew."""


@dataclass(frozen=True, slots=True)
class Portraits:
    """Pictures of one face each, with the face's box."""

    images: Sequence[np.ndarray]
    """Each (H, W) uint8 luma."""
    boxes: np.ndarray
    """(F, 4) float32 px."""

    @classmethod
    def of(cls, faces: FaceSet) -> "Portraits":
        """Those of `faces` that have landmarks."""
        marked = np.flatnonzero(np.isfinite(faces.landmarks).all((1, 2)))
        faces = faces.take(marked)
        return cls(faces.images, landmark_boxes(faces.landmarks, BOX_MAP).astype(np.float32))

    @classmethod
    def together(cls, parts: Sequence["Portraits"]) -> "Portraits":
        """All of them, as one set."""
        return cls([image for part in parts for image in part.images], np.concatenate([p.boxes for p in parts]))


def shape_px(shape: tuple[int, int], long_side_px: int) -> tuple[int, int]:
    """Width and height of a picture of this shape, px."""
    scale = long_side_px / max(shape)
    return round(shape[0] * scale), round(shape[1] * scale)


def sample_enlarged(
    scene: Scene, size_px: tuple[int, int], rng: np.random.Generator, augmentation: Augmentation = FULL
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """A picture of `size_px` (width, height) that one face of `scene` fills: image, faces (G, 4), ignored (I, 4).

    None where the scene has no face that is large enough.
    """
    sides = (scene.boxes[:, 2:] - scene.boxes[:, :2]).min(1, initial=np.inf)
    usable = np.flatnonzero(~scene.invalid & (sides >= SOURCE_FACE_PX_MIN))
    if not len(usable):
        return None
    size = np.array(size_px, float)
    x1, y1, x2, y2 = scene.boxes[rng.choice(usable)]
    face = np.array([x2 - x1, y2 - y1])
    scale = _fill(rng) / (face / size).max()
    centre = _place(np.array([x1 + x2, y1 + y2]) / 2, face, size / scale, rng)
    extent = np.array(scene.image.shape[::-1])
    if rng.random() < 0.8:  # keep to the photograph where it is large enough; the rest looks past its edge
        spare = np.abs(extent - size / scale) / 2
        centre = np.clip(centre, extent / 2 - spare, extent / 2 + spare)
    matrix = _similarity(scale, augmentation.angle(rng), centre, size)
    source = augmentation.cover(scene.image, scene.boxes, rng)
    image = _warp(source, matrix, size_px, rng)
    return image, *split_faces(turn_boxes(scene.boxes, matrix).astype(np.float32), scene.invalid, size_px)


def sample_pasted(
    portraits: Portraits,
    scene: Scene,
    size_px: tuple[int, int],
    rng: np.random.Generator,
    augmentation: Augmentation = FULL,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture of `size_px` (width, height) with a portrait pasted over a part of `scene`: image, faces, ignored."""
    index = int(rng.integers(len(portraits.boxes)))
    portrait, box = portraits.images[index], portraits.boxes[index]
    portrait = augmentation.cover(portrait, box[None], rng)
    size, face = np.array(size_px, float), box[2:] - box[:2]
    matrix = _similarity(
        _fill(rng) / (face / size).max(), augmentation.angle(rng), np.zeros(2), np.zeros(2)
    )  # placed below: about the face's own centre
    reach = np.maximum(size - face * np.hypot(*matrix[0, :2]), 0) / 2
    matrix[:, 2] = size / 2 + rng.uniform(-reach, reach) - matrix[:, :2] @ ((box[:2] + box[2:]) / 2)
    background = _background(scene, size_px, rng)
    pasted = _warp(portrait, matrix, size_px, rng, border=cv2.BORDER_REPLICATE)
    mask = _mask(portrait.shape, box, matrix, size_px, rng)
    image = (background.image * (1 - mask) + pasted * mask).astype(np.uint8)
    hidden = np.array([_hidden(mask, other) for other in background.boxes], bool)
    boxes = np.concatenate([turn_boxes(box[None], matrix), background.boxes[~hidden]]).astype(np.float32)
    return image, *split_faces(boxes, np.concatenate([[False], background.invalid[~hidden]]), size_px)


def _fill(rng: np.random.Generator) -> float:
    return float(rng.uniform(*FILL))


def _place(face_centre: np.ndarray, face: np.ndarray, window: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Centre of a window that shows the whole face, or most of one that is larger."""
    reach = np.abs(window - face) / 2 * 0.9
    return np.asarray(face_centre + rng.uniform(-reach, reach))


def _similarity(scale: float, angle: float, centre: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(2, 3): scaled and turned about `centre`, which comes to the middle of `size`."""
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn, size / 2 - turn @ centre])


def _warp(
    image: np.ndarray,
    matrix: np.ndarray,
    size_px: tuple[int, int],
    rng: np.random.Generator,
    border: int | None = None,
) -> np.ndarray:
    scale = float(np.hypot(*matrix[0, :2]))
    warp = matrix.copy()
    if scale < 0.6:  # area-average first: bilinear sampling alone would alias
        half = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        warp[:, :2] *= np.array(image.shape[1::-1]) / half.shape[1::-1]
        image = half
    warp[:, 2] += warp[:, :2].sum(1) / 2 - 0.5  # boxes are measured from edges of pixels, OpenCV warps their centres
    flags = int(rng.choice([cv2.INTER_LINEAR, cv2.INTER_CUBIC]))
    if border is None:
        border = int(rng.choice([cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE, cv2.BORDER_REFLECT_101], p=[0.5, 0.4, 0.1]))
    fill = int(rng.integers(0, 256))
    return cv2.warpAffine(image, warp, size_px, flags=flags, borderMode=border, borderValue=fill)


def _background(scene: Scene, size_px: tuple[int, int], rng: np.random.Generator) -> Scene:
    """A part of `scene`, at a scale of its own."""
    size, extent = np.array(size_px, float), np.array(scene.image.shape[::-1])
    scale = float((size / extent).max() * np.exp(rng.uniform(0, np.log(2))))
    spare = (extent - size / scale) / 2
    matrix = _similarity(scale, 0.0, extent / 2 + rng.uniform(-spare, spare), size)
    image = _warp(scene.image, matrix, size_px, rng, border=cv2.BORDER_REPLICATE)
    return Scene(image, turn_boxes(scene.boxes, matrix).astype(np.float32), scene.invalid)


def _mask(
    shape: tuple[int, ...], box: np.ndarray, matrix: np.ndarray, size_px: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """(H, W) float32: 1 where the portrait covers the background. The whole of it, a soft-edged head, or everywhere."""
    kind = rng.random()
    if kind < 0.25:  # the portrait's edge goes on to the picture's
        return np.ones(size_px[::-1], np.float32)
    height, width = shape[:2]
    mask: np.ndarray = np.zeros((height, width), np.float32)
    if kind < 0.65:
        mask[:] = 1
    else:
        centre, axes = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) * rng.uniform(0.55, 0.9, 2)
        cv2.ellipse(mask, (tuple(centre.tolist()), tuple((2 * axes).tolist()), 0.0), 1.0, -1)
    warp = matrix.copy()
    warp[:, 2] += warp[:, :2].sum(1) / 2 - 0.5
    mask = cv2.warpAffine(mask, warp, size_px)
    if rng.random() < 0.6:
        mask = cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(1, 6)))
    return mask


def _hidden(mask: np.ndarray, box: np.ndarray) -> bool:
    """Whether the portrait covers more than a tenth of another face, or that face lies outside the picture."""
    low = np.clip(np.floor(box[:2]), 0, mask.shape[::-1]).astype(int)
    high = np.clip(np.ceil(box[2:]), 0, mask.shape[::-1]).astype(int)
    part = mask[low[1] : high[1], low[0] : high[0]]
    return part.size == 0 or float(part.mean()) > 0.1
