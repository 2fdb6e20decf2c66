"""Smoothing of valence and arousal over time, in seconds, per track.

A row's smooth value is the time average of its track over a symmetric window: the trapezoid integral through the usable
rows (grade 1 and 2) inside the window, over its length. It depends on elapsed time and not on the number of frames, and
on nothing outside the window, so a video that is cut into overlapping pieces gives the same values.
"""

import math

import numpy as np

NS = 1_000_000_000
GAP_S_MAX = 0.5
"""Nothing is averaged across a longer stretch without a usable row."""
ROUNDING_S = 0.001
"""Stamps may be rounded to milliseconds."""


def gap_s_max(fps: float | None, frame_s: float) -> float:
    """The longest gap to average across: `GAP_S_MAX`, or what lies between two samples where frames make it longer.

    Samples lie a whole number of frames apart: at 2 fps of 29.97, 15 frames are 0.5005 s. `fps` None: every frame.
    """
    if fps is None or 1 / fps > GAP_S_MAX or not 0 < frame_s <= 1 / fps:
        return GAP_S_MAX
    return max(GAP_S_MAX, math.ceil(1 / fps / frame_s - 0.01) * frame_s + ROUNDING_S)


def smooth(
    pts_ns: np.ndarray, values: np.ndarray, usable: np.ndarray, *, half_width_s: float, gap_s_max: float = GAP_S_MAX
) -> np.ndarray:
    """Time averages of one track.

    pts_ns (R,) int64 strictly increasing, values (R, V), usable (R,) bool -> (R, V) float64; NaN where no usable row is
    within reach: inside the window, and not across a gap.
    """
    out = np.full(values.shape, np.nan)
    good = np.flatnonzero(usable)
    if not len(good):
        return out
    t, v = pts_ns[good], values[good].astype(np.float64)
    steps_s = np.diff(t) / NS
    areas = steps_s[:, None] * (v[1:] + v[:-1]) / 2
    area = np.concatenate([np.zeros((1, v.shape[1])), np.cumsum(areas, 0)])
    segment = np.concatenate([[0], np.cumsum(steps_s > gap_s_max)])

    # Each row belongs to the segment of the usable row next to it; a window never leaves its segment.
    nearest = _nearest(t, pts_ns)
    first_of = np.searchsorted(segment, segment[nearest], "left")
    last_of = np.searchsorted(segment, segment[nearest], "right") - 1
    half_ns = round(half_width_s * NS)
    first = np.maximum(np.searchsorted(t, pts_ns - half_ns, "left"), first_of)
    last = np.minimum(np.searchsorted(t, pts_ns + half_ns, "right") - 1, last_of)

    within = np.abs(t[nearest] - pts_ns) <= half_ns
    single, several = within & (first == last), within & (first < last)
    out[single] = v[first[single]]
    length_s = (t[last[several]] - t[first[several]]) / NS
    out[several] = (area[last[several]] - area[first[several]]) / length_s[:, None]
    return out


def _nearest(t: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Index into increasing `t` of the time nearest to each of `at`; the earlier one on a tie."""
    after = np.clip(np.searchsorted(t, at, "left"), 0, len(t) - 1)
    before = np.clip(after - 1, 0, len(t) - 1)
    return np.where(np.abs(t[before] - at) <= np.abs(t[after] - at), before, after)
