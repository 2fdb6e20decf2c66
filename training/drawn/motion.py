"""How people move while they are looked at: heads sway and nod, eyes blink and glance, bodies walk."""

from dataclasses import dataclass

import numpy as np

from training.drawn.pose import Pose

_BLINK_S = 0.28
_GLANCE_S = 0.06
"""How long a blink, and the jump of a glance, take."""
_STROLL = 0.4
"""Speed, in face heights per second, at which a walk makes the head bob fully."""
_STEPS_HZ = 1.9


@dataclass(frozen=True, slots=True, eq=False)
class HeadMotion:
    """Head and eyes of one person as functions of time."""

    rest: Pose
    waves: np.ndarray
    """(3, W, 3): for yaw, pitch and roll, waves of amplitude (degrees), frequency (Hz) and phase (radians)."""
    blinks_s: np.ndarray
    """(B,) when the lids are shut."""
    glances_s: np.ndarray
    """(G,) when the gaze jumps."""
    glances: np.ndarray
    """(G + 1, 2): where it looks before, between and after the jumps; right and down, -1..1."""

    def pose(self, seconds: float) -> Pose:
        """How the head is turned."""
        amplitude, frequency, phase = np.moveaxis(self.waves, -1, 0)
        yaw, pitch, roll = (amplitude * np.sin(2 * np.pi * frequency * seconds + phase)).sum(1)
        return Pose(self.rest.yaw + float(yaw), self.rest.pitch + float(pitch), self.rest.roll + float(roll))

    def blink(self, seconds: float) -> float:
        """0 open .. 1 shut."""
        if not len(self.blinks_s):
            return 0.0
        away = (seconds - self.blinks_s[np.abs(self.blinks_s - seconds).argmin()]) / _BLINK_S
        # Lids close in a third of the time that they need to open again.
        t = away * 4 if away < 0 else away * 4 / 3
        return float(np.clip(1 - t * t, 0, 1))

    def gaze(self, seconds: float) -> tuple[float, float]:
        """Right and down, -1..1."""
        k = int(np.searchsorted(self.glances_s, seconds))
        before = self.glances[max(k - 1, 0)]
        since = seconds - self.glances_s[k - 1] if k else np.inf
        x, y = before + (self.glances[k] - before) * min(since / _GLANCE_S, 1.0)
        return float(x), float(y)


def random_motion(
    rng: np.random.Generator, duration_s: float, *, lively: float = 1.0, rest: Pose | None = None
) -> HeadMotion:
    """A head that sways by about `lively` times 12, 6 and 4 degrees around `rest`."""
    reach = np.array([7.0, 3.4, 2.4])[:, None] * lively
    amplitude = reach * rng.uniform(0.3, 1.0, (3, 3)) * [1.0, 0.7, 0.25]
    frequency = rng.uniform([0.06, 0.18, 0.6], [0.16, 0.4, 1.1], (3, 3))
    waves = np.stack([amplitude, frequency, rng.uniform(0, 2 * np.pi, (3, 3))], -1)
    blinks = np.cumsum(rng.gamma(4.0, 0.85, int(duration_s) + 2)) - 1.5
    jumps = np.cumsum(rng.uniform(0.5, 2.2, int(duration_s * 2) + 2))
    glances = np.clip(rng.normal(0, 0.35, (len(jumps) + 1, 2)) * [1.0, 0.6], -0.9, 0.9)
    glances[rng.random(len(glances)) < 0.6] = 0
    return HeadMotion(rest or Pose(), waves, blinks, jumps, glances)


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """Where the middle of a head is and how large its face, as functions of time: eased between way points."""

    times_s: np.ndarray
    """(N,) increasing."""
    places: np.ndarray
    """(N, 3): x, y and face height, px."""
    sway_px: float = 0.0
    bob_px: float = 0.0
    """Up and down with every step, while walking."""
    phase: float = 0.0

    def at(self, seconds: float) -> tuple[float, float, float]:
        """x, y and face height, px."""
        k = int(np.clip(np.searchsorted(self.times_s, seconds) - 1, 0, max(len(self.times_s) - 2, 0)))
        last = min(k + 1, len(self.times_s) - 1)
        span = max(self.times_s[last] - self.times_s[k], 1e-9)
        t = float(np.clip((seconds - self.times_s[k]) / span, 0, 1))
        step = self.places[last] - self.places[k]
        x, y, face = self.places[k] + step * (t * t * (3 - 2 * t))
        pace = min(1.0, abs(step[0]) / span / (_STROLL * face)) * np.sin(np.pi * t)
        bob = pace * abs(np.sin(np.pi * _STEPS_HZ * seconds + self.phase))
        x += self.sway_px * np.sin(0.7 * seconds + self.phase)
        y += self.bob_px * bob + 0.4 * self.sway_px * np.sin(0.53 * seconds + 2 * self.phase)
        return float(x), float(y), float(face)
