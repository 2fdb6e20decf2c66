"""What there is to say about a video's frames and about how far its faces can be trusted."""

from dataclasses import dataclass

import numpy as np

from pipeline.faces.quality import BAD, DESCRIPTIONS
from pipeline.report.rows import Columns, StreamRows

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Flag:
    """How often something was flagged."""

    words: str
    rows: int
    share: float
    """Of the time of all rows, 0..1."""
    makes_bad: bool
    """Rows with it are bad, whatever else they are."""


def flags(points: Columns) -> list[Flag]:
    """What was flagged, the most frequent first; a row can have several flags."""
    bits, shown_s = points["quality"], points["shown_s"]
    found = [
        Flag(words, int(flagged.sum()), float(shown_s[flagged].sum() / shown_s.sum()), bool(quality & BAD))
        for quality, words in DESCRIPTIONS.items()
        if (flagged := bits & int(quality) != 0).any()
    ]
    return sorted(found, key=lambda flag: -flag.rows)


@dataclass(frozen=True, slots=True)
class FrameCounts:
    """Analysed frames and missing ones, by what came of them."""

    total: int
    with_face: int
    without_face: int
    unknown: int
    missing: int
    """Could not be decoded."""
    damaged: int
    """Decoded, but marked as corrupt."""

    def in_words(self) -> list[tuple[str, int]]:
        """What came of the frames, leaving out what did not happen."""
        rare = [
            ("without an answer", self.unknown),
            ("missing: could not be decoded", self.missing),
            ("decoded, but damaged", self.damaged),
        ]
        return [("with a face", self.with_face), ("without a face", self.without_face), *(r for r in rare if r[1])]


def count_frames(frames: Columns) -> FrameCounts:
    """What came of a video's frames."""
    status = frames["status"]
    of = {name: int((status == name).sum()) for name in ("ok", "no_face", "unknown", "decode_error")}
    return FrameCounts(
        total=len(status),
        with_face=of["ok"],
        without_face=of["no_face"],
        unknown=of["unknown"],
        missing=of["decode_error"],
        damaged=int(frames["corrupt"].sum()),
    )


def step_s(frames: Columns, period_ns: int | None) -> float:
    """Usual time between two analysed frames, seconds; of the video where there is only one, 0 for a picture."""
    steps = np.diff(frames["pts_ns"])
    return float(np.median(steps)) / NS if len(steps) else (period_ns or 0) / NS


def cuts_s(frames: Columns) -> list[float]:
    """When the scene changed, seconds."""
    return [float(t) / NS for t in frames["pts_ns"][frames["scene_cut"].astype(bool)]]


def damaged_s(frames: Columns, step: float) -> list[tuple[float, float]]:
    """(start, end) of each stretch that could not be decoded, seconds."""
    missing = frames["status"] == "decode_error"
    edges = np.flatnonzero(np.diff(missing.astype(int), prepend=0, append=0))
    t_s = frames["pts_ns"] / NS
    return [(float(t_s[a]), float(t_s[b - 1]) + step) for a, b in edges.reshape(-1, 2)]


def is_picture(stream: StreamRows) -> bool:
    """Whether there is no time to draw along: a picture, or a single frame."""
    return bool(stream.report.info.get("is_picture")) or len(stream.frames["pts_ns"]) <= 1


def analysed_s(stream: StreamRows) -> tuple[float, float]:
    """Stream time of the first analysed frame, and of the end of the last one, seconds."""
    t_ns = stream.frames["pts_ns"]
    begin, last = (float(t_ns[0]) / NS, float(t_ns[-1]) / NS) if len(t_ns) else (0.0, 0.0)
    return begin, max(stream.report.video_s, last)
