"""Writing a pack: one Parquet file with all faces of a data set, cut out and checked, that training reads.

Everything that can be wrong with a data set is found here, once, and the file can be carried to another machine.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engines import Engine
from training.data.cut import SMALL_PX, cut, encode, tidy
from training.data.faceset import decode_picture
from training.data.marks import find_landmarks
from training.data.records import NAMED_MAX, TRAIN, Reading, Record, check_people
from training.errors import TrainingError

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("split", pa.string()),
        ("person", pa.string()),
        ("image", pa.binary()),
        ("side_px", pa.int32()),
        ("landmarks", pa.list_(pa.float32(), 136)),
        ("box", pa.list_(pa.float32(), 4)),
        ("expression", pa.list_(pa.float32(), 8)),
        ("votes", pa.list_(pa.int32(), 10)),
        ("valence", pa.float32()),
        ("arousal", pa.float32()),
        ("cleaned", pa.bool_()),
    ]
)
"""One row a face; null where something is unknown. `landmarks` and `box`: x, y, px of the packed picture."""
METADATA_KEY, VERSION = "affectstream_pack", 1

_BATCH, _ROW_GROUP = 16, 512

Shown = Callable[[int, int], None]
"""Called with how many of how many are done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PackOptions:
    """How a pack is made."""

    size_px: int = 320
    """Largest side of a packed picture; smaller ones are never enlarged."""
    grey: bool = False
    """Keep luma only."""
    unreadable_max: float = 0.01
    """Share of pictures that may be missing or broken; they are left out."""

    def __post_init__(self) -> None:
        if not 32 <= self.size_px <= 4096:
            raise TrainingError(f"size_px is {self.size_px}; expected 32 to 4096")
        if not 0 <= self.unreadable_max <= 1:
            raise TrainingError(f"unreadable_max is {self.unreadable_max}; expected a share in 0..1")


@dataclass(slots=True)
class _Face:
    """A record on its way into the pack."""

    record: Record
    image: np.ndarray
    digest: bytes
    """Of the picture as it came."""


