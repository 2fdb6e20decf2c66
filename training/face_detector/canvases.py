"""Training pictures for the detector: square canvases that hold one whole picture or a mosaic of four.

Small faces are learnt from mosaics, which show many; faces that fill a picture from whole ones, in the shapes and sizes
in which the detector meets them. A batch draws both kinds at random, so that batch
normalisation sees them together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.scenes import Scene
from training.face_detector.augmentation import FULL, Augmentation
from training.face_detector.closeups import SHAPES, Portraits, sample_enlarged, sample_pasted, shape_px
from training.face_detector.samples import sample_crop, show_whole

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Image (H, W) uint8, faces to be found (G, 4), faces to be ignored (I, 4), px."""

CLOSEUP_SHARE_OF_TILES, CLOSEUP_SHARE_OF_WHOLE = 0.15, 0.75
PASTED_SHARE = 0.35
"""How many close-ups are portraits pasted into a scene; the others are enlarged from scenes."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What canvases are made of, and how."""

    photos: Sequence[Scene]
    drawn: Sequence[Scene] = ()
    portraits: Portraits | None = None
    drawn_share: float = 0.0
    """Share of pictures taken from `drawn` instead of `photos`."""
    mosaic_share: float = 0.7
    """Small faces need more steps than close-ups, which were learnt within a few thousand."""
    augmentation: Augmentation = FULL

    def scene(self, rng: np.random.Generator) -> Scene:
        """One picture, drawn or photographed."""
        scenes = self.drawn if self.drawn and rng.random() < self.drawn_share else self.photos
        return scenes[int(rng.integers(len(scenes)))]


def sample_canvas(pictures: Pictures, size_px: int, rng: np.random.Generator) -> Sample:
    """One canvas of `size_px` squared."""
    if rng.random() < pictures.mosaic_share:
        return _mosaic(pictures, size_px, rng)
    shape = tuple(SHAPES.values())[rng.integers(len(SHAPES))]
    part = (
        _closeup(pictures, shape_px(shape, size_px), rng)
        if rng.random() < CLOSEUP_SHARE_OF_WHOLE
        else show_whole(pictures.scene(rng), size_px, rng, pictures.augmentation)
    )
    return _assemble([part], [(0, 0)], size_px)


def _mosaic(pictures: Pictures, size_px: int, rng: np.random.Generator) -> Sample:
    half = size_px // 2
    tiles = [
        _closeup(pictures, (half, half), rng)
        if rng.random() < CLOSEUP_SHARE_OF_TILES
        else sample_crop(pictures.scene(rng), half, rng, pictures.augmentation)
        for _ in range(4)
    ]
    return _assemble(tiles, [(0, 0), (half, 0), (0, half), (half, half)], size_px)


def _closeup(pictures: Pictures, size_px: tuple[int, int], rng: np.random.Generator) -> Sample:
    scene, augmentation = pictures.scene(rng), pictures.augmentation
    sample = None
    if pictures.portraits is None or rng.random() >= PASTED_SHARE:
        for _ in range(8):  # most scenes have a face that is large enough
            if (sample := sample_enlarged(scene, size_px, rng, augmentation)) is not None:
                break
            scene = pictures.scene(rng)
    if sample is None:
        if pictures.portraits is None:
            return show_whole(scene, max(size_px), rng, augmentation, keep_px=size_px)
        sample = sample_pasted(pictures.portraits, scene, size_px, rng, augmentation)
    image, faces, ignored = sample
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[:, ::-1])
        faces, ignored = (_mirrored(boxes, size_px[0]) for boxes in (faces, ignored))
    return augmentation.degrade(image, rng), faces, ignored


def _mirrored(boxes: np.ndarray, width: int) -> np.ndarray:
    return np.column_stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]])


def _assemble(parts: Sequence[Sample], places: Sequence[tuple[int, int]], size_px: int) -> Sample:
    """Parts put on a black canvas with their upper left corners at `places` (x, y)."""
    canvas = np.zeros((size_px, size_px), np.uint8)
    faces, ignored = [], []
    for (image, found, skipped), (x, y) in zip(parts, places, strict=True):
        canvas[y : y + image.shape[0], x : x + image.shape[1]] = image
        faces.append(found + np.array([x, y, x, y], np.float32))
        ignored.append(skipped + np.array([x, y, x, y], np.float32))
    return canvas, np.concatenate(faces).astype(np.float32), np.concatenate(ignored).astype(np.float32)
