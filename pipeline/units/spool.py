"""A stretch's analysis as two files: its `AffectBatch` values, one after the other, and what is known at its end.

``<stretch>.zip`` holds one .npz per batch (no pickles). Landmarks and looks are most of it: 1.5 kB a face and frame.
``<stretch>.json``, put last, says what was known at the end, and the SHA-256 of the other. Both are removed once the
stretches are joined; what turns out to be damaged is removed at once, so that the next run does the stretch again.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import ResultsError, SinkError
from pipeline.storage.store import Store, write_json
from pipeline.types import AffectBatch, Frame, Strands

_UNKNOWN = -1
_FRAME = ("pts_ns", "frame_index", "width", "height", "missing", "corrupt", "is_key", "scene_cut", "motion")
_STRANDS = tuple(field.name for field in fields(Strands))
_ROWS = tuple(f.name for f in fields(AffectBatch) if f.name not in ("frames", "next_ns", "strands"))


def write_spool(store: Store, path: str, batches: Iterable[AffectBatch], end: Callable[[], dict[str, Any]]) -> None:
    """Write `batches` as they come, then what `end` says. `path` is without suffix. Raises SinkError."""

    def fill(half: Path) -> None:
        with zipfile.ZipFile(half, "w") as archive:
            for number, batch in enumerate(batches):
                packed = io.BytesIO()
                np.savez(packed, allow_pickle=False, **_pack(batch))
                archive.writestr(f"{number:06d}.npz", packed.getbuffer())

    digest = store.write(_batches(path), fill)
    write_json(store, _end(path), {**end(), "sha256": digest})


def has_spool(store: Store, path: str) -> bool:
    """Whether a stretch is analysed. Raises SinkError."""
    with retried():
        return store.exists(_end(path))


def read_end(store: Store, path: str) -> dict[str, Any]:
    """What was known at the end.

    Raises ResultsError if it is missing or damaged, SinkError if it cannot be read now: the disk or the network fails.
    """
    try:
        return dict(json.loads(_read(store, path, _end(path))))
    except ValueError as exc:
        raise _damaged(store, path, _end(path), str(exc)) from exc


def read_spool(store: Store, path: str, end: dict[str, Any], first_index: int | None) -> Iterator[AffectBatch]:
    """The batches in order; `first_index` is added to the ordinals of their frames, None makes them unknown.

    They are read at one go, 9 MB for ten minutes of a face: a bucket is asked once. Raises as `read_end`.
    """
    content = _read(store, path, _batches(path))
    if sha256(content).hexdigest() != end["sha256"]:
        raise _damaged(store, path, _batches(path), "another SHA-256 than when it was written")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            with np.load(io.BytesIO(archive.read(name)), allow_pickle=False) as arrays:
                yield _unpack(arrays, first_index)


@contextmanager
def retried() -> Iterator[None]:
    """A disk or network that fails is tried again, which a job that ends in a ResultsError is not."""
    try:
        yield
    except ResultsError as exc:
        raise SinkError(str(exc)) from exc


def _batches(path: str) -> str:
    return f"{path}.zip"


def _end(path: str) -> str:
    return f"{path}.json"


def _read(store: Store, path: str, file: str) -> bytes:
    with retried():
        content = store.read(file)
    if content is None:
        raise _damaged(store, path, file, "it is missing")
    return content


def _damaged(store: Store, path: str, file: str, why: str) -> ResultsError:
    """What to raise; the stretch is no longer taken for analysed."""
    with suppress(SinkError):
        store.delete(_end(path))
        store.delete(_batches(path))
    return ResultsError(f"{store}/{file}: the analysis of a stretch cannot be read ({why}); run again")


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
    for pts_ns, index, width, height, missing, corrupt, is_key, cut, motion in zip(*columns, strict=True):
        known = index != _UNKNOWN and first_index is not None
        ordinal = first_index + index if known else None
        frames.append(Frame(pts_ns, ordinal, None, width, height, missing, corrupt, is_key, cut, tuple(motion)))
    return AffectBatch(
        frames=frames,
        next_ns=int(arrays["next_ns"]),
        strands=Strands(**{name: arrays[f"strands_{name}"] for name in _STRANDS}),
        **{name: arrays[name] for name in _ROWS},
    )
