"""Face boxes: finding them, carrying them between key frames, and turning them into crops.

Pure functions. Shapes: D, E detections of two key frames, K boxes, N = 68 landmarks. Boxes are x1 y1 x2 y2 px.
"""

import cv2
import numpy as np

from engines import BoxMap, Engine
from pipeline.faces.appearance import describe, face_patches
from pipeline.faces.association import Change, best_pairs, similarity_floor
from pipeline.faces.pixels import detector_input
from pipeline.types import Faces, Picture

DETECTIONS_MAX = 300
"""Most faces that are taken from one picture."""
_CANDIDATES_MAX = 2000

INSIDE_MIN = 0.9
"""Share of its area by which a box lies inside a better one to be a part of that face; see docs/decisions/0023."""

REACH_FACES = 1.2
"""Interpolated two key frames a face moves by no more than this many of its own sizes."""
SIZE_RATIO_MAX = 1.7
"""It grows or shrinks by no more than this."""


def detect(engine: Engine, picture: Picture) -> Faces:
    """All candidates with at least the detector's `score_keep`, after non-maximum suppression, best first."""
    rule, size = engine.spec.detector, engine.spec.input
    assert rule is not None and size.long_side_px is not None
    image, scale = detector_input(
        picture, channels=size.channels, long_side_px=size.long_side_px, multiple_px=size.multiple_px
    )
    found = engine.run(image[None])
    boxes, scores = suppress(found["boxes"][0], found["scores"][0], rule.score_keep, rule.nms_iou, DETECTIONS_MAX)
    whole = ~inside_better(boxes)  # a part of a face is no face, however little the two overlap
    boxes, scores = boxes[whole], scores[whole]
    boxes = (boxes / scale).clip(0, [picture.width, picture.height, picture.width, picture.height])
    solid = (boxes[:, 2:] - boxes[:, :2]).min(1) >= 1
    boxes = boxes[solid].astype(np.float32)
    return Faces(boxes, scores[solid], describe(face_patches(picture, boxes)))


def suppress(
    boxes: np.ndarray, scores: np.ndarray, score_min: float, nms_iou: float, count_max: int
) -> tuple[np.ndarray, np.ndarray]:
    """Greedy non-maximum suppression of candidates (A, 4) and (A,): the kept boxes and scores, best first."""
    able = np.flatnonzero(scores >= score_min)
    able = able[np.argsort(-scores[able], kind="stable")][:_CANDIDATES_MAX]
    boxes, scores = boxes[able], scores[able]
    corners_sizes = np.column_stack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    kept = np.asarray(cv2.dnn.NMSBoxes(corners_sizes.tolist(), scores.tolist(), score_min, nms_iou), int)[:count_max]
    return boxes[kept], scores[kept]


def inside_better(boxes: np.ndarray) -> np.ndarray:
    """(D,) bool: which boxes (D, 4), best first, lie inside an earlier one by `INSIDE_MIN` of their area."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return np.asarray(np.tril(shared > INSIDE_MIN * area[:, None], -1).any(1))


def landmark_squares(boxes: np.ndarray, box_map: BoxMap, factor: float) -> np.ndarray:
    """Detector boxes (K, 4) -> the squares (K, 3) that EmoFAN's crop is cut from: centre x, centre y, side."""
    size = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 + size * [box_map.dx, box_map.dy]
    side = factor * (size * [box_map.width, box_map.height]).sum(1)
    return np.column_stack([centre, side])


def landmark_boxes(landmarks: np.ndarray, box_map: BoxMap) -> np.ndarray:
    """Landmarks (K, N, 2) -> boxes (K, 4) as the detector would have drawn them: the map the other way round."""
    low, high = landmarks.min(1), landmarks.max(1)
    size = (high - low) / [box_map.width, box_map.height]
    centre = (low + high) / 2 - size * [box_map.dx, box_map.dy]
    return np.column_stack([centre - size / 2, centre + size / 2])


def interpolate_boxes(a: np.ndarray, b: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Boxes (K, 4) on the way from `a` to `b` (K, 4), `share` (K,) of it done: centres and sizes move evenly."""
    return a + (b - a) * share[:, None]


def match(a: Faces, b: Faces, elapsed_s: float) -> list[tuple[int, int]]:
    """Pairs (row of `a`, row of `b`) that are the same face `elapsed_s` later; boxes in pixels of one picture.

    Cheapest change first; nobody moves too far, grows too much or looks like somebody else. Deterministic, one to one.
    """
    if not len(a) or not len(b):
        return []
    change = Change.between(a.boxes, a.appearance, b.boxes, b.appearance)
    possible = (change.distance <= REACH_FACES) & (change.growth <= np.log(SIZE_RATIO_MAX))
    possible &= change.similarity >= similarity_floor(elapsed_s)
    return best_pairs(np.where(possible, change.cost, np.inf))
