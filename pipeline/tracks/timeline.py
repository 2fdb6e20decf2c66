"""From tracked faces to finished rows: pose, quality, smoothing, and the summary of each track.

A row leaves when all that its smoothing window can hold is known, so rows come out half a window late and memory stays
flat however long the stream is. Shapes: R rows.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from engines import EXPRESSIONS
from pipeline.faces.quality import VISIBLE_MIN, flag, grade
from pipeline.tables import FRAMES, POINTS, TRACKS, nullable, repeat, table
from pipeline.tracks.pose import head_pose
from pipeline.tracks.smoothing import GAP_S_MAX, smooth
from pipeline.tracks.summary import Columns, TrackSummary
from pipeline.tracks.tracking import EndReason, TrackRows
from pipeline.types import AffectBatch

NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamContext:
    """What is the same in every row of a stream, and how its rows are finished."""

    run_id: str
    stream_id: str
    epoch: int = 0
    ts_source: str = "file"
    score_start: float
    """The detector's: candidates below it are flagged."""
    half_width_s: float
    gap_s_max: float = GAP_S_MAX
    """Nothing is averaged across a longer span without a usable row."""
    landmarks: bool
    """Whether the 68 points are kept."""
    period_s: float
    """How long one row stands for; 0 for a single picture."""


@dataclass(slots=True)
class Finished:
    """Rows that are final, as Arrow tables with the declared schemas."""

    frames: pa.Table
    points: pa.Table
    tracks: pa.Table
    shown_s: np.ndarray = field(default_factory=lambda: np.zeros(0))
    """(R,) how long each row of `points` stands for, seconds."""
    end_ns: int = 0
    """Where the last of `frames` ends."""


