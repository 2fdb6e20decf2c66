"""A video's mean valence over time in the size of a word."""

import numpy as np

from pipeline.tracks.smoothing import GAP_S_MAX

WIDTH, HEIGHT = 120, 24
"""Units of the drawing; -1 is at the bottom, 1 at the top."""
POINTS_MAX = 60


def sparkline(t_s: np.ndarray, valence: np.ndarray, length_s: float) -> str:
    """The drawing as an SVG path: the mean over all faces in each of up to POINTS_MAX stretches of the video.

    t_s (R,) seconds since its beginning, valence (R,) -1..1 or NaN. The line is broken where nobody was seen; "" where
    nobody ever was.
    """
    known = np.isfinite(valence)
    t_s, valence = t_s[known], valence[known]
    if not len(t_s):
        return ""
    # No more buckets than frames, or there would be empty ones between them.
    buckets = min(POINTS_MAX, max(len(np.unique(t_s)), 1))
    width_s = max(length_s, float(t_s.max())) / buckets or 1.0
    bucket = np.minimum((t_s / width_s).astype(int), buckets - 1)
    used, counts = np.unique(bucket, return_counts=True)
    mean = np.bincount(bucket, valence)[used] / counts
    x = (used + 0.5) / buckets * WIDTH
    y = (1 - np.clip(mean, -1, 1)) / 2 * (HEIGHT - 2) + 1
    reach = max(GAP_S_MAX, 1.5 * width_s)
    move = np.append(True, np.diff(used) * width_s > reach)
    path = "".join(f"{'M' if new else 'L'}{a:.0f} {b:.1f}" for new, a, b in zip(move, x, y, strict=True))
    alone = move & np.append(move[1:], True)
    return path + "".join(f"M{a - 1.5:.1f} {b:.1f}h3" for a, b in zip(x[alone], y[alone], strict=True))
