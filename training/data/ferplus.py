"""FER+ (Barsoum et al. 2016): 48 x 48 grey faces, ten annotators each."""

from pathlib import Path

import numpy as np

from training.data.faceset import FaceSet, decode_picture, landmarks_px, read_columns, weak_affect

ORDER = (0, 1, 3, 2, 6, 5, 4, 7, 8, 9)
"""FER+ lists neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, not-a-face."""


def read_ferplus(path: Path, split: str) -> FaceSet:
    """Faces of one split, labelled as `labels_of_votes` says."""
    table = read_columns(path, ["image_id", "image", "votes", "landmarks"], split)
    names = table["image_id"].to_pylist()
    images = [decode_picture(i, f"{path}: {n}") for i, n in zip(table["image"].to_pylist(), names, strict=True)]
    votes, expression = labels_of_votes(np.array(table["votes"].to_pylist(), np.int64))
    landmarks = landmarks_px(table["landmarks"].to_pylist(), images)
    return FaceSet.of(
        images, landmarks=landmarks, expression=expression, votes=votes, affect=weak_affect(expression), names=names
    )


def labels_of_votes(votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Votes (F, 10) in FER+'s order -> the same votes in ours, (F, 10) int, and probabilities (F, 8) float32.

    Probabilities are of `shared_votes` without unknown and not-a-face; NaN where none is left for any expression.
    """
    votes = votes[:, ORDER]
    named = shared_votes(votes)[:, :8]
    usable = named.sum(1, keepdims=True)
    return votes, np.where(usable > 0, named / np.maximum(usable, 1), np.nan).astype(np.float32)


def shared_votes(votes: np.ndarray) -> np.ndarray:
    """Votes (F, 10) less those that stand alone, which the FER+ paper takes for slips."""
    return np.where(votes > 1, votes, 0)


def majority_class(votes: np.ndarray) -> np.ndarray:
    """(F,) the class with more than half of the `shared_votes`, or -1 where there is none or it is no expression."""
    votes = shared_votes(votes)
    best = votes.argmax(1)
    clear = votes.max(1) * 2 > votes.sum(1)
    return np.where(clear & (best < 8), best, -1)
