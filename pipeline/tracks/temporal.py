"""The seam of temporal models: from one track's raw valence and arousal to those over time."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.tracks.smoothing import GAP_S_MAX, smooth
from pipeline.updates import Points


class TemporalModel(Protocol):
    """Says a track's valence and arousal at each of its points from the points around it. Stateless."""

    @property
    def lookback_s(self) -> float:
        """How far before a point the model looks, s."""

    @property
    def lookahead_s(self) -> float:
        """How far after it: points become final this much later, s."""

    def run(self, points: Points) -> np.ndarray:
        """Points of one track (R rows, in order of time) -> (R, 2) float64; NaN where it has no answer.

        Called with all points that a final one's window can hold, and often with more: these must change nothing.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class SymmetricAverage:
    """The time average over a symmetric window (`pipeline.tracks.smoothing`): for archives, which have a future."""

    half_width_s: float
    gap_s_max: float = GAP_S_MAX
    """Nothing is averaged across a longer span without a usable point."""

    @property
    def lookback_s(self) -> float:
        return self.half_width_s

    @property
    def lookahead_s(self) -> float:
        return self.half_width_s

    def run(self, points: Points) -> np.ndarray:
        usable = points.grade >= 1
        smoothed = smooth(
            points.pts_ns, points.affect, usable, half_width_s=self.half_width_s, gap_s_max=self.gap_s_max
        )
        # A picture that stands still is its own average: what came before it is a small part of its time.
        still = usable & (points.shown_s > self.gap_s_max)
        smoothed[still] = points.affect[still]
        return smoothed
