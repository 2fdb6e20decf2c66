"""Tracks as functions of time: where a face is, and what it shows, on frames between the analysed ones.

Shapes: R rows of a track, in order of time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.tracks.smoothing import GAP_S_MAX

if TYPE_CHECKING:  # half a second of every start
    import pandas as pd

NS = 1_000_000_000
HOLD_S = 0.15
"""How long a row is shown past the ends of its stretch: about one frame at the default sampling rate."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One face at one time."""

    box: np.ndarray
    """(4,) px."""
    valence: float
    """Smooth; NaN where there is none."""
    arousal: float
    expression: str
    grade: int
    landmarks: np.ndarray | None
    """(68, 2) px."""


@dataclass(frozen=True, slots=True)
class Course:
    """One track."""

    track_id: int
    pts_ns: np.ndarray
    """(R,) int64."""
    boxes: np.ndarray
    """(R, 4)."""
    affect: np.ndarray
    """(R, 2) smooth valence and arousal, NaN where there is none."""
    expression: np.ndarray
    """(R,) names."""
    grade: np.ndarray
    """(R,)."""
    landmarks: np.ndarray | None
    """(R, 68, 2), where they were written."""
    cuts_ns: np.ndarray
    """Times of scene cuts: nothing is held across one."""

    def is_near(self, pts_ns: int, past_s: float) -> bool:
        """Whether the track has anything to do with this time and the `past_s` before it."""
        return bool(self.pts_ns[0] - HOLD_S * NS <= pts_ns <= self.pts_ns[-1] + past_s * NS)

    def at(self, pts_ns: int) -> Moment | None:
        """The face at this time, interpolated; None where it is not there."""
        after = int(np.searchsorted(self.pts_ns, pts_ns))
        before = max(after - 1, 0) if after == len(self.pts_ns) or self.pts_ns[after] > pts_ns else after
        after = min(after, len(self.pts_ns) - 1)
        gap_ns = self.pts_ns[after] - self.pts_ns[before]
        if not 0 < gap_ns <= GAP_S_MAX * NS:
            nearest = before if abs(self.pts_ns[before] - pts_ns) <= abs(self.pts_ns[after] - pts_ns) else after
            held = abs(self.pts_ns[nearest] - pts_ns) <= HOLD_S * NS and not self._near_cut(nearest)
            return self._moment(nearest, nearest, 0.0) if held or self.pts_ns[nearest] == pts_ns else None
        return self._moment(before, after, (pts_ns - self.pts_ns[before]) / gap_ns)

    def _near_cut(self, row: int) -> bool:
        """Whether the scene may change between this row and the analysed frame next to it."""
        away_ns = self.cuts_ns - self.pts_ns[row]
        return bool(((away_ns > -HOLD_S * NS) & (away_ns <= GAP_S_MAX * NS)).any())

    def _moment(self, before: int, after: int, share: float) -> Moment:
        def between(rows: np.ndarray) -> np.ndarray:
            return np.asarray(rows[before] + (rows[after] - rows[before]) * share)

        nearer = after if share > 0.5 else before
        valence, arousal = between(self.affect).tolist()
        landmarks = None if self.landmarks is None else between(self.landmarks)
        return Moment(
            between(self.boxes), valence, arousal, str(self.expression[nearer]), int(self.grade[nearer]), landmarks
        )

    def box_near(self, pts_ns: int, reach_s: float) -> np.ndarray | None:
        """(4,) where the face is or may be: interpolated over gaps of any length, held `reach_s` past the ends."""
        if not self.pts_ns[0] - reach_s * NS <= pts_ns <= self.pts_ns[-1] + reach_s * NS:
            return None
        return np.array([np.interp(pts_ns, self.pts_ns, side) for side in self.boxes.T])


def read_courses(points: "pd.DataFrame", frames: "pd.DataFrame") -> list[Course]:
    """The tracks of one stream's points; `frames` say where its scene changes."""
    cuts_ns = frames.loc[frames["scene_cut"], "pts_ns"].to_numpy(np.int64)
    courses = []
    for _, rows in points.sort_values("pts_ns").groupby("track_id"):
        landmarks = None
        if rows["landmarks"].notna().all():
            landmarks = np.stack(rows["landmarks"].to_list()).reshape(-1, 68, 2)
        courses.append(
            Course(
                track_id=int(rows["track_id"].iloc[0]),
                pts_ns=rows["pts_ns"].to_numpy(np.int64),
                boxes=rows[["x1", "y1", "x2", "y2"]].to_numpy(float),
                affect=rows[["valence_smooth", "arousal_smooth"]].to_numpy(float),
                expression=rows["expression"].astype(str).to_numpy(),
                grade=rows["grade"].to_numpy(int),
                landmarks=landmarks,
                cuts_ns=cuts_ns,
            )
        )
    return courses
