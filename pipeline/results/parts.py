"""Reading one part: a file of a table, or some row groups of one, in any format."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from pipeline.errors import ResultsError
from pipeline.remote.network import cause
from pipeline.results.commits import AGAIN, wrong_size
from pipeline.sinks.cells import unescape_formulas
from pipeline.sinks.files import Part
from pipeline.storage.store import Store
from pipeline.tables import SORTED_BY, TABLES

FOOTERS_MAX = 8
"""Footers of merged files that are kept, some MB each. One of a thousand streams takes 25 ms to read, a stream 1 ms."""
_footers: dict[str, pq.FileMetaData] = {}
_footers_lock = threading.Lock()


def read_part(store: Store, part: Part, columns: list[str] | None = None) -> pa.Table:
    """Its rows; with `columns`, at least those and what rows are sorted by.

    Raises ResultsError where the file is missing, cannot be read, or does not hold what was committed.
    """
    schema = TABLES[part.table]
    needed = None if columns is None else list(dict.fromkeys([*columns, *SORTED_BY[part.table]]))
    with _opened(store, part) as file:
        match PurePosixPath(part.path).suffix:
            case ".parquet":
                parquet = pq.ParquetFile(file, metadata=_footer(file, part))
                missing = set(needed or schema.names) - set(parquet.schema_arrow.names)
                if missing:
                    raise ValueError(f"it has no column {min(missing)}")
                groups = part.row_groups
                rows = parquet.read(needed) if groups is None else parquet.read_row_groups(groups, needed)
                rows = rows.replace_schema_metadata(None)
            case ".csv":
                convert = pyarrow.csv.ConvertOptions(column_types=_plain(schema), strings_can_be_null=True)
                parse = pyarrow.csv.ParseOptions(newlines_in_values=True)  # names of files may have them
                rows = pyarrow.csv.read_csv(file, parse_options=parse, convert_options=convert)
                rows = _conform(_unescaped(rows), schema)
            case _:
                options = pyarrow.json.ParseOptions(explicit_schema=_plain(schema, lists=True))
                rows = _conform(pyarrow.json.read_json(file, parse_options=options), schema)
        if len(rows) != part.rows:
            raise ValueError(f"it has {len(rows):,} rows, {part.rows:,} were committed")
        for column in schema:
            if not column.nullable and column.name in rows.column_names and rows[column.name].null_count:
                raise ValueError(f"it has rows without {column.name}")
        return rows


def read_metadata(store: Store, part: Part) -> dict[str, str]:
    """What a Parquet file says of where its rows come from. Raises ResultsError."""
    with _opened(store, part) as file:
        said = (_footer(file, part) or pq.read_metadata(file)).metadata or {}
        return {name.decode(): value.decode() for name, value in said.items() if name != b"ARROW:schema"}


def _footer(file: pa.NativeFile, part: Part) -> pq.FileMetaData | None:
    """The footer of a merged file, of which many parts are read one after the other; None for any other."""
    if part.row_groups is None:
        return None
    with _footers_lock:
        if part.sha256 not in _footers:
            if len(_footers) >= FOOTERS_MAX:
                del _footers[next(iter(_footers))]
            _footers[part.sha256] = pq.read_metadata(file)
        return _footers[part.sha256]


@contextmanager
def _opened(store: Store, part: Part) -> Iterator[pa.NativeFile]:
    """A part's file, as long as when it was committed. What goes wrong with it is a ResultsError of one line."""
    try:
        with store.open(part.path) as file:
            if (size := file.size()) != part.bytes and (part.bytes is not None or not size):
                raise ValueError(f"it {wrong_size(part, size)}")
            yield file
    except (OSError, pa.ArrowException, ValueError, IndexError) as exc:  # pyarrow raises all of these for bad bytes
        why = cause(exc) if isinstance(exc, OSError) else (str(exc).splitlines() or [type(exc).__name__])[0]
        remedy = AGAIN if isinstance(exc, FileNotFoundError) else f"remove that file, then {AGAIN}"
        raise ResultsError(f"{store}/{part.path}: committed, but cannot be read: {why}; {remedy}") from exc


def _plain(schema: pa.Schema, *, lists: bool = False) -> pa.Schema:
    """Types as they stand in text files: words for dictionaries, and in CSV one string for a list."""

    def kind(data: pa.DataType) -> pa.DataType:
        if pa.types.is_dictionary(data):
            return pa.string()
        if pa.types.is_fixed_size_list(data):
            return pa.list_(pa.float32()) if lists else pa.string()
        return data

    return pa.schema([pa.field(field.name, kind(field.type)) for field in schema])


def _unescaped(rows: pa.Table) -> pa.Table:
    """The names of files and labels as they are, not as spreadsheets need them."""
    for number, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            rows = rows.set_column(number, field, unescape_formulas(rows[number]))
    return rows


def _conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        column = rows[field.name] if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type)
        if pa.types.is_fixed_size_list(field.type) and pa.types.is_string(column.type):
            column = pa.array([text and [float(x) for x in text.split()] for text in column.to_pylist()], field.type)
        elif pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(column.type):
            column = column.cast(pa.string()).dictionary_encode()
        columns.append(column if column.type == field.type else column.cast(field.type))
    return pa.table(columns, schema=schema)
