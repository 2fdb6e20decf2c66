"""Drawn scenes as real video files, with their ground truth beside them."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.video.encode import VideoWriter
from training.drawn.expression import EXPRESSIONS
from training.drawn.scene import Scene
from training.drawn.truth import FaceTruth

NS = 1_000_000_000


def write_footage(
    scene: Scene, path: Path, *, crf: int = 23, gop: int = 60, shown: Callable[[int], None] = lambda frame: None
) -> Path:
    """Write `scene` as H.264 video to `path` and its truth to `path` with the suffix .truth.parquet; return that.

    `shown` is called with the number of each frame that is done. One row per face and frame: frame_index, pts_ns, shot,
    person_id, the box x1 y1 x2 y2 (px), visible (0..1), valence, arousal, p_<expression>, yaw, pitch, roll (degrees),
    landmarks (136 floats, px).
    """
    rows: list[dict[str, object]] = []
    with VideoWriter(path, scene.size_px, fps=Fraction(scene.fps).limit_denominator(1001), crf=crf, gop=gop) as video:
        for index, (image, truths) in enumerate(scene.frames()):
            pts_ns = round(index * NS / Fraction(scene.fps).limit_denominator(1001))
            video.write(image, pts_ns)
            rows += [_row(index, pts_ns, truth) for truth in truths]
            shown(index + 1)
    truth_path = path.with_suffix(".truth.parquet")
    pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), truth_path, compression="zstd")
    return truth_path


_SCHEMA = pa.schema(
    [
        ("frame_index", pa.int64()),
        ("pts_ns", pa.int64()),
        ("shot", pa.int32()),
        ("person_id", pa.int32()),
        *((name, pa.float32()) for name in ("x1", "y1", "x2", "y2", "visible", "valence", "arousal")),
        *((f"p_{name}", pa.float32()) for name in EXPRESSIONS),
        *((name, pa.float32()) for name in ("yaw", "pitch", "roll")),
        ("landmarks", pa.list_(pa.float32(), 136)),
    ]
)


def _row(index: int, pts_ns: int, truth: FaceTruth) -> dict[str, object]:
    plain = {name: getattr(truth, name) for name in _SCHEMA.names if hasattr(truth, name) and name != "landmarks"}
    weights = {f"p_{name}": float(weight) for name, weight in zip(EXPRESSIONS, truth.expression, strict=True)}
    landmarks = np.asarray(truth.landmarks, np.float32).ravel().tolist()
    return {"frame_index": index, "pts_ns": pts_ns, **plain, **weights, "landmarks": landmarks}
