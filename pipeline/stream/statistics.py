"""What came of a stream, counted from its updates."""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.updates import StreamUpdate


@dataclass(slots=True)
class StreamStatistics:
    """Running counts of one stream."""

    frames: int = 0
    """Analysed frames and missing ticks."""
    frames_with_faces: int = 0
    decode_errors: int = 0
    corrupt_frames: int = 0
    scene_cuts: int = 0
    points: int = 0
    good_points: int = 0
    tracks: int = 0
    """Without brief ones."""
    brief_tracks: int = 0
    end_ns: int = 0
    """Where the last frame ends."""
    first_point_at: float | None = None
    """`time.monotonic` when the first point was written."""
    smoothed_s: float = 0.0
    """For how long points with a smooth value are shown, s."""
    sums: np.ndarray = field(default_factory=lambda: np.zeros(2))
    """Time integrals of smooth valence and arousal."""

    def add(self, update: StreamUpdate) -> None:
        """Count an update that was written."""
        frames, points = update.frames, update.points
        if len(points) and self.first_point_at is None:
            self.first_point_at = time.monotonic()
        self.end_ns = max(self.end_ns, update.end_ns)
        self.frames += len(frames)
        self.frames_with_faces += sum(
            not frame.missing and count > 0 for frame, count in zip(frames, update.num_faces.tolist(), strict=True)
        )
        self.decode_errors += sum(frame.missing for frame in frames)
        self.corrupt_frames += sum(frame.corrupt for frame in frames)
        self.scene_cuts += sum(frame.scene_cut for frame in frames)
        self.points += len(points)
        self.good_points += int((points.grade == 2).sum())
        self.brief_tracks += sum(record.brief for record in update.ended)
        self.tracks += sum(not record.brief for record in update.ended)
        smooth = update.smooth.astype(np.float32)  # as it is written
        known = np.isfinite(smooth[:, 0])
        self.smoothed_s += float(points.shown_s[known].sum())
        self.sums += points.shown_s[known] @ smooth[known]

    @property
    def counts(self) -> dict[str, Any]:
        """Numbers of frames, points and tracks, by the names that a report gives them."""
        names = ("frames", "frames_with_faces", "decode_errors", "corrupt_frames", "scene_cuts")
        return {n: getattr(self, n) for n in (*names, "points", "good_points", "tracks", "brief_tracks")}

    @property
    def means(self) -> tuple[float | None, float | None]:
        """Valence and arousal of all faces, weighted by time; None without any."""
        if not self.smoothed_s:
            return None, None
        return float(self.sums[0]) / self.smoothed_s, float(self.sums[1]) / self.smoothed_s
