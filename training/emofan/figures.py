"""How good a network's answers are: the figures that validation, `evaluate` and the model cards share. numpy only."""

from dataclasses import dataclass

import numpy as np

from engines import EXPRESSIONS
from training import metrics
from training.data.faceset import FaceSet
from training.data.ferplus import majority_class


@dataclass(frozen=True, slots=True)
class Answer:
    """A network's answer for F faces."""

    expression: np.ndarray
    """(F, 8) probabilities."""
    valence: np.ndarray
    """(F,)"""
    arousal: np.ndarray
    """(F,)"""
    landmarks: np.ndarray
    """(F, 68, 2) px of each face's own picture."""
    peak: np.ndarray
    """(F,) mean landmark peak."""


def expression_figures(faces: FaceSet, answer: Answer) -> dict[str, float]:
    """Accuracy and recall by the majority protocol of the FER+ paper; agreement with valence and arousal labels."""
    truth, guess = majority_class(faces.votes), answer.expression.argmax(1)
    scored = truth >= 0
    recalls = metrics.recalls(truth[scored], guess[scored], len(EXPRESSIONS))
    counts = np.bincount(truth[scored], minlength=len(EXPRESSIONS))
    figures = {
        "accuracy": metrics.accuracy(truth[scored], guess[scored]),
        "macro_recall": float(np.nanmean(recalls)),
        "faces_scored": float(scored.sum()),
        **{f"recall_{name}": float(recall) for name, recall in zip(EXPRESSIONS, recalls, strict=True)},
        **{f"count_{name}": float(count) for name, count in zip(EXPRESSIONS, counts, strict=True)},
    }
    return {**figures, **affect_figures(faces.affect, np.column_stack([answer.valence, answer.arousal]))}


def affect_figures(truth: np.ndarray, prediction: np.ndarray) -> dict[str, float]:
    """The paper's four figures for valence and arousal (F, 2); rows without truth do not count."""
    rated = np.isfinite(truth).all(1)
    measures = {"rmse": metrics.rmse, "sagr": metrics.sagr, "pcc": metrics.pcc, "ccc": metrics.ccc}
    return {
        f"{name}_{value}": measure(truth[rated, i], prediction[rated, i])
        for i, value in enumerate(("valence", "arousal"))
        for name, measure in measures.items()
    }


def landmark_figures(faces: FaceSet, answer: Answer) -> dict[str, float]:
    """Mean landmark error as a share of the distance of the outer eye corners, and its 95th percentile."""
    marked = np.isfinite(faces.landmarks).all((1, 2))
    errors = metrics.nme(faces.landmarks[marked], answer.landmarks[marked])
    return {"nme": float(errors.mean()), "nme_p95": float(np.percentile(errors, 95))}
