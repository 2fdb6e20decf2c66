"""What came of a unit, counted from the rows that it wrote."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow.compute as pc

from pipeline.results.commits import UnitReport
from pipeline.sources.find import Source
from pipeline.tracks.timeline import Finished
from pipeline.video.decoded import VideoInfo
from pipeline.video.irregular import Irregular

__all__ = ["Tally", "UnitReport"]

NS = 1_000_000_000


_COUNTED = (
    *("frames", "frames_with_faces", "decode_errors", "corrupt_frames", "scene_cuts"),
    *("points", "good_points", "tracks", "brief_tracks"),
)


class Tally:
    """Counts finished rows."""

    def __init__(self) -> None:
        self._counts: dict[str, Any] = dict.fromkeys(_COUNTED, 0)
        self._smoothed_s, self._sums = 0.0, np.zeros(2)
        self._end_ns = 0
        self._first_row_s: float | None = None

    def add(self, rows: Finished, elapsed_s: float) -> None:
        """Count rows that left `elapsed_s` after the unit's start."""
        frames, points, tracks = rows.frames, rows.points, rows.tracks
        if points.num_rows and self._first_row_s is None:
            self._first_row_s = elapsed_s
        self._end_ns = max(self._end_ns, rows.end_ns)
        counts = {
            "frames": frames.num_rows,
            "frames_with_faces": _count(pc.equal(frames["status"].cast("string"), "ok")),
            "decode_errors": _count(pc.equal(frames["status"].cast("string"), "decode_error")),
            "corrupt_frames": _count(frames["corrupt"]),
            "scene_cuts": _count(frames["scene_cut"]),
            "points": points.num_rows,
            "good_points": _count(pc.equal(points["grade"], 2)),
            "tracks": _count(pc.invert(tracks["brief"])),
            "brief_tracks": _count(tracks["brief"]),
        }
        for name, count in counts.items():
            self._counts[name] += count
        smoothed = np.stack([points[name].to_numpy() for name in ("valence_smooth", "arousal_smooth")], 1)
        known = np.isfinite(smoothed[:, 0])
        self._smoothed_s += rows.shown_s[known].sum()
        self._sums += rows.shown_s[known] @ smoothed[known]

    @property
    def frames(self) -> int:
        """Analysed frames and missing ticks so far."""
        return int(self._counts["frames"])

    def report(
        self, source: Source, wall_s: float, info: VideoInfo, start_s: float, irregular: Irregular
    ) -> UnitReport:
        """The unit's report."""
        means = [float(total) / self._smoothed_s if self._smoothed_s else None for total in self._sums]
        return UnitReport(
            stream_id=source.stream_id,
            source=source.shown,
            video_s=self._end_ns / NS - start_s,
            wall_s=wall_s,
            first_row_s=self._first_row_s,
            valence_mean=means[0],
            arousal_mean=means[1],
            info=asdict(info),
            time_notes=irregular.in_words(info.claimed_ns),
            **self._counts,
        )


def _count(condition: Any) -> int:
    return int(pc.sum(condition).as_py() or 0)
