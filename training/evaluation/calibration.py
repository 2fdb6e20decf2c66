"""Whether a network is as sure as it is right (Guo et al. 2017, "On calibration of modern neural networks").

Shapes: F faces, C = 8 classes, B = 15 bins. True classes are indices; -1 is unknown and does not count, nor does a
class that the network does not know (NaN in its probabilities).
"""

from dataclasses import dataclass

import numpy as np

from training.errors import TrainingError

NUM_BINS = 15
TEMPERATURE_MIN, TEMPERATURE_MAX = 0.05, 20.0
_STEPS = 60
"""Halvings of the range of temperatures: to the last digit of a float."""
_PROBABILITY_MIN = 1e-12
"""Probabilities that were rounded to 0 count as this."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Answers in bins of equal width by the probability of the best class, low < p <= high."""

    faces: np.ndarray
    """(B,) int."""
    confidence: np.ndarray
    """(B,) mean probability of the best class; NaN in an empty bin."""
    accuracy: np.ndarray
    """(B,) share of right answers; NaN in an empty bin."""

    @property
    def ece(self) -> float:
        """Expected calibration error: the mean distance of confidence and accuracy, weighed by faces."""
        some = self.faces > 0
        gap = np.abs(self.confidence[some] - self.accuracy[some])
        return float((self.faces[some] * gap).sum() / self.faces.sum())


def reliability(probabilities: np.ndarray, truth: np.ndarray) -> Reliability:
    """Of probabilities (F, C) and true classes (F,). Raises TrainingError where no face has a true class."""
    probabilities, truth = _scored(probabilities, truth)
    best, right = probabilities.max(1), probabilities.argmax(1) == truth
    row = np.clip(np.ceil(best * NUM_BINS).astype(int) - 1, 0, NUM_BINS - 1)
    faces, sure, hits = (np.bincount(row, weights, NUM_BINS) for weights in (None, best, right.astype(float)))
    some = faces > 0
    confidence, accuracy = (np.where(some, total / np.maximum(faces, 1), np.nan) for total in (sure, hits))
    return Reliability(faces.astype(int), confidence, accuracy)


def ece(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Expected calibration error of probabilities (F, C) and true classes (F,): top label, 15 bins of equal width."""
    return reliability(probabilities, truth).ece


def fit_temperature(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """The T in 0.05..20 for which softmax(log(probabilities) / T) makes the true classes (F,) most likely.

    Log-probabilities are logits but for a constant of each face, which softmax does not see: T is the one for the
    network's logits. The negative log likelihood is convex in 1 / T, so its slope has one zero, which is halved in on.
    """
    probabilities, truth = _scored(probabilities, truth)
    logits = np.log(np.maximum(probabilities, _PROBABILITY_MIN))
    own = logits[np.arange(len(truth)), truth].mean()

    def slope(inverse: float) -> float:
        """Of the negative log likelihood, by 1 / T."""
        scaled = np.exp(inverse * (logits - logits.max(1, keepdims=True)))
        expected = (scaled * logits).sum(1) / scaled.sum(1)
        return float(expected.mean() - own)

    low, high = 1 / TEMPERATURE_MAX, 1 / TEMPERATURE_MIN
    for _ in range(_STEPS):
        middle = np.sqrt(low * high)
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return float(1 / np.sqrt(low * high))


def _scored(probabilities: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The faces and classes that count, in float64; true classes as columns of the first."""
    if probabilities.ndim != 2 or truth.shape != probabilities.shape[:1]:
        raise ValueError(f"expected (F, C) and (F,), got {probabilities.shape} and {truth.shape}")
    known = np.flatnonzero(np.isfinite(probabilities).all(0))
    scored = np.isin(truth, known)
    if not scored.any():
        raise TrainingError("no face has a true class that the network knows; calibration needs some")
    return probabilities[np.ix_(scored, known)].astype(np.float64), np.searchsorted(known, truth[scored])
