"""How sure a figure is: percentile intervals of the bootstrap (Efron & Tibshirani 1993, chapter 13).

Whole units are drawn, a person or a picture with all that belongs to it, because rows of one unit are alike.
A figure is a function of how often each row counts, so that resampling is a matrix of counts and nothing is measured
twice. Shapes: N rows, U units, R resamples.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

NUM_RESAMPLES = 2000
LEVEL = 0.95
_CHUNK = 50
"""Resamples counted at once: bounds memory."""
_FINITE_SHARE = 0.95
"""A figure that fewer of the resamples allow has no interval."""

Figures = Callable[[np.ndarray | None], Mapping[str, np.ndarray]]
"""From how often each row counts (R, N), or None for once each, to figures by name, (R,) or ()."""


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