class Timeline:
    """One per stream and epoch; feed it the stream's batches in order, then `finish`."""

    def __init__(self, context: StreamContext):
        self._context = context
        self._held: Columns = {}
        """Rows that are not final yet, and those before them that a window may still reach."""
        self._ended: dict[int, EndReason] = {}
        self._summaries: dict[int, TrackSummary] = {}
        self._final_ns = -(2**62)
        """Rows before this have left."""

    def add(self, batch: AffectBatch, rows: TrackRows) -> Finished:
        """Take a batch; give what has become final."""
        self._ended |= rows.ended
        columns = self._columns(batch, rows)
        self._held = _concatenate(self._held, columns)
        final_ns = batch.next_ns - round(self._context.half_width_s * NS)
        end_ns = max((frame.pts_ns + frame.shown_ns for frame in batch.frames), default=0)
        return self._leave(final_ns, self._frames(batch, rows), end_ns)

    def finish(self, ended: dict[int, EndReason]) -> Finished:
        """The stream is over: everything is final."""
        self._ended |= ended
        return self._leave(2**62, FRAMES.empty_table(), 0)

    def _columns(self, batch: AffectBatch, rows: TrackRows) -> Columns:
        row, frame = rows.row, batch.frame[rows.row]
        size = np.array([(f.width, f.height) for f in batch.frames], float).reshape(-1, 2)[frame]
        landmarks, visibility = batch.landmarks[row], batch.visibility[row]
        pose = np.full((len(row), 3), np.nan, np.float32)
        clear = visibility >= VISIBLE_MIN
        pose[clear] = head_pose(landmarks[clear], size[clear])
        boxes = batch.boxes[row]
        bits = flag(
            boxes=boxes,
            size=size,
            pose=pose,
            det_score=batch.det_score[row],
            score_start=self._context.score_start,
            visibility=visibility,
            luma=batch.luma[row],
            blur=batch.blur[row],
            corrupt=np.array([f.corrupt for f in batch.frames], bool)[frame],
        )
        return {
            "pts_ns": np.array([f.pts_ns for f in batch.frames], np.int64)[frame],
            "frame_index": np.array([-1 if f.frame_index is None else f.frame_index for f in batch.frames])[frame],
            "shown_s": np.array([max(f.shown_ns, 1) / NS for f in batch.frames])[frame],
            "track_id": rows.track_id,
            "boxes": boxes,
            "det_score": batch.det_score[row],
            "pose": pose,
            "visibility": visibility,
            "luma": batch.luma[row],
            "blur": batch.blur[row],
            "quality": bits,
            "grade": grade(bits),
            "affect": np.column_stack([batch.valence[row], batch.arousal[row]]).reshape(-1, 2),
            "expression": batch.expression[row],
            "landmarks": landmarks.reshape(-1, 136) if self._context.landmarks else np.zeros((len(row), 0), np.float32),
        }

    def _frames(self, batch: AffectBatch, rows: TrackRows) -> pa.Table:
        count = np.bincount(batch.frame[rows.row], minlength=len(batch.frames))
        status = [
            "decode_error" if f.missing else "ok" if n else "no_face" for f, n in zip(batch.frames, count, strict=True)
        ]
        values = {
            **self._key(len(batch.frames)),
            "pts_ns": [f.pts_ns for f in batch.frames],
            "frame_index": [f.frame_index for f in batch.frames],
            "status": status,
            "num_faces": [None if f.missing else int(n) for f, n in zip(batch.frames, count, strict=True)],
            "scene_cut": [f.scene_cut for f in batch.frames],
            "corrupt": [f.corrupt for f in batch.frames],
            "quality_level": np.zeros(len(batch.frames), np.int8),
            "width": [f.width for f in batch.frames],
            "height": [f.height for f in batch.frames],
        }
        return table(values, FRAMES, len(batch.frames))

    def _leave(self, final_ns: int, frames: pa.Table, end_ns: int) -> Finished:
        """Smooth and let go the rows before `final_ns`."""
        held = self._held
        leaving = (held["pts_ns"] >= self._final_ns) & (held["pts_ns"] < final_ns) if held else np.zeros(0, bool)
        points, shown_s = POINTS.empty_table(), np.zeros(0)
        if leaving.any():
            smoothed = self._smooth(leaving)
            rows = {name: column[leaving] for name, column in held.items()}
            self._summarise(rows, smoothed)
            points, shown_s = self._points(rows, smoothed), rows["shown_s"]
        if held:
            self._final_ns = max(final_ns, self._final_ns)
            reached = held["pts_ns"] >= self._final_ns - round(self._context.half_width_s * NS)
            self._held = {name: column[reached] for name, column in held.items()}
        return Finished(frames, points, self._over(), shown_s, end_ns)

    def _smooth(self, leaving: np.ndarray) -> np.ndarray:
        """Smooth valence and arousal (R, 2) of the leaving rows."""
        held, gap_s_max = self._held, self._context.gap_s_max
        out = np.full((len(leaving), 2), np.nan)
        for track in np.unique(held["track_id"][leaving]):
            own = np.flatnonzero(held["track_id"] == track)
            affect, usable = held["affect"][own], held["grade"][own] >= 1
            smoothed = smooth(
                held["pts_ns"][own], affect, usable, half_width_s=self._context.half_width_s, gap_s_max=gap_s_max
            )
            # A picture that stands still is its own average: what came before it is a small part of its time.
            standing = usable & (held["shown_s"][own] > gap_s_max)
            smoothed[standing] = affect[standing]
            out[own] = smoothed
        return out[leaving]

    def _points(self, rows: Columns, smoothed: np.ndarray) -> pa.Table:
        count = len(rows["pts_ns"])
        boxes, best = rows["boxes"], np.nan_to_num(rows["expression"], nan=-1.0).argmax(1)
        index = rows["frame_index"]
        kept = self._context.landmarks
        values: dict[str, Any] = {
            **self._key(count),
            "pts_ns": rows["pts_ns"],
            "frame_index": pa.array(index, pa.int64(), mask=index < 0),
            "track_id": rows["track_id"],
            **dict(zip(("x1", "y1", "x2", "y2"), boxes.T, strict=True)),
            "det_score": nullable(rows["det_score"]),
            "face_px": (boxes[:, 2:] - boxes[:, :2]).min(1),
            **{n: nullable(c) for n, c in zip(("yaw", "pitch", "roll"), rows["pose"].T, strict=True)},
            **{name: rows[name] for name in ("visibility", "luma", "blur", "quality", "grade")},
            **dict(zip(("valence", "arousal"), rows["affect"].T, strict=True)),
            **{n: nullable(c) for n, c in zip(("valence_smooth", "arousal_smooth"), smoothed.T, strict=True)},
            "expression": pa.DictionaryArray.from_arrays(pa.array(best, pa.int32()), list(EXPRESSIONS)),
            **{f"p_{n}": nullable(c) for n, c in zip(EXPRESSIONS, rows["expression"].T, strict=True)},
        }
        if kept:
            values["landmarks"] = pa.FixedSizeListArray.from_arrays(pa.array(rows["landmarks"].ravel()), 136)
        return table(values, POINTS, count)

    def _summarise(self, rows: Columns, smoothed: np.ndarray) -> None:
        for track in np.unique(rows["track_id"]).tolist():
            own = rows["track_id"] == track
            self._summaries.setdefault(track, TrackSummary()).add({n: c[own] for n, c in rows.items()}, smoothed[own])

    def _over(self) -> pa.Table:
        """Rows of the tracks that are over and whose last point has left."""
        waiting = set(self._held["track_id"][self._held["pts_ns"] >= self._final_ns].tolist()) if self._held else set()
        over = sorted(track for track in self._ended if track not in waiting)
        records = [
            self._summaries.pop(track).record(track, self._ended[track], self._context.period_s)
            for track in over
            if track in self._summaries
        ]
        for track in over:
            del self._ended[track]
        values = {name: [record[name] for record in records] for name in (records[0] if records else ())}
        return table({**self._key(len(records)), **values}, TRACKS, len(records))

    def _key(self, count: int) -> dict[str, Any]:
        context = self._context
        return {
            "run_id": repeat(context.run_id, count),
            "stream_id": repeat(context.stream_id, count),
            "epoch": np.full(count, context.epoch, np.int32),
            "ts_source": repeat(context.ts_source, count),
        }


def _concatenate(before: Columns, after: Columns) -> Columns:
    return {name: np.concatenate([before[name], column]) for name, column in after.items()} if before else after
