"""A stretch's analysis as a file: its `AffectBatch` values, one after the other, and what is known at its end.

A ZIP archive: one .npz per batch (no pickles), and ``end.json``. Landmarks and looks are most of it: 1.5 kB a face
and frame. It is removed once the stretches are joined.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import ResultsError
from pipeline.storage.store import Store
from pipeline.types import AffectBatch, Frame, Strands

_END = "end.json"
_UNKNOWN = -1
_FRAME = ("pts_ns", "frame_index", "width", "height", "missing", "corrupt", "is_key", "scene_cut")
_STRANDS = tuple(field.name for field in fields(Strands))
_ROWS = tuple(f.name for f in fields(AffectBatch) if f.name not in ("frames", "next_ns", "strands"))


def write_spool(path: Path, batches: Iterable[AffectBatch], end: Callable[[], dict[str, Any]]) -> None:
    """Write `batches` as they come, then what `end` says."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, batch in enumerate(batches):
            packed = io.BytesIO()
            np.savez(packed, allow_pickle=False, **_pack(batch))
            archive.writestr(f"{number:06d}.npz", packed.getbuffer())
        archive.writestr(_END, json.dumps(end()))


def read_end(store: Store, path: str) -> dict[str, Any]:
    """What was known at the end. Raises ResultsError if the file cannot be read."""
    with _open(store, path) as archive:
        return dict(json.loads(archive.read(_END)))


def read_spool(store: Store, path: str, first_index: int | None) -> Iterator[AffectBatch]:
    """The batches in order; `first_index` is added to the ordinals of their frames, None makes them unknown.

    Raises ResultsError if the file cannot be read.
    """
    with _open(store, path) as archive:
        for name in sorted(name for name in archive.namelist() if name != _END):
            with np.load(io.BytesIO(archive.read(name)), allow_pickle=False) as arrays:
                yield _unpack(arrays, first_index)


@contextmanager
def _open(store: Store, path: str) -> Iterator[zipfile.ZipFile]:
    try:
        with store.open(path) as file, zipfile.ZipFile(file) as archive:
            yield archive
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as exc:
        raise ResultsError(f"{store}/{path}: the analysis of a stretch cannot be read ({exc}); run again") from exc


def _pack(batch: AffectBatch) -> dict[str, np.ndarray]:
    columns = {f"frame_{n}": np.array([getattr(f, n) for f in batch.frames]) for n in _FRAME if n != "frame_index"}
    index = [_UNKNOWN if frame.frame_index is None else frame.frame_index for frame in batch.frames]
    return {
        **columns,
        "frame_frame_index": np.array(index, np.int64),
        "next_ns": np.int64(batch.next_ns),
        **{f"strands_{name}": getattr(batch.strands, name) for name in _STRANDS},
        **{name: getattr(batch, name) for name in _ROWS},
    }


def _unpack(arrays: Any, first_index: int | None) -> AffectBatch:
    columns = [arrays[f"frame_{name}"].tolist() for name in _FRAME]
    frames = []
    for pts_ns, index, width, height, missing, corrupt, is_key, scene_cut in zip(*columns, strict=True):
        known = index != _UNKNOWN and first_index is not None
        ordinal = first_index + index if known else None
        frames.append(Frame(pts_ns, ordinal, None, width, height, missing, corrupt, is_key, scene_cut))
    return AffectBatch(
        frames=frames,
        next_ns=int(arrays["next_ns"]),
        strands=Strands(**{name: arrays[f"strands_{name}"] for name in _STRANDS}),
        **{name: arrays[name] for name in _ROWS},
    )
