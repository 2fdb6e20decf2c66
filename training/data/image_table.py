"""Any folder of pictures with one CSV file that says what is known of each."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engines import EXPRESSIONS
from training.data.csv_rows import Row, number, points, read_csv
from training.data.records import SPLITS, Reading, Record, need
from training.errors import TrainingError

OWNER = "give the CSV file; its column 'image' names pictures relative to it"
BOX = ("x1", "y1", "x2", "y2")
SUM_TOLERANCE = 0.01
_CLASSES = np.eye(len(EXPRESSIONS), dtype=np.float32)


def read_image_table(path: Path) -> Reading:
    """All rows with a picture; every column but `image` may be missing. Raises TrainingError."""
    left_out: Counter[str] = Counter()
    rows = list(_records(need(path, OWNER), left_out))
    records = [record for _, record in rows]
    used = tuple(split for split in SPLITS if any(record.split == split for record in records))
    if used and (bare := [where for where, record in rows if not record.split]):
        raise TrainingError(
            f"{bare[0]}: split is empty, as in {len(bare)} of {len(rows)} rows, and the others have one; give all rows "
            f"a split ({', '.join(SPLITS)}), or none of them"
        )
    return Reading(data_set=path.stem, records=records, splits=used or ("",), left_out=left_out)


def _records(path: Path, left_out: Counter[str]) -> Iterator[tuple[str, Record]]:
    """Each with where it stands."""
    for where, row in read_csv(path, ("image",)):
        if not row["image"]:
            left_out["without a picture"] += 1
            continue
        if (split := row.get("split", "")) not in ("", *SPLITS):
            raise TrainingError(f"{where}: split is {split!r}; expected {', '.join(SPLITS)}, or nothing")
        expression, votes = _expression(row, where)
        record = Record(
            name=row["image"],
            picture=path.parent / row["image"],
            split=split,
            person=row.get("person", ""),
            box=_box(row, where),
            landmarks=points(row.get("landmarks", ""), None, where),
            expression=expression,
            votes=votes,
            valence=_rating(row, "valence", where),
            arousal=_rating(row, "arousal", where),
        )
        yield where, record


def _expression(row: Row, where: str) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Probabilities (8,), and votes (10,) where the eight columns hold counts."""
    single, several = row.get("expression", ""), [row.get(name, "") for name in EXPRESSIONS]
    if single and any(several):
        raise TrainingError(f"{where}: has both an expression and columns named after expressions; leave one empty")
    if single:
        return _CLASSES[_class(single, where)], None
    if not any(several):
        return None, None
    values = np.array([number(v or "0", 0, 1e6, f"{where}: {n}") for n, v in zip(EXPRESSIONS, several, strict=True)])
    total = values.sum()
    if (values == values.round()).all() and total > 1:
        return (values / total).astype(np.float32), np.array([*values, 0, 0], np.int64)
    if abs(total - 1) > SUM_TOLERANCE:
        raise TrainingError(
            f"{where}: {EXPRESSIONS[0]} to {EXPRESSIONS[-1]} add up to {total:g}; expected probabilities that add up "
            "to 1, or votes: whole numbers"
        )
    return (values / total).astype(np.float32), None


def _class(text: str, where: str) -> int:
    if text in EXPRESSIONS:
        return EXPRESSIONS.index(text)
    if text.isdecimal() and int(text) < len(EXPRESSIONS):
        return int(text)
    known = ", ".join(f"{i} {name}" for i, name in enumerate(EXPRESSIONS))
    raise TrainingError(f"{where}: expression is {text!r}; expected a name or number of {known}")


def _rating(row: Row, name: str, where: str) -> float | None:
    return number(row[name], -1, 1, f"{where}: {name}") if row.get(name) else None


def _box(row: Row, where: str) -> tuple[float, float, float, float] | None:
    if not any(row.get(name) for name in BOX):
        return None
    x1, y1, x2, y2 = (number(row.get(name, ""), -1e5, 1e5, f"{where}: {name}") for name in BOX)
    if x2 <= x1 or y2 <= y1:
        raise TrainingError(f"{where}: the box {x1:g} {y1:g} {x2:g} {y2:g} is empty; expected x1 < x2 and y1 < y2")
    return x1, y1, x2, y2
