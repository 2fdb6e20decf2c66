"""Time series made ready to be drawn: where lines break, and fewer rows where there are too many.

Pure functions. Shapes: R rows, in order of time; C columns.
"""

import numpy as np

from pipeline.tracks.smoothing import GAP_S_MAX


def segments(t_s: np.ndarray, gap_s_max: float = GAP_S_MAX) -> np.ndarray:
    """(R,) int64: rows of the same number belong to one unbroken line; t_s (R,) seconds."""
    # A frame's time is rounded to nanoseconds, so a step of exactly the limit may come out a little longer.
    return np.cumsum(np.diff(t_s, prepend=t_s[:1]) > gap_s_max + 1e-6)


def thin(t_s: np.ndarray, values: np.ndarray, rows_max: int) -> np.ndarray:
    """Indices of at most `rows_max` rows that keep the picture: all rows where there are few enough.

    Otherwise time is cut into equal buckets, and each keeps the rows with the smallest and the largest value of every
    column, besides the first and the last row of all. t_s (R,) seconds, values (R, C); NaN is no value.
    """
    count, columns = values.shape
    if count <= rows_max:
        return np.arange(count)
    buckets = max((rows_max - 2) // (2 * columns), 1)
    span_s = max(float(t_s[-1] - t_s[0]), 1e-9)
    bucket = np.minimum(((t_s - t_s[0]) / span_s * buckets).astype(int), buckets - 1)
    kept = [np.array([0, count - 1])]
    for column in values.T:
        for sign in (1, -1):
            order = np.lexsort((sign * column, bucket))  # NaN comes last
            best = order[np.flatnonzero(np.diff(bucket[order], prepend=-1))]
            kept.append(best[~np.isnan(column[best])])
    return np.unique(np.concatenate(kept))


def break_lines(t_s: np.ndarray, segment: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put a row of NaN, halfway in time, wherever the segment changes; (R',) and (R', C)."""
    after = np.flatnonzero(np.diff(segment)) + 1
    halfway = (t_s[after - 1] + t_s[after]) / 2
    return np.insert(t_s, after, halfway), np.insert(values, after, np.nan, axis=0)


def stretches(
    t_s: np.ndarray, values: np.ndarray, *, step_s: float, stretches_max: int
) -> list[tuple[float, float, int]]:
    """(start, end, value) of each run of the same value, seconds; values (R,) int, 0 or more.

    A row stands for the time up to the next, `step_s` at most. Where there would be more than `stretches_max`, time is
    cut into so many buckets and each takes its most frequent value, the smaller one on a tie.
    """
    if not len(t_s):
        return []
    ends = np.append(np.minimum(t_s[1:], t_s[:-1] + step_s), t_s[-1] + step_s)
    new = np.append(True, (np.diff(values) != 0) | (t_s[1:] > ends[:-1] + step_s / 2))
    if new.sum() > stretches_max:
        edges = np.linspace(t_s[0], t_s[-1] + step_s, stretches_max + 1)
        bucket = np.minimum(np.searchsorted(edges, t_s, "right") - 1, stretches_max - 1)
        used, first = np.unique(bucket, return_index=True)
        counts = np.zeros((stretches_max, int(values.max()) + 1), int)
        np.add.at(counts, (bucket, values), 1)
        values = counts[used].argmax(1)
        t_s, ends = edges[used], edges[used + 1]
        new = np.append(True, (np.diff(values) != 0) | (np.diff(used) > 1))
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(t_s)) - 1
    return [(float(a), float(b), int(v)) for a, b, v in zip(t_s[first], ends[last], values[first], strict=True)]
