"""Reading results: committed rows only, each exactly once."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from pipeline.errors import ResultsError
from pipeline.results.commits import Commit, read_commit, read_commits
from pipeline.results.parts import read_part
from pipeline.results.run_folder import require_run
from pipeline.results.source_state import SourceState, source_states
from pipeline.storage.store import Store, open_store
from pipeline.tables import SORTED_BY, TABLES, label_columns

if TYPE_CHECKING:  # half a second of every start
    import pandas as pd

Table = Literal["points", "frames", "tracks"]


def read_results(folder: str | Path, table: Table = "points", *, stream_id: str | None = None) -> "pd.DataFrame":
    """The committed rows of a results folder or of its address (`s3://…`), sorted by stream, then as in the files.

    `stream_id` reads one stream only. Names are categorical columns; times are int64 nanoseconds of stream time.
    `.attrs["sources_gone"]` lists the streams whose file is no longer where it was, as seen from this machine
    (`source_states` says more).
    Of `tracks`, what a list says of the sources comes as further columns. While `affectstream compact` moves rows, they
    are exact, too. Raises ResultsError where there are no results, or a file is missing.
    """
    if table not in TABLES:
        raise ResultsError(f"no table {table!r}; there are {', '.join(TABLES)}")
    commits = [each for each in committed(open_store(folder)) if stream_id in (None, each.stream_id)]
    rows = read_table(folder, table, commits=commits).to_pandas()
    states = source_states(commit.source for commit in commits)
    rows.attrs["sources_gone"] = [c.stream_id for c, state in zip(commits, states, strict=True) if state == "gone"]
    return rows


def read_source_states(folder: str | Path, *, remote: bool = False) -> dict[str, SourceState]:
    """What has become of the source of each committed stream of a results folder, by `stream_id`.

    `there`, `changed`, `gone`, or `unknown`: as seen from this machine, so files of another one are `gone` here.
    `remote` asks for objects in buckets, one request each; else they are `unknown`, as files on web servers always are.
    Raises ResultsError where there are no results.
    """
    commits = committed(open_store(folder))
    states = source_states((commit.source for commit in commits), remote=remote)
    return {commit.stream_id: state for commit, state in zip(commits, states, strict=True)}


def committed(store: Store) -> list[Commit]:
    """The commits of a results folder. Raises ResultsError where there are no results, or one is damaged."""
    require_run(store)
    return read_commits(store)


def read_table(
    folder: str | Path,
    table: Table = "points",
    *,
    stream_id: str | None = None,
    columns: list[str] | None = None,
    commits: list[Commit] | None = None,
) -> pa.Table:
    """Like `read_results`, as an Arrow table with the declared schema, or with some of its columns.

    `commits` are those of the folder, for whoever reads many streams one after the other.
    """
    store = open_store(folder)
    commits = committed(store) if commits is None else commits
    wanted = TABLES[table] if columns is None else pa.schema([TABLES[table].field(name) for name in columns])
    streams, lengths = [], []
    for commit in commits:
        if stream_id in (None, commit.stream_id):
            pieces, labels = _read_stream(store, commit, table, columns)
            if pieces:
                order = [(column, "ascending") for column in SORTED_BY[table]]
                streams.append(pa.concat_tables(pieces).sort_by(order).select(wanted.names))
                lengths.append((streams[-1].num_rows, labels))
    if not streams:
        return wanted.empty_table()
    whole = pa.concat_tables(streams).unify_dictionaries()
    return _labelled(whole, lengths) if table == "tracks" and columns is None else whole


def _read_stream(
    store: Store, commit: Commit, table: Table, columns: list[str] | None
) -> tuple[list[pa.Table], dict[str, Any]]:
    """The rows of a stream in pieces, and its labels.

    A file may be gone because its rows have moved since the commit was read (`pipeline.results.compact`): the commit as
    it is now says where to. If there is none now, the stream is being analysed again, and has no rows that count.
    """
    try:
        return [read_part(store, part, columns) for part in commit.of(table)], commit.labels
    except ResultsError:
        now = read_commit(store, commit.stream_id)
        if now is None:
            return [], {}
        if now.parts == commit.parts:
            raise
    return _read_stream(store, now, table, columns)


def _labelled(rows: pa.Table, lengths: list[tuple[int, dict[str, Any]]]) -> pa.Table:
    """A column for each label. `lengths` are the rows of each stream, in order, and its labels.

    Labels come from the commits, where they have their types in whatever format the rows are.
    """
    stream = pa.array(np.repeat(np.arange(len(lengths)), [count for count, _ in lengths]))
    for name, values in label_columns([labels for _, labels in lengths]).items():
        rows = rows.append_column(name, values.take(stream))
    return rows
