"""A merged file: rows of many streams of one table, a row group or more for each stream."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from pipeline.results.commits import Commit
from pipeline.results.parts import read_metadata, read_part
from pipeline.sinks.files import Part, parquet_writer
from pipeline.storage.store import Store
from pipeline.tables import SORTED_BY, TABLES, label_columns

T = TypeVar("T")

ROW_GROUP_ROWS = 100_000
"""From so many rows on a row group is full. About as many rows at a time are in memory."""
READERS = 16
"""Small files that are read at a time: in a bucket each waits for the network far longer than it is read."""
STREAMS = "streams"
"""The key of a file's metadata that says what is not the same for all streams in it."""


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Parts of one stream, as its commit names them, that become one row group."""

    stream_id: str
    labels: Mapping[str, Any]
    """What a list says of the stream."""
    parts: Sequence[Part]

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(part.rows for part in self.parts)


def row_groups(commit: Commit, table: str) -> Iterator[RowGroup]:
    """What a stream's rows become: as few row groups as there may be."""
    for held in together(commit.of(table), lambda part: part.rows, ROW_GROUP_ROWS):
        yield RowGroup(commit.stream_id, commit.labels, held)


def together(items: Iterable[T], size: Callable[[T], int], full: int) -> Iterator[list[T]]:
    """`items` in order, as many together as it takes until their sizes make `full`; the last may make less."""
    held: list[T] = []
    total = 0
    for item in items:
        held.append(item)
        total += size(item)
        if total >= full:
            yield held
            held, total = [], 0
    if held:
        yield held


def write_merged(store: Store, path: Path, table: str, groups: Sequence[RowGroup], wrote: Callable[[], None]) -> None:
    """Write row groups, each sorted, to a file of this machine; `wrote` is told of each. Raises ResultsError, OSError.

    Labels are columns of `tracks`, with types that suit all streams. What the files say of where rows come from stands
    as it is where it is the same for all streams, else under `STREAMS`.
    """
    order = [(column, "ascending") for column in SORTED_BY[table]]
    values = label_columns([group.labels for group in groups]) if table == "tracks" else {}
    labels = {name: column for name, column in values.items() if not pa.types.is_null(column.type)}

    def read(number: int, group: RowGroup) -> pa.Table:
        rows = pa.concat_tables([read_part(store, part).select(TABLES[table].names) for part in group.parts])
        for name, column in labels.items():
            rows = rows.append_column(name, column.take(pa.array(np.full(len(rows), number))))
        return rows.unify_dictionaries().sort_by(order)

    with ThreadPoolExecutor(READERS) as pool:
        said = pool.map(lambda group: (group.stream_id, _metadata(store, group)), groups)
        fields = [*TABLES[table], *(pa.field(name, column.type) for name, column in labels.items())]
        with parquet_writer(path, pa.schema(fields, _joined(dict(said))), table) as writer:
            for some in together(enumerate(groups), lambda numbered: numbered[1].rows, ROW_GROUP_ROWS):
                for rows in pool.map(lambda numbered: read(*numbered), some):
                    writer.write_table(rows, row_group_size=len(rows))
                    wrote()


def _metadata(store: Store, group: RowGroup) -> dict[str, str]:
    """What the file of a stream's rows says of them, be it merged already or not."""
    said = read_metadata(store, group.parts[0])
    return said | json.loads(said.pop(STREAMS, "{}")).get(group.stream_id, {})


def _joined(said: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The metadata of a file from those of its streams, by stream."""
    first = next(iter(said.values()))
    same = {name: value for name, value in first.items() if all(each.get(name) == value for each in said.values())}
    own = {stream_id: {k: v for k, v in each.items() if k not in same} for stream_id, each in said.items()}
    return same | ({STREAMS: json.dumps(own)} if any(own.values()) else {})
