"""A list of sources: a CSV or Parquet file, one source a row, with what is known of each in columns of its own."""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import ConfigError
from pipeline.remote.addresses import is_address, on_disk
from pipeline.sources.find import Label, Wanted
from pipeline.tables import TABLES

SOURCE_COLUMNS = ("source", "path", "uri")
"""The first of them that there is names the sources."""
_TRUTH = {"true": True, "false": False}


def read_list(path: str | Path) -> list[Wanted]:
    """The rows of a list: what the column `source` (or `path`, or `uri`) names, and the other columns as its labels.

    Relative paths begin at the list's folder; spaces around a source are no part of it. In CSV a column is whole
    numbers, numbers, or true and false if all its cells are written so, else text: `007` stays as it is; an empty cell
    is None. Raises ConfigError.
    """
    path = on_disk(path)
    match path.suffix.lower():
        case ".csv":
            columns = _read_csv(path)
        case ".parquet":
            columns = _read_parquet(path)
        case other:
            raise ConfigError(f"{path}: a list is .csv or .parquet, not {other or 'without an ending'}")
    column = next((name for name in SOURCE_COLUMNS if name in columns), None)
    if column is None:
        raise ConfigError(
            f"{path}: has no column {' or '.join(SOURCE_COLUMNS)}; it has {', '.join(columns) or 'nothing'}"
        )
    sources = columns.pop(column)
    if any(not name.strip() for name in columns):
        raise ConfigError(f"{path}: has a column without a name; name it, or leave it out")
    taken = [name for name in columns if any(name in schema.names for schema in TABLES.values())]
    if taken:
        raise ConfigError(f"{path}: columns {taken} have the names of columns of the results; give them others")
    if not sources:
        raise ConfigError(f"{path}: has no row")
    wanted = []
    for row, source in enumerate(sources):
        if not isinstance(source, str) or not source.strip():
            raise ConfigError(f"{path}: row {row + 1} names no source in column {column!r}")
        source = source.strip()
        item = source if is_address(source) else str(path.parent / source)
        wanted.append(Wanted(item, path.parent, {name: values[row] for name, values in columns.items()}))
    return wanted


def _read_csv(path: Path) -> dict[str, list[Label]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, csv.Error, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: cannot be read: {getattr(exc, 'strerror', None) or exc}") from exc
    names, body = (rows[0], [row for row in rows[1:] if row]) if rows else ([], [])
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{path}: has several columns {twice[0]!r}")
    for number, row in enumerate(body, 1):
        if len(row) != len(names):
            raise ConfigError(f"{path}: row {number} has {len(row)} cells; its first line names {len(names)} columns")
    columns = {name: [row[i] for row in body] for i, name in enumerate(names)}
    return {name: list(cells if name in SOURCE_COLUMNS else _typed(cells)) for name, cells in columns.items()}


def _typed(cells: list[str]) -> list[Label]:
    """Cells of a column as what all of them are written as."""
    known = [cell for cell in cells if cell]
    if not known:
        return [None] * len(cells)
    if all(cell.lower() in _TRUTH for cell in known):
        return [_TRUTH.get(cell.lower()) for cell in cells]
    for kind in (int, float):
        try:
            values = [kind(cell) for cell in known]
        except ValueError:
            continue
        padded = any(cell.lstrip("-").startswith("0") and cell.lstrip("-")[1:2].isdigit() for cell in known)
        small = all(abs(value) < 2**63 for value in values)  # and neither infinite nor no number
        if small and not padded and not any("_" in cell or cell != cell.strip() for cell in known):
            return [kind(cell) if cell else None for cell in cells]
    return [cell or None for cell in cells]


def _read_parquet(path: Path) -> dict[str, list[Label]]:
    try:
        table = pq.read_table(str(path), partitioning=None)
        names = table.column_names
    except (OSError, pa.ArrowException, UnicodeDecodeError) as exc:
        why = getattr(exc, "strerror", None) or str(exc).splitlines()[0]
        raise ConfigError(f"{path}: cannot be read: {why}") from exc
    columns: dict[str, list[Label]] = {}
    for name, column in zip(names, table.columns, strict=True):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating)
        if not any(test(kind) for test in (*tests, pa.types.is_boolean, pa.types.is_null)):
            raise ConfigError(f"{path}: column {name!r} is {kind}; text, numbers, and true and false can be carried")
        if name in columns:
            raise ConfigError(f"{path}: has several columns {name!r}")
        if pa.types.is_unsigned_integer(kind) and (pc.max(column).as_py() or 0) >= 2**63:
            raise ConfigError(f"{path}: column {name!r} has numbers from 2^63 on; write it as text")
        try:
            values = column.to_pylist()
        except UnicodeDecodeError as exc:
            raise ConfigError(f"{path}: column {name!r} has text that is not UTF-8") from exc
        columns[name] = [None if value != value else value for value in values]  # NaN says nothing
    return columns
