"""Reading results: committed rows only, each exactly once."""

from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet as pq

from pipeline.errors import ResultsError
from pipeline.network import cause
from pipeline.run_folder import read_commits, read_run
from pipeline.store import Store, open_store
from pipeline.tables import SORTED_BY, TABLES

Table = Literal["points", "frames", "tracks"]


def read_results(folder: str | Path, table: Table = "points", *, stream_id: str | None = None) -> pd.DataFrame:
    """The committed rows of a results folder or of its address (`s3://…`), sorted by stream, then as in the files.

    `stream_id` reads one stream only. Names are categorical columns; times are int64 nanoseconds of stream time.
    Of `tracks`, what a list says of the sources comes as further columns. Raises ResultsError where there are no
    results, or a file is missing.
    """
    return read_table(folder, table, stream_id=stream_id).to_pandas()


def read_table(
    folder: str | Path,
    table: Table = "points",
    *,
    stream_id: str | None = None,
    columns: list[str] | None = None,
    commits: list[dict[str, Any]] | None = None,
) -> pa.Table:
    """Like `read_results`, as an Arrow table with the declared schema, or with some of its columns.

    `commits` are those of the folder, for whoever reads many streams one after the other.
    """
    store = open_store(folder)
    if commits is None:
        if read_run(store) is None:
            raise ResultsError(f"{store}: no results there (no run.json)")
        commits = read_commits(store)
    wanted = TABLES[table] if columns is None else pa.schema([TABLES[table].field(name) for name in columns])
    streams, lengths = [], []
    for commit in commits:
        if stream_id in (None, commit["stream_id"]):
            parts = [part["path"] for part in commit["parts"] if part["table"] == table]
            if parts:
                rows = pa.concat_tables([_read_part(store, path, table, columns) for path in parts])
                order = [(column, "ascending") for column in SORTED_BY[table]]
                streams.append(rows.sort_by(order).select(wanted.names))
                lengths.append((rows.num_rows, commit.get("labels") or {}))
    if not streams:
        return wanted.empty_table()
    whole = pa.concat_tables(streams).unify_dictionaries()
    return _labelled(whole, lengths) if table == "tracks" and columns is None else whole


def _labelled(rows: pa.Table, lengths: list[tuple[int, dict[str, Any]]]) -> pa.Table:
    """A column for each label. `lengths` are the rows of each stream, in order, and its labels.

    Labels come from the commits, where they have their types in whatever format the rows are.
    """
    for name in dict.fromkeys(name for _, labels in lengths for name in labels):
        values = [labels.get(name) for _, labels in lengths]
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1 and kinds != {int, float}:  # of several lists
            values = [None if value is None else str(value) for value in values]
        stream = np.repeat(np.arange(len(lengths)), [count for count, _ in lengths])
        rows = rows.append_column(name, pa.array(values).take(pa.array(stream)))
    return rows


def _read_part(store: Store, path: str, table: Table, columns: list[str] | None) -> pa.Table:
    """One file; with `columns`, at least those and what rows are sorted by."""
    schema = TABLES[table]
    needed = None if columns is None else list({**dict.fromkeys(columns), **dict.fromkeys(SORTED_BY[table])})
    try:
        with store.open(path) as file:
            match PurePosixPath(path).suffix:
                case ".parquet":
                    return pq.read_table(file, columns=needed, partitioning=None).replace_schema_metadata(None)
                case ".csv":
                    convert = pyarrow.csv.ConvertOptions(column_types=_plain(schema), strings_can_be_null=True)
                    return _conform(pyarrow.csv.read_csv(file, convert_options=convert), schema)
                case _:
                    options = pyarrow.json.ParseOptions(explicit_schema=_plain(schema, lists=True))
                    return _conform(pyarrow.json.read_json(file, parse_options=options), schema)
    except (OSError, pa.ArrowInvalid) as exc:
        why = cause(exc) if isinstance(exc, OSError) else exc
        raise ResultsError(f"{store}/{path}: committed, but cannot be read: {why}; start over with --fresh") from exc


def _plain(schema: pa.Schema, *, lists: bool = False) -> pa.Schema:
    """Types as they stand in text files: words for dictionaries, and in CSV one string for a list."""

    def kind(data: pa.DataType) -> pa.DataType:
        if pa.types.is_dictionary(data):
            return pa.string()
        if pa.types.is_fixed_size_list(data):
            return pa.list_(pa.float32()) if lists else pa.string()
        return data

    return pa.schema([pa.field(field.name, kind(field.type)) for field in schema])


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
