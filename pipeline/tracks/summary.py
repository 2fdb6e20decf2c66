"""The running summary of one track: what `tracks/` says of it."""

from dataclasses import dataclass, field

import numpy as np

from engines import EXPRESSIONS
from pipeline.updates import EndReason, Points, TrackRecord

NS = 1_000_000_000
BRIEF_S = 0.3
"""A track shorter than this is marked `brief`."""


@dataclass(slots=True)
class TrackSummary:
    """Running figures of one track, weighted by time: a row stands for as long as its frame."""

    start_ns: int = 0
    end_ns: int = 0
    num_points: int = 0
    shown_s: float = 0.0
    good_s: float = 0.0
    face_px_s: float = 0.0
    smoothed_s: float = 0.0
    """How long the rows with a smooth value stand for."""
    sums: np.ndarray = field(default_factory=lambda: np.zeros((2, 2)))
    """Time integrals: (values, their squares) x (valence, arousal)."""
    low: np.ndarray = field(default_factory=lambda: np.full(2, np.inf))
    high: np.ndarray = field(default_factory=lambda: np.full(2, -np.inf))
    votes_s: np.ndarray = field(default_factory=lambda: np.zeros((2, len(EXPRESSIONS))))
    """Time of each expression: in usable rows, and in all."""

    def add(self, points: Points, smooth: np.ndarray) -> None:
        """Take points of the track (R rows), in order of time, with their smooth values (R, 2)."""
        if not self.num_points:
            self.start_ns = int(points.pts_ns[0])
        self.end_ns = int(points.pts_ns[-1])
        self.num_points += len(points)
        shown_s = points.shown_s
        self.shown_s += float(shown_s.sum())
        self.good_s += float(shown_s[points.grade == 2].sum())
        self.face_px_s += float(shown_s @ (points.boxes[:, 2:] - points.boxes[:, :2]).min(1))
        known = np.isfinite(smooth[:, 0])
        if known.any():
            values, lasting_s = smooth[known], shown_s[known]
            self.smoothed_s += float(lasting_s.sum())
            self.sums += [lasting_s @ values, lasting_s @ values**2]
            self.low, self.high = np.minimum(self.low, values.min(0)), np.maximum(self.high, values.max(0))
        best = points.most_probable
        for i, chosen in enumerate((points.grade >= 1, np.ones(len(best), bool))):
            self.votes_s[i] += np.bincount(best[chosen], shown_s[chosen], minlength=len(EXPRESSIONS))

    def record(self, track_id: int, reason: EndReason, period_s: float) -> TrackRecord:
        """What is known of the track at its end; `period_s` is how long its last point is shown."""
        votes_s = self.votes_s[0] if self.votes_s[0].any() else self.votes_s[1]
        mean = self.sums[0] / self.smoothed_s if self.smoothed_s else np.full(2, np.nan)
        sd = np.sqrt(np.maximum(self.sums[1] / self.smoothed_s - mean**2, 0)) if self.smoothed_s else mean
        figures = {"mean": mean, "sd": sd, "min": self.low, "max": self.high}
        length_s = (self.end_ns - self.start_ns) / NS + period_s
        return TrackRecord(
            track_id=track_id,
            start_ns=self.start_ns,
            end_ns=self.end_ns,
            num_points=self.num_points,
            share_good=self.good_s / self.shown_s,
            end_reason=reason,
            brief=period_s > 0 and length_s < BRIEF_S - 1e-6,
            **{
                f"{value}_{name}": float(figure[i]) if self.smoothed_s else None
                for i, value in enumerate(("valence", "arousal"))
                for name, figure in figures.items()
            },
            expression=EXPRESSIONS[int(votes_s.argmax())],
            expression_share=float(votes_s.max() / votes_s.sum()),
            face_px_mean=self.face_px_s / self.shown_s,
        )
