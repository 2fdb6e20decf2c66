"""Tables as files: ``DIR/{frames,points,tracks}/<stream>/<first pts>.<ext>``.

Names are deterministic, so that a replay writes over what an earlier try left behind. A file appears whole or not at
all (`pipeline.storage.store`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from pipeline.heartbeat import beat
from pipeline.sinks.cells import escape_formulas
from pipeline.sinks.sorting import compact, sort
from pipeline.sinks.tables import to_tables
from pipeline.storage.store import Store
from pipeline.tables import SORTED_BY, TABLES, TIME_COLUMN
from pipeline.updates import StreamUpdate

Format = Literal["parquet", "csv", "jsonl"]

PART_NS = 300 * 1_000_000_000
"""A file holds the rows of five minutes of stream time, on a fixed grid ..."""
PART_ROWS_MAX = 15_000
"""... or this many, where there are more: 10 MB of points with landmarks, twice in memory while they are sorted."""
BATCH_ROWS = 5_000
"""Rows of a text file that are formatted at a time: with landmarks about half a second."""
MERGED = "merged"
"""The folder of files with the rows of many streams (`pipeline.results.compact`); no stream's folder is called so."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file that was written, or some row groups of a file."""

    table: str
    path: str
    """Below the results folder."""
    rows: int
    sha256: str
    """Of the whole file."""
    row_groups: tuple[int, ...] | None = None
    """Those that hold the rows; None: all of the file."""
    bytes: int | None = None
    """Of the whole file; None: the commit was written before sizes were recorded."""


def stream_folder(stream_id: str) -> str:
    """A stream's folder name: its id with everything escaped that could be a path, a partition or a hidden name."""
    name = quote(stream_id, safe="~ ()+,@").replace("/", "%2F")
    if name[0] in "._" or name == MERGED:
        name = f"%{ord(name[0]):02X}{name[1:]}"
    return name if len(name) <= 200 else f"{name[:150]}~{hashlib.sha256(stream_id.encode()).hexdigest()[:16]}"


class FileSink:
    """Writes the rows of one stream. `parts` lists what is durable."""

    def __init__(
        self,
        store: Store,
        stream_id: str,
        *,
        format: Format,
        metadata: Mapping[str, str],
        labels: Mapping[str, str | int | float | bool | None] | None = None,
    ):
        """`metadata` go into every file, `labels` into columns of their own of `tracks`."""
        self._store, self._folder, self._format = store, stream_folder(stream_id), format
        self._metadata = {name.encode(): value.encode() for name, value in metadata.items()}
        self._labels = labels or {}
        self._held: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
        self.parts: list[Part] = []

    def write(self, update: StreamUpdate) -> None:
        self.write_tables(to_tables(update))

    def write_tables(self, tables: Mapping[str, pa.Table]) -> None:
        """Take rows that are tables already, by name. Raises SinkError."""
        for name, table in tables.items():
            while table.num_rows:
                room = self._room(name, table)
                self._held[name].append(compact(table.slice(0, room)))
                table = table.slice(room)
                if table.num_rows:
                    self._write_part(name)

    def flush(self) -> None:
        for name in TABLES:
            if self._held[name]:
                self._write_part(name)

    def close(self) -> None:
        self._held = {name: [] for name in TABLES}

    def _room(self, name: str, table: pa.Table) -> int:
        """How many of the first rows of `table` belong to the part that is held; 0: it is full."""
        if name == "tracks":  # few, and in order of their ends: one file
            return int(table.num_rows)
        times = table[TIME_COLUMN[name]].to_numpy()
        held = self._held[name]
        first, last = (held[0], held[-1]) if held else (table, table)
        full = sum(piece.num_rows for piece in held) >= PART_ROWS_MAX
        if held and full and times[0] != last[TIME_COLUMN[name]][-1].as_py():
            return 0
        part = first[TIME_COLUMN[name]][0].as_py() // PART_NS
        return int(np.searchsorted(times // PART_NS, part, "right"))

    def _write_part(self, name: str) -> None:
        held, self._held[name] = self._held[name], []
        if not held:
            return
        table = sort(held, name)
        first_ns = pc.min(table[TIME_COLUMN[name]]).as_py()
        if name == "tracks":
            table = with_labels(table, self._labels)
        path = f"{name}/{self._folder}/{first_ns:019d}.{self._format}"
        written = self._store.write(path, lambda half: self._fill(half, name, table))
        self.parts.append(Part(name, path, table.num_rows, written.sha256, bytes=written.bytes))

    def _fill(self, path: Path, name: str, table: pa.Table) -> None:
        match self._format:
            case "parquet":
                with parquet_writer(path, table.schema.with_metadata(self._metadata), name) as writer:
                    writer.write_table(table)
            case "csv":
                _write_csv(table, path)
            case "jsonl":
                _write_jsonl(table, path)


def with_labels(tracks: pa.Table, labels: Mapping[str, str | int | float | bool | None]) -> pa.Table:
    """The table with a column for each label, the same in all rows; none where a label is None."""
    for name, value in labels.items():
        if value is not None:
            tracks = tracks.append_column(name, pa.array([value] * tracks.num_rows, pa.scalar(value).type))
    return tracks


def parquet_writer(path: Path, schema: pa.Schema, name: str) -> pq.ParquetWriter:
    """A writer of rows of table `name`, as all our Parquet files are compressed and encoded.

    `schema` may have further columns at its end; its metadata go into the file. A row group is sorted by the caller.
    """
    columns = TABLES[name]
    times = [f.name for f in columns if f.name.endswith("_ns") or f.name == "frame_index"]
    floats = [f.name for f in columns if pa.types.is_float32(f.type)]
    words = [f.name for f in columns if pa.types.is_dictionary(f.type)]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=words,
        column_encoding={**dict.fromkeys(times, "DELTA_BINARY_PACKED"), **dict.fromkeys(floats, "BYTE_STREAM_SPLIT")},
        write_page_index=True,
        sorting_columns=[pq.SortingColumn(columns.get_field_index(column)) for column in SORTED_BY[name]],
    )


def _write_csv(table: pa.Table, path: Path) -> None:
    with pyarrow.csv.CSVWriter(path, _flat(table.slice(0, 0)).schema) as writer:
        for start in range(0, table.num_rows, BATCH_ROWS):
            writer.write_table(_flat(table.slice(start, BATCH_ROWS)))
            beat()


def _write_jsonl(table: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        for batch in table.to_batches(max_chunksize=BATCH_ROWS):
            for row in batch.to_pylist():
                file.write(json.dumps({k: v for k, v in row.items() if v is not None}, default=str) + "\n")
            beat()


def _flat(table: pa.Table) -> pa.Table:
    """Words for dictionaries, and landmarks as one string of numbers: a CSV cell holds one value.

    No text is a formula (`pipeline.sinks.cells`). Landmarks are left alone: digits and signs do nothing in one.
    """
    columns = []
    for column in table.schema:
        values = table[column.name]
        if pa.types.is_fixed_size_list(column.type):
            values = pa.array([v and " ".join(f"{x:.2f}" for x in v) for v in values.to_pylist()], pa.string())
        elif pa.types.is_dictionary(column.type) or pa.types.is_string(column.type):
            values = escape_formulas(values.cast(pa.string()))
        columns.append(values)
    return pa.table(columns, names=escape_formulas(pa.array(table.column_names)).to_pylist())
