"""The people of one video: who is shown, their figures, and their lines for the charts.

A person is a track: one face followed without a break. Shapes: R rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engines import EXPRESSIONS
from pipeline.report.rows import Columns, StreamRows
from pipeline.report.series import break_lines, segments, stretches, thin
from pipeline.tracks.smoothing import GAP_S_MAX

NS = 1_000_000_000

SHOWN_MAX = 12
"""The longest so many are switched on ..."""
CHARTED_MAX = 100
"""... and so many can be; the rest are counted."""
ROWS_MAX = 4_000
"""Rows that a person's lines are thinned to ..."""
OTHERS_ROWS_MAX = 40_000
"""... and those of all who are switched off at first together, so that a page stays small."""
ROWS_PER_STRETCH = 4
"""Grades are thinned to as many stretches as this is in the rows."""


@dataclass(frozen=True, slots=True)
class Person:
    """One track and its rows."""

    name: str
    colour: int
    """Place in the row of colours; the people that are shown first have the first ones."""
    shown: bool
    track: dict[str, Any]
    """The track's row of `tracks`."""
    rows: Columns
    """The track's rows of `points`."""

    @property
    def start_s(self) -> float:
        return self.track["start_ns"] / NS

    @property
    def end_s(self) -> float:
        return self.track["end_ns"] / NS


def find_people(stream: StreamRows, *, noun: str = "person") -> tuple[list[Person], int, int]:
    """The people by their first appearance, how many brief ones are left out, and how many others beyond the limit."""
    lasting = [track for track in stream.tracks if not track["brief"]]
    longest = sorted(lasting, key=lambda track: track["start_ns"] - track["end_ns"])
    kept, shown = longest[:CHARTED_MAX], longest[:SHOWN_MAX]
    kept.sort(key=_key)
    ranked = [t for t in kept if t in shown] + [t for t in kept if t not in shown]
    several = any(track["epoch"] for track in kept)
    people = [
        Person(
            name=f"{noun} {track['track_id']}" + (f" (part {track['epoch'] + 1})" if several else ""),
            colour=ranked.index(track),
            shown=track in shown,
            track=track,
            rows=_rows_of(stream.points, track),
        )
        for track in kept
    ]
    return people, len(stream.tracks) - len(lasting), len(lasting) - len(kept)


def expression_shares(rows: Columns) -> np.ndarray:
    """(8,) share of time in which each expression was the most probable; bad rows count only where there are no others.

    The same rows as in the column `expression` of `tracks`.
    """
    usable = rows["grade"] >= 1
    counted = (usable if usable.any() else ~usable) & (rows["expression"] >= 0)
    return _shares(rows["expression"][counted], rows["shown_s"][counted], len(EXPRESSIONS))


def grade_shares(rows: Columns) -> np.ndarray:
    """(3,) share of time in which a face is good, weak and bad."""
    return _shares(2 - rows["grade"].astype(int), rows["shown_s"], 3)


def _shares(codes: np.ndarray, shown_s: np.ndarray, count: int) -> np.ndarray:
    lasting_s = np.bincount(codes, shown_s, minlength=count)
    return np.asarray(lasting_s / (lasting_s.sum() or 1.0))


def place(rows: Columns) -> tuple[float, float, float, float]:
    """The median box: x, y, width, height, px."""
    x1, y1, x2, y2 = (float(np.median(rows[name])) for name in ("x1", "y1", "x2", "y2"))
    return x1, y1, x2 - x1, y2 - y1


def lines(person: Person, *, step_s: float, rows_max: int) -> dict[str, Any]:
    """What the page's charts need of a person, in whole numbers: times in ms (steps), values in thousandths."""
    t_s = person.rows["pts_ns"] / NS
    columns = ("valence_smooth", "arousal_smooth", "valence", "arousal")
    values = np.stack([person.rows[name].astype(float) for name in columns], 1)
    kept = thin(t_s, values, rows_max)
    times, drawn = break_lines(t_s[kept], segments(t_s, _gap_s_max(step_s))[kept], values[kept])
    ms = np.rint(times * 1000).astype(int)
    grades = person.rows["grade"].astype(int)
    runs = stretches(t_s, grades, step_s=step_s, stretches_max=max(rows_max // ROWS_PER_STRETCH, 1))
    return {
        "name": person.name,
        "colour": person.colour,
        "on": person.shown,
        "mean": [_rounded(person.track[f"{value}_mean"]) for value in ("valence", "arousal")],
        "t": np.diff(ms, prepend=0).tolist(),
        **{short: _thousandths(drawn[:, i]) for i, short in enumerate(("vs", "as", "v", "a"))},
        "grades": [[round(a * 1000), round(b * 1000), grade] for a, b, grade in runs],
    }


def _gap_s_max(step_s: float) -> float:
    """Lines break where nothing was averaged across: a usual step is no gap (`pipeline.tracks.smoothing`)."""
    return max(GAP_S_MAX, 1.1 * step_s) if step_s < 1.1 * GAP_S_MAX else GAP_S_MAX


def row_limits(people: list[Person]) -> list[int]:
    """How many rows each person's lines may have."""
    others = sum(not person.shown for person in people)
    return [ROWS_MAX if person.shown else min(ROWS_MAX, OTHERS_ROWS_MAX // others) for person in people]


def _key(track: dict[str, Any]) -> tuple[int, int]:
    return track["epoch"], track["track_id"]


def _rows_of(points: Columns, track: dict[str, Any]) -> Columns:
    # Points are sorted by (epoch, track_id), so a track is one slice.
    key = points["epoch"].astype(np.int64) << 32 | points["track_id"]
    wanted = track["epoch"] << 32 | track["track_id"]
    first, last = np.searchsorted(key, wanted, "left"), np.searchsorted(key, wanted, "right")
    return {name: column[first:last] for name, column in points.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _thousandths(values: np.ndarray) -> list[int | None]:
    return [None if v != v else round(v * 1000) for v in values.tolist()]
