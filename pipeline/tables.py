"""The three tables, column by column: version 1. Columns are only ever added.

Every row of `frames/` and `points/` begins with the frame's key. Pixels are of the upright, square-pixel picture.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from engines import EXPRESSIONS

SCHEMA_VERSION = 1

_NAME = pa.dictionary(pa.int32(), pa.string())

_FRAME_KEY = [
    pa.field("run_id", _NAME, nullable=False),
    pa.field("stream_id", _NAME, nullable=False),
    pa.field("epoch", pa.int32(), nullable=False),
    pa.field("pts_ns", pa.int64(), nullable=False),
    pa.field("frame_index", pa.int64()),
    pa.field("capture_utc", pa.timestamp("ns", tz="UTC")),
    pa.field("ts_source", _NAME, nullable=False),
]

FRAMES = pa.schema(
    [
        *_FRAME_KEY,
        pa.field("status", _NAME, nullable=False),
        pa.field("num_faces", pa.int16()),
        pa.field("scene_cut", pa.bool_(), nullable=False),
        pa.field("corrupt", pa.bool_(), nullable=False),
        pa.field("quality_level", pa.int8(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
    ]
)
"""One row per analysed frame or missing tick."""

POINTS = pa.schema(
    [
        *_FRAME_KEY,
        pa.field("track_id", pa.int32(), nullable=False),
        *(pa.field(name, pa.float32(), nullable=False) for name in ("x1", "y1", "x2", "y2")),
        pa.field("det_score", pa.float32()),
        pa.field("face_px", pa.float32(), nullable=False),
        *(pa.field(name, pa.float32()) for name in ("yaw", "pitch", "roll")),
        *(pa.field(name, pa.float32(), nullable=False) for name in ("visibility", "luma", "blur")),
        pa.field("quality", pa.int32(), nullable=False),
        pa.field("grade", pa.int8(), nullable=False),
        pa.field("valence", pa.float32(), nullable=False),
        pa.field("arousal", pa.float32(), nullable=False),
        pa.field("valence_sd", pa.float32()),
        pa.field("arousal_sd", pa.float32()),
        pa.field("valence_smooth", pa.float32()),
        pa.field("arousal_smooth", pa.float32()),
        pa.field("expression", _NAME, nullable=False),
        *(pa.field(f"p_{name}", pa.float32()) for name in EXPRESSIONS),
        pa.field("landmarks", pa.list_(pa.float32(), 136)),
    ]
)
"""One row per face per analysed frame, sorted by (track_id, pts_ns)."""

TRACKS = pa.schema(
    [
        *_FRAME_KEY[:3],
        pa.field("track_id", pa.int32(), nullable=False),
        pa.field("start_ns", pa.int64(), nullable=False),
        pa.field("end_ns", pa.int64(), nullable=False),
        pa.field("num_points", pa.int64(), nullable=False),
        pa.field("share_good", pa.float32(), nullable=False),
        pa.field("end_reason", _NAME, nullable=False),
        pa.field("brief", pa.bool_(), nullable=False),
        *(
            pa.field(f"{value}_{figure}", pa.float32())
            for value in ("valence", "arousal")
            for figure in ("mean", "sd", "min", "max")
        ),
        pa.field("expression", _NAME, nullable=False),
        pa.field("expression_share", pa.float32(), nullable=False),
        pa.field("face_px_mean", pa.float32(), nullable=False),
    ]
)
"""One row per track; the figures of valence and arousal are of the smooth values."""

TABLES = {"frames": FRAMES, "points": POINTS, "tracks": TRACKS}
SORTED_BY = {"frames": ["pts_ns"], "points": ["track_id", "pts_ns"], "tracks": ["track_id"]}
TIME_COLUMN = {"frames": "pts_ns", "points": "pts_ns", "tracks": "start_ns"}


def table(values: dict[str, Any], schema: pa.Schema, count: int) -> pa.Table:
    """A table of `schema`; columns that are not given are null."""
    columns = []
    for column in schema:
        value = values.get(column.name)
        if value is None:
            value = pa.nulls(count, column.type)
        elif not isinstance(value, pa.Array):
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            value = pa.array(value, kind)
        columns.append(value if value.type == column.type else value.cast(column.type))
    return pa.Table.from_arrays(columns, schema=schema)


def nullable(values: np.ndarray) -> pa.Array:
    """(R,) float32 with null for NaN."""
    return pa.array(values.astype(np.float32), pa.float32(), mask=np.isnan(values))


def repeat(name: str, count: int) -> pa.Array:
    """The same name in every row, as a dictionary column."""
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), [name])


def label_columns(labels: Sequence[Mapping[str, Any]]) -> dict[str, pa.Array]:
    """What lists say of some streams: a column for each label, with a value for each stream.

    Where lists differ in a label's type, it is text; int and float together are float.
    """
    columns = {}
    for name in dict.fromkeys(name for said in labels for name in said):
        values = [said.get(name) for said in labels]
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1 and kinds != {int, float}:
            values = [None if value is None else str(value) for value in values]
        columns[name] = pa.array(values)
    return columns
