"""Average precision of a face detector at IoU 0.5, counted as WIDER FACE does.

All-point AP with a precision envelope. Faces marked invalid, or whose shorter side is under `side_px_min`, are ignored:
a candidate on one is neither right nor wrong, nor is an unmatched candidate that is itself that small. Candidates are
matched greedily by score, each face once. Shapes: P pictures, R resamples, V verdicts (judged candidates).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.stats.bootstrap import Figures

IOU_MIN = 0.5
Sample = tuple[np.ndarray, np.ndarray, np.ndarray]
"""One picture: boxes (G, 4) px, invalid (G,) bool, candidates (D, 5) px and score."""


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


def average_precision(samples: Iterable[Sample], side_px_min: float) -> DetectionScore:
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


def recount(samples: Sequence[Sample], side_px: float) -> Figures:
    """`ap`, `recall` and `faces` as functions of how often each picture counts. Each picture is judged once, here.

    The numbers are `average_precision`'s; a picture that counts twice is as good as two, but where scores tie, whose
    order is then another.
    """
    judged = [match(*sample, side_px) for sample in samples]
    verdicts = np.array([verdict for found, _ in judged for verdict in found], float).reshape(-1, 2)
    order = np.argsort(-verdicts[:, 0], kind="stable")
    picture_V = np.repeat(np.arange(len(judged)), [len(found) for found, _ in judged])[order]
    right = np.flatnonzero(verdicts[order, 1])
    faces_P = np.array([count for _, count in judged], float)

    def figures(weights: np.ndarray | None) -> dict[str, np.ndarray]:
        weights_RP = np.ones((1, len(judged))) if weights is None else weights
        weights_RV = weights_RP[:, picture_V]
        hits = weights_RV[:, right]
        found = np.cumsum(hits, 1)
        precision = found / np.maximum(np.cumsum(weights_RV, 1)[:, right], 1e-12)
        envelope = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
        faces = weights_RP @ faces_P
        with np.errstate(invalid="ignore", divide="ignore"):
            values = {"ap": (hits * envelope).sum(1) / faces, "recall": hits.sum(1) / faces, "faces": faces}
        return values if weights is not None else {name: value[0] for name, value in values.items()}

    return figures
