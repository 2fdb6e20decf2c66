"""How good a network's answers are: the figures that validation, `evaluate` and the model cards share. numpy only.

Shapes: F faces, C = 8 classes, R weightings. `weights` (R, F) say how often each face counts: figures are then (R,). A
figure that the data do not allow is left out; one that cannot be computed is NaN.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from engines import EXPRESSIONS
from pipeline.stats import metrics
from training.data.faceset import FaceSet
from training.data.ferplus import majority_class

Values = dict[str, np.ndarray]
"""Figures by name, each () or (R,)."""
_MEASURES = {"rmse": metrics.rmse, "sagr": metrics.sagr, "pcc": metrics.pcc, "ccc": metrics.ccc}
AFFECT_FIGURES = tuple(f"{measure}_{value}" for value in ("valence", "arousal") for measure in _MEASURES)
"""The names of the paper's figures for valence and arousal, in the order of its tables."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A network's answer for F faces."""

    expression: np.ndarray
    """(F, 8) probabilities; NaN for classes that the network does not know."""
    valence: np.ndarray
    """(F,)"""
    arousal: np.ndarray
    """(F,)"""
    landmarks: np.ndarray
    """(F, 68, 2) px of each face's own picture."""
    peak: np.ndarray
    """(F,) mean landmark peak."""

    @property
    def guess(self) -> np.ndarray:
        """(F,) the most probable class."""
        return np.nan_to_num(self.expression, nan=-1.0).argmax(1)

    @property
    def classes(self) -> np.ndarray:
        """(C',) the classes that the network knows."""
        return np.flatnonzero(np.isfinite(self.expression).all(0))

    def among(self, classes: np.ndarray) -> "Answer":
        """The answer of a network that knows these classes (C',) only: its guess is the most probable of them."""
        expression = np.full_like(self.expression, np.nan)
        expression[:, classes] = self.expression[:, classes]
        return replace(self, expression=expression)


def expression_figures(faces: FaceSet, answer: Answer) -> dict[str, float]:
    """Accuracy and recall by the majority protocol of the FER+ paper; agreement with valence and arousal labels."""
    return floats(expression_values(faces, answer))


def landmark_figures(faces: FaceSet, answer: Answer) -> dict[str, float]:
    """Mean landmark error as a share of the distance of the outer eye corners, and its 95th percentile."""
    return floats(landmark_values(faces, answer))


def expression_values(faces: FaceSet, answer: Answer, weights: np.ndarray | None = None) -> Values:
    """Accuracy, recall and number per class of the faces with a true class that the network knows, then affect."""
    affect = affect_values(faces.affect, np.column_stack([answer.valence, answer.arousal]), weights)
    truth, classes = true_class(faces), answer.classes
    scored = np.isin(truth, classes)
    if not scored.any():
        return affect
    truth, guess = truth[scored], answer.guess[scored]
    kept = np.ones(len(truth)) if weights is None else weights[:, scored]
    recalls = metrics.recalls(truth, guess, len(EXPRESSIONS), kept)
    found = np.isfinite(recalls)
    counts = kept @ (truth[:, None] == np.arange(len(EXPRESSIONS)))
    with np.errstate(invalid="ignore"):
        macro_recall = np.asarray(np.where(found, recalls, 0).sum(-1) / found.sum(-1))
    return {
        "accuracy": metrics.accuracy(truth, guess, kept),
        "macro_recall": macro_recall,
        "faces_scored": kept.sum(-1),
        **{f"recall_{EXPRESSIONS[c]}": recalls[..., c] for c in classes},
        **{f"count_{EXPRESSIONS[c]}": counts[..., c] for c in classes},
        **affect,
    }


def affect_values(truth: np.ndarray, prediction: np.ndarray, weights: np.ndarray | None = None) -> Values:
    """The paper's four figures for valence and arousal (F, 2); rows without truth do not count."""
    rated = np.isfinite(truth).all(1)
    if not rated.any():
        return {}
    kept = None if weights is None else weights[:, rated]
    columns = [(truth[rated, i], prediction[rated, i]) for i in range(2)]
    figures = [measure(*column, kept) for column in columns for measure in _MEASURES.values()]
    count = np.asarray(rated.sum() if kept is None else kept.sum(-1))
    return {**dict(zip(AFFECT_FIGURES, figures, strict=True)), "faces_rated": count}


def landmark_values(faces: FaceSet, answer: Answer, weights: np.ndarray | None = None) -> Values:
    """Landmark error of the faces whose landmarks are known; see `landmark_figures`."""
    marked = np.isfinite(faces.landmarks).all((1, 2))
    if not marked.any():
        return {}
    errors = metrics.nme(faces.landmarks[marked], answer.landmarks[marked])
    kept = None if weights is None else weights[:, marked]
    return {
        "nme": metrics.mean(errors, kept),
        "nme_p95": metrics.quantile(errors, 0.95, kept),
        "faces_marked": np.asarray(marked.sum() if kept is None else kept.sum(-1)),
    }


def true_class(faces: FaceSet) -> np.ndarray:
    """(F,) by the majority of the votes, or where there were none the most probable expression; -1 where unknown."""
    labelled = np.isfinite(faces.expression).all(1)
    named = np.where(labelled, np.nan_to_num(faces.expression).argmax(1), -1)
    return np.where((faces.votes >= 0).all(1), majority_class(faces.votes), named)


def floats(values: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Figures of each face counted once."""
    return {name: float(value) for name, value in values.items()}
