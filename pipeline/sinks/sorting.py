"""Holding and sorting rows in little memory.

A list of landmarks is 544 bytes of a row's 700. Arrow keeps that room where they are null, too, and takes three times
as much to sort them.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.tables import SORTED_BY, TABLES


def compact(rows: pa.Table) -> pa.Table:
    """The rows without columns of lists in which all are null."""
    empty = [
        column.name
        for column in rows.schema
        if pa.types.is_fixed_size_list(column.type) and rows[column.name].null_count == rows.num_rows
    ]
    return rows.drop_columns(empty)


def sort(pieces: list[pa.Table], name: str) -> pa.Table:
    """The rows of compact pieces of table `name`, with all its columns, as its files are sorted. Empties `pieces`."""
    rows = pa.concat_tables(pieces, promote_options="default")
    pieces.clear()
    order = pc.sort_indices(rows, [(column, "ascending") for column in SORTED_BY[name]])
    columns = []
    for column in TABLES[name]:
        if column.name not in rows.column_names:
            columns.append(pa.nulls(rows.num_rows, column.type))
        elif pa.types.is_fixed_size_list(column.type) and not rows[column.name].null_count:
            columns.append(_taken(rows[column.name], order.to_numpy()))
        else:
            columns.append(rows[column.name].take(order))
        if column.name in rows.column_names:
            rows = rows.drop_columns(column.name)
    return pa.Table.from_arrays(columns, schema=TABLES[name])


def _taken(lists: pa.ChunkedArray, order: np.ndarray) -> pa.Array:
    """Lists of one size, none of them null, in another order."""
    size = lists.type.list_size
    place = np.empty_like(order)
    place[order] = np.arange(len(order), dtype=order.dtype)
    out = np.empty((len(order), size), np.float32)
    start = 0
    for chunk in lists.chunks:
        out[place[start : start + len(chunk)]] = chunk.flatten().to_numpy().reshape(-1, size)
        start += len(chunk)
    return pa.FixedSizeListArray.from_arrays(pa.array(out.ravel()), size)
