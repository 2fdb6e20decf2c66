"""The committed rows of one stream, as columns: only those that a report needs.

Reading by column keeps landmarks (136 numbers a row) out of memory, and taking the files from the commit spares going
through all commits for every stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from engines import EXPRESSIONS
from pipeline.results.commits import Commit, StreamReport
from pipeline.results.read import Table, read_table
from pipeline.results.source_state import source_states
from pipeline.tables import TABLES

NS = 1_000_000_000
Columns = dict[str, np.ndarray]
"""Rows as columns, leading axis R."""

NEEDED: dict[Table, list[str]] = {
    "frames": ["pts_ns", "status", "scene_cut", "corrupt", "width", "height"],
    "points": [
        *("epoch", "track_id", "pts_ns", "x1", "y1", "x2", "y2", "quality", "grade"),
        *("valence", "arousal", "valence_smooth", "arousal_smooth", "expression"),
    ],
    "tracks": [field.name for field in TABLES["tracks"] if field.name not in ("run_id", "stream_id")],
}


@dataclass(frozen=True, slots=True)
class StreamRows:
    """What is known of one stream."""

    stream_id: str
    report: StreamReport
    """Of its commit: counts, and what the container says of the video."""
    frames: Columns
    """In order of time."""
    points: Columns
    """In order of (epoch, track_id, pts_ns); `expression` is int8, an index into EXPRESSIONS, -1 for none of them.

    `shown_s` is how long each row stands for: until the next analysed frame, or the end of the video.
    """
    tracks: list[dict[str, Any]]
    """In order of (epoch, track_id)."""
    gone: bool = False
    """The video is no longer where it was, as seen from this machine."""


def read_stream(results: str | Path, stream_id: str, commits: Sequence[Commit]) -> StreamRows:
    """Read the rows of a stream from its commits. Raises ResultsError where a file is missing or damaged."""
    frames = _read(results, stream_id, commits, "frames")
    points = _read(results, stream_id, commits, "points")
    tracks = _read(results, stream_id, commits, "tracks")
    report, of_frames, of_points = commits[-1].report, _columns(frames), _columns(points)
    of_points["shown_s"] = _shown_s(of_frames["pts_ns"], of_points["pts_ns"], report.video_s)
    return StreamRows(
        stream_id=stream_id,
        report=report,
        frames=of_frames,
        points=of_points,
        tracks=tracks.to_pylist(),
        gone=source_states([commits[-1].source]) == ["gone"],
    )


def _shown_s(frames_ns: np.ndarray, points_ns: np.ndarray, end_s: float) -> np.ndarray:
    """How long the frames of points are shown; frames without an end, as pictures, count alike."""
    steps_s = np.diff(frames_ns) / NS
    usual_s = float(np.median(steps_s)) if len(steps_s) else 1.0
    last_s = end_s - frames_ns[-1] / NS if len(frames_ns) else 0.0
    shown_s = np.append(steps_s, last_s if last_s > 0 else usual_s)
    return np.asarray(shown_s[np.searchsorted(frames_ns, points_ns).clip(0, len(shown_s) - 1)])


def _read(results: str | Path, stream_id: str, commits: Sequence[Commit], table: Table) -> pa.Table:
    return read_table(results, table, stream_id=stream_id, columns=NEEDED[table], commits=list(commits))


def _columns(table: pa.Table) -> Columns:
    return {name: _codes(table[name]) if name == "expression" else _array(table[name]) for name in table.column_names}


def _array(column: pa.ChunkedArray) -> np.ndarray:
    values = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    return np.asarray(values.to_numpy())


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """(R,) int8: as Python strings, millions of words would be slow."""
    words = column.combine_chunks()
    code = np.array([EXPRESSIONS.index(w) if w in EXPRESSIONS else -1 for w in words.dictionary.to_pylist()], np.int8)
    return code[words.indices.to_numpy()] if len(words) else np.zeros(0, np.int8)
