"""The running summary of one track: what `tracks/` says of it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engines import EXPRESSIONS
from pipeline.tracks.tracking import EndReason

NS = 1_000_000_000
BRIEF_S = 0.3
"""A track shorter than this is marked `brief`."""
Columns = dict[str, np.ndarray]
"""Rows as columns, leading axis R."""


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

    def add(self, rows: Columns, smoothed: np.ndarray) -> None:
        if not self.num_points:
            self.start_ns = int(rows["pts_ns"][0])
        self.end_ns = int(rows["pts_ns"][-1])
        self.num_points += len(smoothed)
        shown_s = rows["shown_s"]
        self.shown_s += float(shown_s.sum())
        self.good_s += float(shown_s[rows["grade"] == 2].sum())
        self.face_px_s += float(shown_s @ (rows["boxes"][:, 2:] - rows["boxes"][:, :2]).min(1))
        known = np.isfinite(smoothed[:, 0])
        if known.any():
            values, lasting_s = smoothed[known], shown_s[known]
            self.smoothed_s += float(lasting_s.sum())
            self.sums += [lasting_s @ values, lasting_s @ values**2]
            self.low, self.high = np.minimum(self.low, values.min(0)), np.maximum(self.high, values.max(0))
        best = np.nan_to_num(rows["expression"], nan=-1.0).argmax(1)
        for i, chosen in enumerate((rows["grade"] >= 1, np.ones(len(best), bool))):
            self.votes_s[i] += np.bincount(best[chosen], shown_s[chosen], minlength=len(EXPRESSIONS))

    def record(self, track_id: int, reason: EndReason, period_s: float) -> dict[str, Any]:
        votes_s = self.votes_s[0] if self.votes_s[0].any() else self.votes_s[1]
        mean = self.sums[0] / self.smoothed_s if self.smoothed_s else np.full(2, np.nan)
        sd = np.sqrt(np.maximum(self.sums[1] / self.smoothed_s - mean**2, 0)) if self.smoothed_s else mean
        figures = {"mean": mean, "sd": sd, "min": self.low, "max": self.high}
        length_s = (self.end_ns - self.start_ns) / NS + period_s
        return {
            "track_id": track_id,
            "start_ns": self.start_ns,
            "end_ns": self.end_ns,
            "num_points": self.num_points,
            "share_good": self.good_s / self.shown_s,
            "end_reason": reason.value,
            "brief": period_s > 0 and length_s < BRIEF_S - 1e-6,
            **{
                f"{value}_{name}": float(figure[i]) if self.smoothed_s else None
                for i, value in enumerate(("valence", "arousal"))
                for name, figure in figures.items()
            },
            "expression": EXPRESSIONS[int(votes_s.argmax())],
            "expression_share": float(votes_s.max() / votes_s.sum()),
            "face_px_mean": self.face_px_s / self.shown_s,
        }
