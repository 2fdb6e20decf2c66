"""How a detector does on faces that fill a picture, at the thresholds it serves with, by shape and size of the picture.

Two sets of pictures, the same at every call: faces of scenes, cut out so that they fill a share of the picture, and
portraits laid on scenes. Each holds one face that counts; whatever is found on other marked faces is passed over.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from engines import Engine
from pipeline.faces.detection import detect
from pipeline.stats.bootstrap import Figures
from pipeline.types import Picture
from training.data.scenes import Scene
from training.face_detector.average_precision import pairwise_iou
from training.face_detector.closeups import SHAPES, Portraits, shape_px

FILLS = (0.3, 0.5, 0.7, 0.9, 1.0)
"""Which share of the picture a face fills: the larger of width over width and height over height."""
FACE_PX_MIN = 48.0
"""Smaller faces of scenes are not enlarged: they would be blurred beyond what cameras show."""
LONG_SIDE_PX = 1280
"""Longer side of the pictures that portraits are laid on."""
IOU_FOUND = 0.5
INSIDE_MAX = 0.5
"""A second box with more than this share of its area inside the face is a part taken for a face."""


@dataclass(frozen=True, slots=True)
class Closeup:
    """A picture with one face that counts."""

    image: np.ndarray
    """(H, W) uint8 luma."""
    box: np.ndarray
    """(4,) px, within the picture."""
    others: np.ndarray
    """(G, 4) px: other marked faces."""
    shape: str
    """A key of `SHAPES`."""
    fill: float
    source: int
    """Which photograph or portrait it was made from."""


def enlarged(scenes: Sequence[Scene]) -> Iterator[Closeup]:
    """The largest clear face of each scene, cut out in every shape and size that its photograph allows."""
    for source, scene in enumerate(scenes):
        sides = (scene.boxes[:, 2:] - scene.boxes[:, :2]).min(1, initial=np.inf)
        assert scene.clear is not None
        clear = np.flatnonzero(~scene.invalid & scene.clear & (sides >= FACE_PX_MIN))
        if not len(clear):
            continue
        chosen = int(clear[sides[clear].argmax()])
        for name, shape in SHAPES.items():
            for fill in FILLS:
                if (cut := _cut(scene, chosen, shape, fill)) is not None:
                    yield Closeup(*cut, name, fill, source)


def _cut(
    scene: Scene, chosen: int, shape: tuple[int, int], fill: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The window around one face that it fills, kept within the photograph; None where that is too small."""
    box, extent = scene.boxes[chosen], np.array(scene.image.shape[::-1])
    window = np.array(shape) * ((box[2:] - box[:2]) / np.array(shape)).max() / fill
    if (np.floor(window) > extent).any():
        return None
    size = np.maximum(np.round(window), 1).astype(int)
    low = np.clip(np.round((box[:2] + box[2:] - window) / 2), 0, np.maximum(extent - size, 0)).astype(int)
    image = scene.image[low[1] : low[1] + size[1], low[0] : low[0] + size[0]]
    boxes = (scene.boxes - np.tile(low, 2)).clip(0, [*image.shape[::-1]] * 2)
    others = np.delete(boxes, chosen, 0)
    return image, boxes[chosen], others[(others[:, 2:] > others[:, :2]).all(1)]


def laid_on(portraits: Portraits, scenes: Sequence[Scene], seed: int = 0) -> Iterator[Closeup]:
    """Every portrait once per shape, at one of the sizes in turn, in the middle of a part of a scene."""
    rng = np.random.default_rng(seed)
    for index, box in enumerate(portraits.boxes):
        for number, (name, shape) in enumerate(SHAPES.items()):
            fill = FILLS[(index + number) % len(FILLS)]
            width, height = shape_px(shape, LONG_SIDE_PX)
            scene = scenes[int(rng.integers(len(scenes)))]
            background = cv2.resize(scene.image, (width, height), interpolation=cv2.INTER_LINEAR)
            scale = fill / ((box[2:] - box[:2]) / [width, height]).max()
            shift = np.array([width, height]) / 2 - scale * (box[:2] + box[2:]) / 2
            matrix = np.column_stack([scale * np.eye(2), shift + scale / 2 - 0.5])
            cv2.warpAffine(
                portraits.images[index],
                matrix,
                (width, height),
                background,
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_TRANSPARENT,
            )
            placed = (box * scale + np.tile(shift, 2)).clip(0, [width, height] * 2)
            others = scene.boxes * np.tile(np.array([width, height]) / scene.image.shape[::-1], 2)
            yield Closeup(background, placed, others, name, fill, index)


def closeup_figures(engine: Engine, closeups: Iterable[Closeup], name: str) -> tuple[Figures, np.ndarray]:
    """What the detector makes of each picture, counted by shape and size, and (N,) which source each was made from.

    `found`: share of the pictures whose face was found, a box that starts a track overlapping it by `IOU_FOUND` or
    more. `whole`: share in which no second kept box lies inside the face. `count`: pictures. All of them, and by shape
    and fill as in `found_16:9_0.7`.
    """
    judged, groups, sources = [], [], []
    for each in closeups:
        judged.append(judge(engine, each))
        groups.append(f"{each.shape}_{each.fill}")
        sources.append(each.source)
    found_N, whole_N = np.array(judged, float).reshape(-1, 2).T
    order = [f"{shape}_{fill}" for shape in SHAPES for fill in FILLS]
    members = {name: np.ones(len(groups))}
    members |= {f"{name}_{group}": np.array(groups) == group for group in order if group in groups}

    def figures(weights: np.ndarray | None) -> dict[str, np.ndarray]:
        weights_N = np.ones(len(groups)) if weights is None else weights
        values = {}
        for group, member in members.items():
            count = (weights_N * member).sum(-1)
            with np.errstate(invalid="ignore"):
                values[f"found_{group}"] = (weights_N * member * found_N).sum(-1) / count
                values[f"whole_{group}"] = (weights_N * member * whole_N).sum(-1) / count
            values[f"count_{group}"] = count
        return values

    return figures, np.unique(sources, return_inverse=True)[1]


def judge(engine: Engine, closeup: Closeup) -> tuple[bool, bool]:
    """Whether the face was found, and whether no second kept box lies inside it."""
    assert engine.spec.detector is not None
    grey = np.full([-(-side // 2) for side in closeup.image.shape], 128, np.uint8)
    found = detect(engine, Picture(closeup.image, grey, grey, True, "bt601"))
    if not len(found):
        return False, True
    overlap = pairwise_iou(found.boxes, closeup.box[None])[:, 0]
    hits = (overlap >= IOU_FOUND) & (found.scores >= engine.spec.detector.score_start)
    low, high = np.maximum(found.boxes[:, :2], closeup.box[:2]), np.minimum(found.boxes[:, 2:], closeup.box[2:])
    inside = np.clip(high - low, 0, None).prod(1) / (found.boxes[:, 2:] - found.boxes[:, :2]).prod(1)
    second = inside > INSIDE_MAX
    if len(closeup.others):
        second &= pairwise_iou(found.boxes, closeup.others).max(1) < IOU_FOUND
    if hits.any():
        second[int(np.flatnonzero(hits)[found.scores[hits].argmax()])] = False
    else:  # the best box is the first, whatever it shows
        second[int(np.flatnonzero(second)[0]) if second.any() else 0] = False
    return bool(hits.any()), not second.any()
