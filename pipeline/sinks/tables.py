"""Updates as Arrow tables with the declared schemas (`pipeline.tables`)."""

from typing import Any

import numpy as np
import pyarrow as pa

from engines import EXPRESSIONS
from pipeline.tables import FRAMES, POINTS, TRACKS, nullable, repeat, table
from pipeline.updates import StreamKey, StreamUpdate


def to_tables(update: StreamUpdate) -> dict[str, pa.Table]:
    """`frames`, `points` and `tracks`."""
    return {"frames": _frames(update), "points": _points(update), "tracks": _tracks(update)}


def _frames(update: StreamUpdate) -> pa.Table:
    frames, num_faces = update.frames, update.num_faces.tolist()
    pairs = list(zip(frames, num_faces, strict=True))
    values = {
        **_key(update.key, len(frames)),
        "pts_ns": [f.pts_ns for f in frames],
        "frame_index": [f.frame_index for f in frames],
        "status": ["decode_error" if f.missing else "ok" if count else "no_face" for f, count in pairs],
        "num_faces": [None if f.missing else count for f, count in pairs],
        "scene_cut": [f.scene_cut for f in frames],
        "corrupt": [f.corrupt for f in frames],
        "quality_level": np.zeros(len(frames), np.int8),
        "width": [f.width for f in frames],
        "height": [f.height for f in frames],
    }
    return table(values, FRAMES, len(frames))


def _points(update: StreamUpdate) -> pa.Table:
    points, count = update.points, len(update.points)
    values: dict[str, Any] = {
        **_key(update.key, count),
        "pts_ns": points.pts_ns,
        "frame_index": pa.array(points.frame_index, pa.int64(), mask=points.frame_index < 0),
        "track_id": points.track_id,
        **dict(zip(("x1", "y1", "x2", "y2"), points.boxes.T, strict=True)),
        "det_score": nullable(points.det_score),
        "face_px": (points.boxes[:, 2:] - points.boxes[:, :2]).min(1),
        **{name: nullable(column) for name, column in zip(("yaw", "pitch", "roll"), points.pose.T, strict=True)},
        **{name: getattr(points, name) for name in ("visibility", "luma", "blur", "quality", "grade")},
        **dict(zip(("valence", "arousal"), points.affect.T, strict=True)),
        **{n: nullable(c) for n, c in zip(("valence_smooth", "arousal_smooth"), update.smooth.T, strict=True)},
        "expression": pa.DictionaryArray.from_arrays(pa.array(points.most_probable, pa.int32()), list(EXPRESSIONS)),
        **{f"p_{name}": nullable(column) for name, column in zip(EXPRESSIONS, points.expression.T, strict=True)},
    }
    if points.landmarks.shape[1]:
        values["landmarks"] = pa.FixedSizeListArray.from_arrays(pa.array(points.landmarks.ravel()), 136)
    return table(values, POINTS, count)


def _tracks(update: StreamUpdate) -> pa.Table:
    count = len(update.ended)
    own = [name for name in TRACKS.names if name not in ("run_id", "stream_id", "epoch")]
    values = {name: [getattr(record, name) for record in update.ended] for name in own}
    return table({**_key(update.key, count), **values}, TRACKS, count)


def _key(key: StreamKey, count: int) -> dict[str, Any]:
    return {
        "run_id": repeat(key.run_id, count),
        "stream_id": repeat(key.stream_id, count),
        "epoch": np.full(count, key.epoch, np.int32),
        "ts_source": repeat(key.ts_source, count),
    }
