"""Average precision of a face detector at IoU 0.5, counted as WIDER FACE does.

All-point AP with a precision envelope. Faces marked invalid, or whose shorter side is under `side_px_min`, are ignored:
a candidate on one is neither right nor wrong, nor is an unmatched candidate that is itself that small. Candidates are
matched greedily by score, each face once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

IOU_MIN = 0.5


@dataclass(frozen=True, slots=True)
class DetectionScore:
    """Average precision over a set of pictures."""

    average_precision: float
    num_faces: int
    recall_max: float


def pairwise_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (N, 4) and (M, 4), px -> (N, M) float64."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    both = np.clip(high - low, 0, None).prod(2)
    area_a, area_b = ((x[:, 2:4] - x[:, :2]).prod(1) for x in (a, b))
    return both / (area_a[:, None] + area_b[None] - both + 1e-9)


def match(
    boxes: np.ndarray, invalid: np.ndarray, candidates: np.ndarray, side_px_min: float
) -> tuple[list[tuple[float, bool]], int]:
    """Judge one picture: (score, right) of every candidate that counts, and how many faces count.

    boxes (G, 4) px, invalid (G,) bool, candidates (D, 5) px and score.
    """
    ignored = invalid | ((boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) < side_px_min)
    candidates = candidates[np.argsort(-candidates[:, 4], kind="stable")]
    overlap_DG = pairwise_iou(candidates, boxes)
    taken = np.zeros(len(boxes), bool)
    judged = []
    for candidate, overlap in zip(candidates, overlap_DG, strict=True):
        free = np.where(~ignored & ~taken, overlap, 0.0)
        if free.max(initial=0.0) >= IOU_MIN:
            taken[free.argmax()] = True
            judged.append((float(candidate[4]), True))
        elif np.where(ignored, overlap, 0.0).max(initial=0.0) >= IOU_MIN:
            continue
        elif (candidate[2:4] - candidate[:2]).min() >= side_px_min:
            judged.append((float(candidate[4]), False))
    return judged, int((~ignored).sum())


def average_precision(
    samples: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], side_px_min: float
) -> DetectionScore:
    """AP over pictures given as (boxes, invalid, candidates); see `match` for their shapes."""
    judged, num_faces = [], 0
    for boxes, invalid, candidates in samples:
        verdicts, count = match(boxes, invalid, candidates, side_px_min)
        judged += verdicts
        num_faces += count
    if not judged or not num_faces:
        return DetectionScore(0.0, num_faces, 0.0)
    scores, right = np.array(judged, float).T
    hits = np.cumsum(right[np.argsort(-scores, kind="stable")])
    recall, precision = hits / num_faces, hits / np.arange(1, len(hits) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    area = float(np.sum(np.diff(recall, prepend=0.0) * envelope))
    return DetectionScore(area, num_faces, float(recall[-1]))
