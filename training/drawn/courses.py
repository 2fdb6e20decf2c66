"""How feelings move over time: smooth courses of valence and arousal."""

from collections.abc import Callable, Sequence

import numpy as np

Course = Callable[[float], tuple[float, float]]
"""Seconds -> valence and arousal, each in [-1, 1]."""

_PLACES = (
    (0.0, 0.0),
    (0.8, 0.5),
    (0.5, -0.4),
    (0.6, 0.8),
    (-0.63, -0.27),
    (-0.5, -0.7),
    (0.4, 0.67),
    (0.05, 0.9),
    (-0.62, 0.6),
    (-0.5, 0.3),
    (0.0, -0.7),
)
"""Places on the circumplex worth visiting."""


def course_through(points: Sequence[tuple[float, float, float]]) -> Course:
    """The course that is at (valence, arousal) at each given second, at rest there, and eases from one to the next."""
    times, valence, arousal = np.array(points, np.float64).T
    if (np.diff(times) <= 0).any():
        raise ValueError(f"times of a course must increase, got {times.tolist()}")

    def at(seconds: float) -> tuple[float, float]:
        k = int(np.clip(np.searchsorted(times, seconds) - 1, 0, max(len(times) - 2, 0)))
        last = min(k + 1, len(times) - 1)
        t = float(np.clip((seconds - times[k]) / max(times[last] - times[k], 1e-9), 0, 1))
        ease = t * t * t * (10 + t * (6 * t - 15))
        return (
            float(valence[k] + (valence[last] - valence[k]) * ease),
            float(arousal[k] + (arousal[last] - arousal[k]) * ease),
        )

    return at


def random_course(rng: np.random.Generator, duration_s: float) -> Course:
    """A course that stays 0.4 to 1.8 s at a place and takes 0.5 to 1.6 s to the next."""
    points: list[tuple[float, float, float]] = []
    time = -rng.uniform(0, 2)
    while True:
        v, a = np.clip(
            np.array(_PLACES[rng.integers(len(_PLACES))]) * rng.uniform(0.5, 1.1) + rng.normal(0, 0.08, 2), -1, 1
        )
        stay = rng.uniform(0.4, 1.8)
        points += [(time, float(v), float(a)), (time + stay, float(v), float(a))]
        if time + stay > duration_s:
            return course_through(points)
        time += stay + rng.uniform(0.5, 1.6)
