"""Reading a pack (`training.data.pack`): its faces as training takes them, and what is in it.

Shapes: F faces.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from engines import EXPRESSIONS
from training.data.faceset import EncodedPictures, FaceSet
from training.data.folds import Fold, fold_of_rows
from training.data.pack import METADATA_KEY, SCHEMA, VERSION
from training.data.records import SPLITS, TRAIN, VAL
from training.errors import TrainingError


def read_pack(
    path: Path, split: str, *, colour: bool, fold: Fold | str | None = None, cleaned: bool = False
) -> FaceSet:
    """The faces of one split; pictures stay compressed in memory and are decoded, RGB or luma, when asked for.

    `fold`, or its text "2/5", for a pack without splits: `val` is that fold, `train` all others. `cleaned`: of val only
    the faces of the cleaned set; `pack_metadata` says which one that is. Raises TrainingError.
    """
    about = pack_metadata(path)
    if cleaned and not about["cleaned"]:
        raise TrainingError(f"{path}: no cleaned set is known in it; only packs of AffectNet have one")
    rows = _rows(path, split, Fold.parse(fold) if isinstance(fold, str) else fold)
    if cleaned:
        rows &= pq.read_table(path, columns=["cleaned"])["cleaned"].fill_null(False).to_numpy()
    if not rows.any():
        raise TrainingError(f"{path}: no faces of split {split!r} are in its cleaned set")
    table = _read(path, rows)
    names = table["name"].to_pylist()
    return FaceSet.of(
        EncodedPictures(
            table["image"], [f"{path}: {name}" for name in names], table["side_px"].to_numpy(), colour=colour
        ),
        landmarks=_lists(table["landmarks"], 136, np.nan).reshape(-1, 68, 2),
        boxes=_lists(table["box"], 4, np.nan),
        expression=_lists(table["expression"], 8, np.nan),
        votes=_lists(table["votes"], 10, -1).astype(np.int64),
        affect=np.column_stack([_floats(table[name]) for name in ("valence", "arousal")]),
        persons=table["person"].to_pylist(),
        names=names,
    )


def pack_metadata(path: Path) -> dict[str, Any]:
    """What `affectstream data pack` noted when it made the file. Raises TrainingError."""
    if not path.is_file():
        raise TrainingError(f"{path}: no such file; make it with `affectstream data pack` (docs/datasets.md)")
    try:
        about = json.loads((pq.read_metadata(path).metadata or {})[METADATA_KEY.encode()])
    except (OSError, pa.ArrowException, KeyError, ValueError) as exc:
        raise TrainingError(f"{path}: is no pack; make one with `affectstream data pack` (docs/datasets.md)") from exc
    if about["version"] != VERSION:
        raise TrainingError(f"{path}: is a pack of version {about['version']}, expected {VERSION}; pack the data anew")
    return dict(about)


def _read(path: Path, rows: np.ndarray) -> pa.Table:
    """The rows (F,) bool of a pack; the others' pictures are in memory for no more than a moment."""
    parts, start = [], 0
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            stop = start + file.metadata.row_group(group).num_rows
            if rows[start:stop].any():
                parts.append(file.read_row_group(group).filter(pa.array(rows[start:stop])))
            start = stop
    return pa.concat_tables(parts)


def _rows(path: Path, split: str, fold: Fold | None) -> np.ndarray:
    """(F,) bool: the rows of the split."""
    table = pq.read_table(path, columns=["split", "person"])
    splits = np.array(table["split"].to_pylist(), str)
    there = [name for name in SPLITS if (splits == name).any()]
    if fold is None:
        if not (splits == split).any():
            hint = f"it has {', '.join(there)}" if there else "it has none: choose a fold, such as 1/5"
            raise TrainingError(f"{path}: no rows with split {split!r}; {hint}")
        return np.asarray(splits == split)
    if there:
        raise TrainingError(f"{path}: has splits of its own ({', '.join(there)}); leave the fold out")
    if split not in (TRAIN, VAL):
        raise TrainingError(f"{path}: folds give 'train' and 'val', not {split!r}")
    measured_on = fold_of_rows(np.array(table["person"].to_pylist(), str), fold.of) == fold.index
    return measured_on if split == VAL else ~measured_on


def _lists(column: pa.ChunkedArray, width: int, unknown: float) -> np.ndarray:
    """(F, width) float32, `unknown` where the row is null."""
    array = column.combine_chunks()
    known = array.is_valid().to_numpy(zero_copy_only=False)
    out = np.full((len(column), width), unknown, np.float32)
    out[known] = array.flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return out


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    """(F,) float32, NaN where null."""
    return np.asarray(column.to_numpy(), np.float32)


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in one split of a pack."""

    num_faces: int
    num_persons: int
    """0 where nobody is named."""
    num_landmarks: int
    """Faces with landmarks."""
    num_cleaned: int | None
    """Faces of the cleaned set; None where none is known."""
    expressions: dict[str, int]
    """Faces by their most probable expression."""
    valence: tuple[float, float] | None
    arousal: tuple[float, float] | None
    """Smallest and largest; None where there are none."""


def pack_contents(path: Path) -> dict[str, Contents]:
    """Each split of a pack, "" where there are none. Pictures are not read. Raises TrainingError."""
    pack_metadata(path)
    table = pq.read_table(path, columns=[name for name in SCHEMA.names if name not in ("image", "name")])
    splits = np.array(table["split"].to_pylist(), str)
    return {
        split: _contents(table.filter(pa.array(splits == split))) for split in ("", *SPLITS) if (splits == split).any()
    }


def _contents(table: pa.Table) -> Contents:
    shares = _lists(table["expression"], len(EXPRESSIONS), np.nan)
    best = shares[np.isfinite(shares).all(1)].argmax(1)
    counts = np.bincount(best, minlength=len(EXPRESSIONS))
    ranges = []
    for name in ("valence", "arousal"):
        values = _floats(table[name])
        rated = values[np.isfinite(values)]
        ranges.append((float(rated.min()), float(rated.max())) if len(rated) else None)
    cleaned = table["cleaned"]
    return Contents(
        num_faces=table.num_rows,
        num_persons=len(set(table["person"].to_pylist()) - {""}),
        num_landmarks=table.num_rows - table["landmarks"].null_count,
        num_cleaned=None if cleaned.null_count == len(cleaned) else int(cleaned.fill_null(False).to_numpy().sum()),
        expressions=dict(zip(EXPRESSIONS, counts.tolist(), strict=True)),
        valence=ranges[0],
        arousal=ranges[1],
    )
