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
    """Running figures of one track."""

    start_ns: int = 0
    end_ns: int = 0
    num_points: int = 0
    num_good: int = 0
    face_px_sum: float = 0.0
    count: int = 0
    """Rows with a smooth value."""
    sums: np.ndarray = field(default_factory=lambda: np.zeros((2, 2)))
    """(sum, sum of squares) x (valence, arousal)."""
    low: np.ndarray = field(default_factory=lambda: np.full(2, np.inf))
    high: np.ndarray = field(default_factory=lambda: np.full(2, -np.inf))
    votes: np.ndarray = field(default_factory=lambda: np.zeros((2, len(EXPRESSIONS)), int))
    """Rows per expression: usable rows, and all."""

    def add(self, rows: Columns, smoothed: np.ndarray) -> None:
        if not self.num_points:
            self.start_ns = int(rows["pts_ns"][0])
        self.end_ns = int(rows["pts_ns"][-1])
        self.num_points += len(smoothed)
        self.num_good += int((rows["grade"] == 2).sum())
        self.face_px_sum += float((rows["boxes"][:, 2:] - rows["boxes"][:, :2]).min(1).sum())
        known = smoothed[np.isfinite(smoothed[:, 0])]
        if len(known):
            self.count += len(known)
            self.sums += [known.sum(0), (known**2).sum(0)]
            self.low, self.high = np.minimum(self.low, known.min(0)), np.maximum(self.high, known.max(0))
        best = np.nan_to_num(rows["expression"], nan=-1.0).argmax(1)
        for i, chosen in enumerate((best[rows["grade"] >= 1], best)):
            self.votes[i] += np.bincount(chosen, minlength=len(EXPRESSIONS))

    def record(self, track_id: int, reason: EndReason, period_s: float) -> dict[str, Any]:
        votes = self.votes[0] if self.votes[0].any() else self.votes[1]
        mean = self.sums[0] / self.count if self.count else np.full(2, np.nan)
        sd = np.sqrt(np.maximum(self.sums[1] / self.count - mean**2, 0)) if self.count else mean
        figures = {"mean": mean, "sd": sd, "min": self.low, "max": self.high}
        length_s = (self.end_ns - self.start_ns) / NS + period_s
        return {
            "track_id": track_id,
            "start_ns": self.start_ns,
            "end_ns": self.end_ns,
            "num_points": self.num_points,
            "share_good": self.num_good / self.num_points,
            "end_reason": reason.value,
            "brief": period_s > 0 and length_s < BRIEF_S - 1e-6,
            **{
                f"{value}_{name}": float(figure[i]) if self.count else None
                for i, value in enumerate(("valence", "arousal"))
                for name, figure in figures.items()
            },
            "expression": EXPRESSIONS[int(votes.argmax())],
            "expression_share": float(votes.max() / votes.sum()),
            "face_px_mean": self.face_px_sum / self.num_points,
        }
