"""Segment checkpoints: the `AffectBatch` values of an analysed segment on disk, and what is known at its end.

``<segment>-000.npz`` and so on hold some batches each (no pickles): a face and frame takes 2.3 kB, nearly all of it
landmarks and appearance, so ten minutes of 100 faces are 900 MB, of which a join holds one file at a time.
``<segment>.json``, put last, says what was known at the end, and the SHA-256 of the others. All are removed once the
segments are joined. A damaged checkpoint no longer counts, so that the next run analyses its segment again.
"""

import io
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from pipeline.errors import ResultsError, SinkError
from pipeline.logs import passing_over
from pipeline.results.commits import parsed
from pipeline.storage.store import Store, write_json
from pipeline.types import AffectBatch, Frame, Tracklets
from pipeline.video.decoded import VideoInfo
from pipeline.video.irregular import Irregular

logger = logging.getLogger(__name__)

FORMAT = 5
"""Changes with what is written here; part of every checkpoint's name, so that another format is never read."""
FILE_BYTES = 4 * 2**20
"""A file ends with the batch that makes it so long. An hour of one face is 14 files, each a request to a bucket."""

_UNKNOWN = -1
_FLAGS = ("missing", "corrupt", "is_key", "scene_cut")
_FRAME = ("pts_ns", "frame_index", "width", "height", *_FLAGS, "motion", "shown_ns")
_TRACKLETS = tuple(field.name for field in fields(Tracklets))
_ROWS = tuple(f.name for f in fields(AffectBatch) if f.name not in ("frames", "next_ns", "tracklets"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where analysed batches come from: what every file and the commit say of it."""

    info: VideoInfo
    engines: dict[str, str]
    """Ids and precision."""
    score_start: float
    """The detector's: candidates below it are flagged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What is known of a segment once it is analysed."""

    origin: Origin
    num_frames: int | None
    """Frames of the video in the segment; None where it is not known."""
    wall_s: float
    """How long it took."""
    irregular: Irregular
    """What was found about the time stamps."""
    sha256: tuple[str, ...] = ()
    """Of each file with batches, in order."""


_ENDING = TypeAdapter(Ending)


def write_batches(store: Store, path: str, batches: Iterable[AffectBatch], end: Callable[[], Ending]) -> None:
    """Write `batches` as they come, then what `end` says. `path` is without suffix. Raises SinkError."""
    digests: list[str] = []
    held: list[dict[str, np.ndarray]] = []

    def fill(half: Path) -> None:
        arrays = {f"{number}/{name}": values for number, batch in enumerate(held) for name, values in batch.items()}
        np.savez(half, allow_pickle=False, count=np.int64(len(held)), **arrays)

    def put() -> None:
        digests.append(store.write(_file(path, len(digests)), fill).sha256)
        held.clear()

    for batch in batches:
        held.append(_pack(batch))
        if sum(values.nbytes for packed in held for values in packed.values()) >= FILE_BYTES:
            put()
    if held:
        put()
    write_json(store, _end(path), asdict(replace(end(), sha256=tuple(digests))))


def has_checkpoint(store: Store, path: str) -> bool:
    """Whether a segment is analysed. Raises SinkError."""
    with retried():
        return store.exists(_end(path))


def read_end(store: Store, path: str) -> Ending:
    """What was known at the end.

    Raises ResultsError if it is missing or damaged, SinkError if it cannot be read now: the disk or the network fails.
    """
    try:
        return parsed(_ENDING, _read(store, path, _end(path)))
    except ValueError as exc:
        raise _damaged(store, path, _end(path), str(exc)) from exc


def read_batches(store: Store, path: str, end: Ending, first_index: int | None) -> Iterator[AffectBatch]:
    """The batches in order; `first_index` is added to the ordinals of their frames, None makes them unknown.

    A file is read at one go, so that a bucket is asked once, and let go before the next. Raises as `read_end`.
    """
    for number, digest in enumerate(end.sha256):
        yield from _read_file(store, path, number, digest, first_index)


def _read_file(store: Store, path: str, number: int, digest: str, first_index: int | None) -> Iterator[AffectBatch]:
    content = _read(store, path, _file(path, number))
    if sha256(content).hexdigest() != digest:
        raise _damaged(store, path, _file(path, number), "another SHA-256 than when it was written")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        names = {name.partition("/")[2] for name in arrays.files}
        for batch in range(int(arrays["count"])):
            yield _unpack({name: arrays[f"{batch}/{name}"] for name in names if name}, first_index)


@contextmanager
def retried() -> Iterator[None]:
    """A disk or network that fails is tried again, which a job that ends in a ResultsError is not."""
    try:
        yield
    except ResultsError as exc:
        raise SinkError(str(exc)) from exc


def _file(path: str, number: int) -> str:
    return f"{path}-{number:03d}.npz"


def _end(path: str) -> str:
    return f"{path}.json"


def _read(store: Store, path: str, file: str) -> bytes:
    with retried():
        content = store.read(file)
    if content is None:
        raise _damaged(store, path, file, "it is missing")
    return content


def _damaged(store: Store, path: str, file: str, why: str) -> ResultsError:
    """What to raise; the segment no longer counts as analysed."""
    with passing_over(logger, f"removing {store}/{_end(path)}", SinkError):
        store.delete(_end(path))
    return ResultsError(f"{store}/{file}: the checkpoint of a segment cannot be read ({why}); run again")


def _pack(batch: AffectBatch) -> dict[str, np.ndarray]:
    columns = {f"frame_{n}": np.array([getattr(f, n) for f in batch.frames]) for n in _FRAME if n != "frame_index"}
    index = [_UNKNOWN if frame.frame_index is None else frame.frame_index for frame in batch.frames]
    return {
        **columns,
        "frame_frame_index": np.array(index, np.int64),
        "next_ns": np.array(batch.next_ns),
        **{f"tracklets_{name}": getattr(batch.tracklets, name) for name in _TRACKLETS},
        **{name: getattr(batch, name) for name in _ROWS},
    }


def _unpack(arrays: Mapping[str, Any], first_index: int | None) -> AffectBatch:
    columns = [arrays[f"frame_{name}"].tolist() for name in _FRAME]
    frames = []
    for values in zip(*columns, strict=True):
        frame = dict(zip(_FRAME, values, strict=True))
        known = frame["frame_index"] != _UNKNOWN and first_index is not None
        frame["frame_index"] = first_index + frame["frame_index"] if known else None
        frame["motion"] = tuple(frame["motion"])
        frames.append(Frame(picture=None, **frame))
    return AffectBatch(
        frames=frames,
        next_ns=int(arrays["next_ns"]),
        tracklets=Tracklets(**{name: arrays[f"tracklets_{name}"] for name in _TRACKLETS}),
        **{name: arrays[name] for name in _ROWS},
    )
