"""Rows of a CSV file, each with where it stands, so that whatever is wrong with one can be found."""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from training.errors import TrainingError

Row = dict[str, str]
"""Column name -> cell, without blanks around either; a cell that is not there is ""."""


def read_csv(path: Path, needed: Sequence[str], *, headless: Sequence[str] = ()) -> Iterator[tuple[str, Row]]:
    """("FILE, line N", row) of each row. `headless`: columns of a file that begins without their names.

    Raises TrainingError: not readable, no rows, a needed column missing.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            first = next(reader, None)
            if first is None:
                raise TrainingError(f"{path}: is empty; expected a line with the names {', '.join(needed)}")
            header = [name.strip() for name in first]
            if headless and len(header) == len(headless) and not set(header) & set(headless):
                header = list(headless)
                yield f"{path}, line 1", _row(header, first)
            if missing := [name for name in needed if name not in header]:
                raise TrainingError(f"{path}: has no column {', '.join(missing)}; it has {', '.join(header)}")
            for cells in reader:
                if cells:
                    yield f"{path}, line {reader.line_num}", _row(header, cells)
    except OSError as exc:
        raise TrainingError(f"{path}: cannot be read: {exc.strerror}") from exc
    except (UnicodeDecodeError, csv.Error) as exc:
        raise TrainingError(f"{path}: is no CSV file in UTF-8: {exc}") from exc


def _row(header: list[str], cells: list[str]) -> Row:
    filled = [cell.strip() for cell in cells] + [""] * (len(header) - len(cells))
    return dict(zip(header, filled, strict=False))


def number(value: str | float, low: float, high: float, where: str) -> float:
    """A finite number in low..high. Raises TrainingError."""
    try:
        got = float(value)
    except (TypeError, ValueError):
        got = math.nan
    if not (math.isfinite(got) and low <= got <= high):
        raise TrainingError(f"{where} is {value!r}; expected a number in {low:g}..{high:g}")
    return got


def points(text: str, separator: str | None, where: str) -> np.ndarray | None:
    """(68, 2) float32 of a cell with x y x y ...; None where it is empty. Raises TrainingError."""
    if not text:
        return None
    return points_of(text.split(separator), where)


def points_of(values: object, where: str) -> np.ndarray:
    """(68, 2) float32 of 136 numbers in any nesting. Raises TrainingError."""
    try:
        array = np.array(values, np.float64).ravel()
    except (TypeError, ValueError) as exc:
        raise TrainingError(f"{where}: landmarks must be numbers: {exc}") from exc
    if array.size != 136 or not np.isfinite(array).all():
        raise TrainingError(f"{where}: landmarks are {array.size} numbers; expected 136 finite ones: x, y of 68 points")
    return array.reshape(68, 2).astype(np.float32)
