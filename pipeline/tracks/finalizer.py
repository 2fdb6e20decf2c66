"""The row finalizer: from tracked faces to rows that no later frame can change.

It adds pose and quality, holds rows until the temporal model's window is complete, and sums up each track. So points
come out one window late, and memory stays flat however long the stream is. Shapes: R points.
"""

import numpy as np

from pipeline.faces.quality import VISIBLE_MIN, flag, grade
from pipeline.tracks.pose import head_pose
from pipeline.tracks.summary import TrackSummary
from pipeline.tracks.temporal import TemporalModel
from pipeline.tracks.tracking import TrackRows
from pipeline.types import AffectBatch
from pipeline.updates import NO_POINTS, EndReason, Points, StreamKey, StreamUpdate, TrackRecord

NS = 1_000_000_000
_END_NS = 2**62
"""Later than every frame."""


class RowFinalizer:
    """One per stream and epoch. Feed it the stream's batches in order, then call `finish`."""

    def __init__(
        self, key: StreamKey, temporal: TemporalModel, *, score_start: float, landmarks: bool, period_s: float
    ):
        """`score_start`: the detector's, below which a detection is flagged. `landmarks`: keep the 68 points.
        `period_s`: for how long one frame is shown; 0 for a picture.
        """
        self._key, self._temporal = key, temporal
        self._score_start, self._landmarks, self._period_s = score_start, landmarks, period_s
        self._held: Points | None = None
        """Points that are not final yet, and those before them that a window may still reach."""
        self._ended: dict[int, EndReason] = {}
        self._summaries: dict[int, TrackSummary] = {}
        self._final_ns = -_END_NS
        """Points before this have left."""

    def add(self, batch: AffectBatch, rows: TrackRows) -> StreamUpdate:
        """Take a batch and what the tracker says of it; give what has become final."""
        self._ended |= rows.ended
        points = self._points(batch, rows)
        self._held = points if self._held is None else self._held.followed_by(points)
        num_faces = np.bincount(batch.frame[rows.row], minlength=len(batch.frames))
        return self._update(batch, num_faces, batch.next_ns - round(self._temporal.lookahead_s * NS))

    def finish(self, ended: dict[int, EndReason]) -> StreamUpdate:
        """The stream is over: everything is final."""
        self._ended |= ended
        return self._update(None, np.zeros(0, int), _END_NS)

    def _points(self, batch: AffectBatch, rows: TrackRows) -> Points:
        row, frame = rows.row, batch.frame[rows.row]
        size = np.array([(f.width, f.height) for f in batch.frames], float).reshape(-1, 2)[frame]
        landmarks, visibility = batch.landmarks[row], batch.visibility[row]
        pose = np.full((len(row), 3), np.nan, np.float32)
        clear = visibility >= VISIBLE_MIN
        pose[clear] = head_pose(landmarks[clear], size[clear])
        quality = flag(
            boxes=batch.boxes[row],
            size=size,
            pose=pose,
            det_score=batch.det_score[row],
            score_start=self._score_start,
            visibility=visibility,
            luma=batch.luma[row],
            blur=batch.blur[row],
            corrupt=np.array([f.corrupt for f in batch.frames], bool)[frame],
        )
        return Points(
            pts_ns=np.array([f.pts_ns for f in batch.frames], np.int64)[frame],
            frame_index=np.array([-1 if f.frame_index is None else f.frame_index for f in batch.frames])[frame],
            shown_s=np.array([max(f.shown_ns, 1) / NS for f in batch.frames])[frame],
            track_id=rows.track_id,
            boxes=batch.boxes[row],
            det_score=batch.det_score[row],
            pose=pose,
            visibility=visibility,
            luma=batch.luma[row],
            blur=batch.blur[row],
            quality=quality,
            grade=grade(quality),
            affect=np.column_stack([batch.valence[row], batch.arousal[row]]).reshape(-1, 2),
            expression=batch.expression[row],
            landmarks=landmarks.reshape(-1, 136) if self._landmarks else np.zeros((len(row), 0), np.float32),
        )

    def _update(self, batch: AffectBatch | None, num_faces: np.ndarray, final_ns: int) -> StreamUpdate:
        """What leaves: the batch's frames, and the points before `final_ns`."""
        points, smooth = self._leave(final_ns)
        present = np.unique(points.track_id).tolist()
        started = tuple(track for track in present if track not in self._summaries)
        for track in present:
            own = points.track_id == track
            self._summaries.setdefault(track, TrackSummary()).add(points.take(own), smooth[own])
        return StreamUpdate(
            key=self._key,
            frames=batch.frames if batch is not None else (),
            num_faces=num_faces,
            points=points,
            smooth=smooth,
            started=started,
            updated=tuple(track for track in present if track not in started),
            ended=self._over(),
        )

    def _leave(self, final_ns: int) -> tuple[Points, np.ndarray]:
        """The points before `final_ns` that have not left, with their smooth values (R, 2)."""
        held = self._held
        if held is None:
            return NO_POINTS, np.zeros((0, 2))
        leaving = (held.pts_ns >= self._final_ns) & (held.pts_ns < final_ns)
        smooth = np.full((len(held), 2), np.nan)
        for track in np.unique(held.track_id[leaving]):
            own = np.flatnonzero(held.track_id == track)
            smooth[own] = self._temporal.run(held.take(own))
        self._final_ns = max(final_ns, self._final_ns)
        self._held = held.take(held.pts_ns >= self._final_ns - round(self._temporal.lookback_s * NS))
        return held.take(leaving), smooth[leaving]

    def _over(self) -> tuple[TrackRecord, ...]:
        """Tracks that are over and whose last point has left."""
        held = self._held
        waiting = set() if held is None else set(held.track_id[held.pts_ns >= self._final_ns].tolist())
        over = sorted(track for track in self._ended if track not in waiting)
        reasons = {track: self._ended.pop(track) for track in over}
        return tuple(
            self._summaries.pop(track).record(track, reason, self._period_s)
            for track, reason in reasons.items()
            if track in self._summaries
        )