def pack(
    reading: Reading,
    out: Path,
    options: PackOptions,
    *,
    engine: Engine | None = None,
    shown: Shown = lambda done, total: None,
) -> dict[str, int]:
    """Write `out`, and return how many rows each split has. `engine`: finds all landmarks anew.

    The file appears when it is whole. Raises TrainingError, and then leaves nothing behind.
    """
    check_out(out)
    check_people(reading.records)
    packer = _Packer(reading, options, engine)
    half = out.with_name(f"_{out.name}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write(half, packer, shown)
            half.replace(out)
        finally:
            half.unlink(missing_ok=True)
    except OSError as exc:
        raise TrainingError(f"{out}: cannot be written: {exc.strerror or exc}") from exc
    return dict(packer.kept)


def check_out(out: Path) -> None:
    """Whether a pack may be written there: over another pack, but over nothing else. Raises TrainingError."""
    if out.is_dir():
        raise TrainingError(f"{out}: is a folder; give --out a file in it, such as {out / 'faces.parquet'}")
    if out.suffix != ".parquet":
        raise TrainingError(f"{out}: packs end in .parquet; give --out {out.with_suffix('.parquet')}")
    if not out.exists():
        return
    try:
        about = pq.read_metadata(out).metadata or {}
    except (OSError, pa.ArrowException):
        about = {}
    if METADATA_KEY.encode() not in about:
        raise TrainingError(f"{out}: is there already and is no pack; give --out another name, or move it away")


def _write(path: Path, packer: "_Packer", shown: Shown) -> None:
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", use_dictionary=["split", "person"]) as writer:
        waiting: list[dict[str, Any]] = []
        for rows in packer.rows(shown):
            waiting += rows
            if len(waiting) >= _ROW_GROUP:
                writer.write_table(pa.Table.from_pylist(waiting, SCHEMA))
                waiting.clear()
        packer.check_splits()
        writer.write_table(pa.Table.from_pylist(waiting, SCHEMA))
        writer.add_key_value_metadata({METADATA_KEY: json.dumps(packer.metadata())})


class _Packer:
    """Turns records into rows, and remembers what it met."""

    def __init__(self, reading: Reading, options: PackOptions, engine: Engine | None):
        self._reading, self._options, self._engine = reading, options, engine
        self.kept: Counter[str] = Counter()
        self._left_out = Counter(reading.left_out)
        self._unreadable: list[str] = []
        self._num_unseen = 0
        self._measured_on: set[bytes] = set()

    def rows(self, shown: Shown) -> Iterator[list[dict[str, Any]]]:
        """The rows of the pack, a few at a time; train comes last, so that what is measured on is known by then."""
        records = sorted(self._reading.records, key=lambda record: record.split == TRAIN)
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(records), _BATCH):
                batch = records[start : start + _BATCH]
                faces = self._usable(batch, list(pool.map(self._load, batch)))
                if self._engine is not None and faces:
                    faces = self._marked(faces, self._engine)
                yield list(pool.map(self._row, faces))
                shown(start + len(batch), len(records))

    def check_splits(self) -> None:
        """Every split that should be there has rows. Raises TrainingError."""
        for split in self._reading.splits:
            if not self.kept[split]:
                reasons = ", ".join(f"{count} {reason}" for reason, count in self._left_out.items() if count)
                raise TrainingError(
                    f"{self._reading.data_set}: no faces {f'in split {split!r}' if split else 'to pack'}; "
                    f"left out: {reasons or 'none'}"
                )

    def metadata(self) -> dict[str, Any]:
        """What stands in the file beside its rows."""
        return {
            "version": VERSION,
            "data_set": self._reading.data_set,
            "left_out": {reason: count for reason, count in sorted(self._left_out.items()) if count},
            "size_px": self._options.size_px,
            "grey": self._options.grey,
            "landmarks": "as in the data set" if self._engine is None else self._engine.spec.name,
            "landmarks_not_found": self._num_unseen,
            "cleaned": self._reading.cleaned,
        }

    def _load(self, record: Record) -> _Face | str:
        """The decoded picture, or what is wrong with it."""
        record, picture = tidy(record), record.picture
        if isinstance(picture, np.ndarray):
            return _Face(record, picture, _digest(picture.tobytes()))
        try:
            content = picture.read_bytes()
            image = decode_picture(content, str(picture), colour=not self._options.grey)
        except OSError as exc:
            return f"{picture}: {exc.strerror}"
        except (TrainingError, cv2.error) as exc:
            return f"{picture}: {'not a readable picture' if isinstance(exc, TrainingError) else exc}"
        return _Face(record, image, _digest(content))

    def _usable(self, records: Sequence[Record], loaded: Sequence[_Face | str]) -> list[_Face]:
        """The faces that go into the pack. Raises TrainingError where too many pictures cannot be read."""
        faces = []
        for record, face in zip(records, loaded, strict=True):
            if isinstance(face, str):
                self._unreadable.append(face)
                self._left_out["picture missing or unreadable"] += 1
            elif record.split == TRAIN and face.digest in self._measured_on:
                self._left_out["picture of train that is in another split too"] += 1
            else:
                if record.split not in ("", TRAIN):
                    self._measured_on.add(face.digest)
                self.kept[record.split] += 1
                faces.append(face)
        total = len(self._reading.records)
        if len(self._unreadable) > self._options.unreadable_max * total:
            named = "\n  ".join(self._unreadable[:NAMED_MAX])
            raise TrainingError(
                f"{self._reading.data_set}: of {total} pictures at least {len(self._unreadable)} are missing or cannot "
                f"be read, more than the share of {self._options.unreadable_max:g} that may be (--unreadable-max); the "
                f"first:\n  {named}"
            )
        return faces

    def _marked(self, faces: list[_Face], engine: Engine) -> list[_Face]:
        """The faces with landmarks found anew; where the network sees no face, what the data set says is kept."""
        found, seen = find_landmarks(engine, [face.image for face in faces], [face.record for face in faces])
        self._num_unseen += int((~seen).sum())
        return [
            replace(face, record=replace(face.record, landmarks=points)) if visible else face
            for face, points, visible in zip(faces, found, seen, strict=True)
        ]

    def _row(self, face: _Face) -> dict[str, Any]:
        record = face.record
        image, matrix = cut(face.image, record, self._options.size_px)

        def packed(points: np.ndarray | tuple[float, ...] | None) -> np.ndarray | None:
            return None if points is None else (np.reshape(points, (-1, 2)) @ matrix[:, :2].T + matrix[:, 2]).ravel()

        return {
            "name": record.name,
            "split": record.split,
            "person": record.person,
            "image": encode(image, small=max(face.image.shape[:2]) <= SMALL_PX),
            "side_px": len(image),
            "landmarks": packed(record.landmarks),
            "box": packed(record.box),
            "expression": record.expression,
            "votes": record.votes,
            "valence": record.valence,
            "arousal": record.arousal,
            "cleaned": record.cleaned,
        }


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
