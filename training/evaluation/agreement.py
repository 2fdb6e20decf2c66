"""The network as one more annotator: how far it agrees with people, against how far they agree (the paper's table 4).

Shapes: F faces, C classes, A annotators, R weightings; `weights` (R, F) say how often each face counts.
"""

from itertools import combinations

import numpy as np

from pipeline.stats import metrics
from training.emofan.figures import AFFECT_FIGURES, Values, affect_values


def vote_agreement(votes: np.ndarray, guess: np.ndarray, weights: np.ndarray | None = None) -> Values:
    """Agreement on expressions where only the votes (F, C + 2) for each class, unknown and not-a-face are known.

    All votes must be there, as they were given: without those that stand alone annotators seem to agree more.

    `annotators`: how likely two different annotators of a face, drawn at random, gave the same answer, averaged over
    the faces; `network`: how likely the network's answer, guess (F,), is that of an annotator drawn at random. All
    answers count, unknown and not-a-face too, which a network never gives; faces with fewer than two votes do not.
    """
    total = votes.sum(1)
    shown = (votes >= 0).all(1) & (total >= 2)
    if not shown.any():
        return {}
    votes, guess, total = votes[shown], guess[shown], total[shown]
    kept = np.ones(len(votes)) if weights is None else weights[:, shown]
    pairs = (votes * (votes - 1)).sum(1) / (total * (total - 1))
    likeness = votes[np.arange(len(votes)), guess] / total
    return {
        "annotators": metrics.mean(pairs, kept),
        "network": metrics.mean(likeness, kept),
        "faces_voted": np.asarray(kept.sum(-1)),
    }


def rating_agreement(ratings: np.ndarray, prediction: np.ndarray) -> dict[str, dict[str, float]]:
    """Agreement on valence and arousal: ratings (A, F, 2), NaN where an annotator did not rate; prediction (F, 2).

    `annotators`: the paper's figures of each annotator with each of the others, averaged over the others and then over
    annotators; `network`: those of the network with each annotator, averaged. A pair counts where it shares two faces;
    a figure that one pair does not allow (PCC of a constant) is averaged over the rest.
    """
    between = np.full((len(ratings), len(ratings), len(AFFECT_FIGURES)), np.nan)
    for i, j in combinations(range(len(ratings)), 2):
        between[i, j] = between[j, i] = _pair(ratings[i], ratings[j])
    with_network = np.array([_pair(rating, prediction) for rating in ratings]).reshape(-1, len(AFFECT_FIGURES))
    means = {"annotators": _mean(_mean(between)), "network": _mean(with_network)}
    return {who: dict(zip(AFFECT_FIGURES, values.tolist(), strict=True)) for who, values in means.items()}


def _pair(truth: np.ndarray, prediction: np.ndarray) -> list[float]:
    shared = np.isfinite(truth).all(1) & np.isfinite(prediction).all(1)
    if shared.sum() < 2:
        return [np.nan] * len(AFFECT_FIGURES)
    figures = affect_values(truth[shared], prediction[shared])
    return [float(figures[name]) for name in AFFECT_FIGURES]


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean along the first axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(0) / known.sum(0))
