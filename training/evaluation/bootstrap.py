"""How sure a figure is: percentile intervals of the bootstrap (Efron & Tibshirani 1993, chapter 13).

What is drawn again is whole units, a person or a picture with all that belongs to it, for rows of one unit are alike.
A figure is a function of how often each row counts, so that resampling is a matrix of counts and nothing is measured
twice. Shapes: N rows, U units, R resamples, P pictures, V verdicts (judged candidates).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.face_detector.average_precision import match

NUM_RESAMPLES = 2000
LEVEL = 0.95
_CHUNK = 50
"""Resamples counted at once: bounds memory."""
_FINITE_SHARE = 0.95
"""A figure that fewer of the resamples allow has no interval."""

Figures = Callable[[np.ndarray | None], Mapping[str, np.ndarray]]
"""From how often each row counts (R, N), or None for once each, to figures by name, (R,) or ()."""
Sample = tuple[np.ndarray, np.ndarray, np.ndarray]
"""One picture: boxes (G, 4) px, invalid (G,) bool, candidates (D, 5) px and score."""


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle 95 % of what the resamples give. NaN where too few of them allow the figure."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        return (self.high - self.low) / 2


@dataclass(frozen=True, slots=True)
class Difference:
    """The first network's figure less the second's."""

    value: float
    interval: Interval

    @property
    def resolved(self) -> bool:
        """The interval leaves out 0: the sample is large enough to say which is better."""
        return self.interval.low > 0 or self.interval.high < 0


def units_of(names: np.ndarray) -> np.ndarray:
    """(N,) index of the unit of each row, by the names (N,) of the units; each row without a name is its own."""
    alone = names == ""
    index = np.unique(names, return_inverse=True)[1]
    index[alone] = len(names) + np.arange(alone.sum())
    return np.unique(index, return_inverse=True)[1]


def resamples(units: np.ndarray, num_resamples: int = NUM_RESAMPLES, seed: int = 0) -> Iterator[np.ndarray]:
    """(≤ 50, N) how often each row counts when as many units as there are, units (N,), are drawn with replacement."""
    rng = np.random.default_rng([seed, 0xB007])
    num_units = int(units.max(initial=-1)) + 1
    for start in range(0, num_resamples, _CHUNK):
        rows = min(_CHUNK, num_resamples - start)
        drawn = rng.integers(0, num_units, (rows, num_units)) + num_units * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * num_units).reshape(rows, num_units)
        yield counts[:, units].astype(np.float64)


def intervals(
    figures: Figures, units: np.ndarray, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """The interval of every figure, over units (N,) of the rows. The same seed gives the same ones."""
    parts = [figures(weights) for weights in resamples(units, num_resamples, seed)]
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {name: _interval(values) for name, values in drawn.items()}


def _interval(values: np.ndarray) -> Interval:
    values, total = values[np.isfinite(values)], len(values)
    if len(values) < _FINITE_SHARE * total:
        return Interval(np.nan, np.nan)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))


def paired_differences(
    first: Figures, second: Figures, units: np.ndarray, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> dict[str, Difference]:
    """First less second, for figures on the same rows that both networks have: each resample is the same for both."""

    def difference(weights: np.ndarray | None) -> dict[str, np.ndarray]:
        a, b = first(weights), second(weights)
        return {name: np.asarray(a[name] - b[name]) for name in a if name in b}

    bounds = intervals(difference, units, num_resamples, seed)
    return {name: Difference(float(value), bounds[name]) for name, value in difference(None).items()}


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
