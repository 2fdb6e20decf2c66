"""Stream time: one rule for what the time stamps of a recording mean, whatever its container.

docs/decisions/0018-one-rule-for-time.md gives the reasons. Pure functions of numbers: no libav here. Times are integers
in nanoseconds; a *stamp* is what a packet says, counted from the container's start, and *time* is what the rows get.

- Stamps that continue from the latest one, or repeat it for a moment, are used unchanged.
- A few stamps far from the rest, after which the old clock continues, are *outliers*: their pictures get times between
  those of their neighbours.
- A jump that persists starts a *new clock*, as in files concatenated byte for byte: time continues without a gap.
- A jump ahead is a *pause* if one writer stamped the whole file and the stated length leaves room for it.
- A jump by the whole range of the stamps is a *wrap*: time continues.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import TypeVar

from pipeline.video.irregular import NS, Jump, note

T = TypeVar("T")

JUMP_S = 10.0
"""Longest step between two pictures that is accepted without other evidence. The same as ffmpeg's limit for a
discontinuity (`-dts_delta_threshold`); MPEG-TS requires a stamp every 0.7 s."""
UNSTATED_PAUSE_S = 3600.0
"""The longest pause that is believed in a file that does not say how long it is, as browsers record."""
PERSISTS = 8
"""A jump that this many packets follow is a new clock; fewer are outliers."""
LOOKAHEAD = 16 + PERSISTS
"""Packets that are read ahead: enough to see a jump persist although pictures are stored out of order (up to 16)."""
REORDER_FRAMES = 16
"""The deepest reordering that a codec allows: a packet's stamp lies this many frames before the latest at most."""
JITTER_FRAMES = 3
"""Stamps that go back by less are uneven, and no new clock."""
LATE_MAX = 2
"""This many recent pictures may be stamped too late before the next key frame is taken for a new clock."""
CLOCKS_MAX = 8
"""Number of clocks remembered: an earlier one may resume after a few seconds of wrong stamps."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What one packet says about time."""

    ns: int
    """Presentation time since the container's start."""
    is_key: bool = False
    """A key frame: what is stored before it is shown before it."""
    is_reordered: bool = False
    """The stream's packets are not stored in presentation order."""
    position: int | None = None
    """Offset in the file, bytes; None where it is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """What a container says about its stamps."""

    period_ns: int
    """Nominal time between pictures."""
    one_timeline: bool = True
    """One writer stamped the whole file; False for formats that may be joined byte for byte (MPEG-TS, MPEG-PS)."""
    end_ns: int | None = None
    """Stated end of the stream; None where the file does not state one."""
    wrap_ns: int | None = None
    """Range of the stamps, after which they begin again at 0."""


class Clock:
    """Turns the stamps of packets, in the order in which they are stored, into stream time."""

    def __init__(self, timing: Timing, latest_ns: int | None = None):
        """`latest_ns`: time of the packet before the first one, if reading starts in the middle of the file."""
        self.timing, self.latest_ns, self.period_ns = timing, latest_ns, timing.period_ns
        self.pauses: list[Jump] = []
        """The last jumps ahead that no damage explains: they are long, or lead to a key frame without bytes between."""
        self.new_clocks: list[Jump] = []
        self.outliers: list[Jump] = []
        self._offsets_ns = [0]
        """Time minus stamp: of the clock at hand, then of earlier ones."""
        self._first: tuple[int, int | None] | None = None
        """Time and position of the first packet."""
        self._position: int | None = None
        self._num_skipped = 0
        """Outliers since the last packet that has a time."""
        self._recent_ns: deque[int] = deque(maxlen=REORDER_FRAMES)

    def times(self, items: Iterable[T], stamp_of: Callable[[T], Stamp | None]) -> Iterator[tuple[T, int | None]]:
        """Each item with its time; None where it has no stamp or a wrong one. Reads `LOOKAHEAD` items ahead."""
        window: deque[tuple[T, Stamp | None]] = deque()
        for item in items:
            window.append((item, stamp_of(item)))
            if len(window) > LOOKAHEAD:
                yield self._take(window)
        while window:
            yield self._take(window)

    def _take(self, window: deque[tuple[T, Stamp | None]]) -> tuple[T, int | None]:
        stamps = [s for _, s in window if s is not None]
        item, stamp = window.popleft()
        if stamp is None:
            return item, None
        if self._first is None:
            self.period_ns = _plausible_period_ns(self.timing.period_ns, [s.ns for s in stamps])
        time_ns = self._time(stamp, stamps[1:])
        if time_ns is None:
            self._num_skipped += 1
            latest_ns = self.latest_ns or 0
            note(self.outliers, Jump(latest_ns, stamp.ns + self._offsets_ns[0] - latest_ns))
        else:
            self._first = self._first or (time_ns, stamp.position)
            self._position, self._num_skipped = stamp.position, 0
            self._recent_ns.append(time_ns)
            self.latest_ns = time_ns if self.latest_ns is None else max(self.latest_ns, time_ns)
        return item, time_ns

    def _time(self, stamp: Stamp, following: list[Stamp]) -> int | None:
        time_ns = stamp.ns + self._offsets_ns[0]
        if self._goes_on(stamp, time_ns):
            if self._is_late(stamp, time_ns, following):
                return None
            if stamp.is_key and self.latest_ns is not None and time_ns - self.latest_ns > self._passed_ns(stamp):
                self._pause(time_ns)
            return time_ns
        for turn_ns in (self.timing.wrap_ns, -self.timing.wrap_ns) if self.timing.wrap_ns else ():
            if self._goes_on(stamp, time_ns + turn_ns):
                return self._with(stamp, self._offsets_ns[0] + turn_ns)
        run = self._run(stamp, following)
        if run is None and not (self._is_undecided(stamp, following) and self._is_pause(time_ns)):
            return None
        for offset_ns in self._offsets_ns[1:]:
            if self._goes_on(stamp, stamp.ns + offset_ns):  # an earlier clock goes on
                return self._with(stamp, offset_ns)
        if self._is_pause(time_ns):
            self._pause(time_ns)
            return time_ns
        begin_ns = 0
        if self.latest_ns is not None:
            begin_ns = self.latest_ns + (1 + self._num_skipped) * self.period_ns
            note(self.new_clocks, Jump(begin_ns, time_ns - self.latest_ns))
        back_ns = REORDER_FRAMES * self.period_ns
        first_ns = min(s.ns for s in run or [stamp] if s.ns >= stamp.ns - back_ns)
        return self._with(stamp, begin_ns - first_ns)

    def _with(self, stamp: Stamp, offset_ns: int) -> int:
        """The stamp's time by another clock, which is the one at hand from now on."""
        self._offsets_ns = [offset_ns, *(o for o in self._offsets_ns if o != offset_ns)][:CLOCKS_MAX]
        return stamp.ns + offset_ns

    def _goes_on(self, stamp: Stamp, time_ns: int) -> bool:
        """Whether time may go on like this."""
        if self.latest_ns is None:
            return 0 <= time_ns <= self._step_ns_max(stamp, time_ns)
        earliest_ns = self._earliest_ns(stamp)
        if stamp.is_key:  # all that is stored before it is shown before it, but for a few that may be stamped too late
            before_ns = sorted({self.latest_ns, *self._recent_ns})[-LATE_MAX - 1 :][0]
            earliest_ns = min(self.latest_ns - JITTER_FRAMES * self.period_ns, before_ns)
        return earliest_ns <= time_ns <= self.latest_ns + self._step_ns_max(stamp, time_ns)

    def _earliest_ns(self, stamp: Stamp) -> int:
        """Earliest time that a picture stored here can have, given how far codecs reorder pictures."""
        if self.latest_ns is None:
            return 0
        frames = REORDER_FRAMES if stamp.is_reordered else JITTER_FRAMES
        return min([self.latest_ns - frames * self.period_ns, *(self._recent_ns if stamp.is_reordered else ())])

    def _pause(self, time_ns: int) -> None:
        self.pauses = [*self.pauses[-LOOKAHEAD:], Jump(time_ns, time_ns - (self.latest_ns or 0))]

    def _step_ns_max(self, stamp: Stamp, time_ns: int) -> int:
        """How much time may pass: less beyond the stated end of the file, more where bytes were skipped."""
        timing, step_ns = self.timing, max(round(JUMP_S * NS), 10 * self.period_ns)
        is_anchor = not stamp.is_reordered or stamp.is_key  # of others the stated end may count decoding times
        if timing.one_timeline and is_anchor and timing.end_ns is not None and time_ns > timing.end_ns + NS:
            step_ns = max(NS, REORDER_FRAMES * self.period_ns)
        return max(step_ns, self._passed_ns(stamp))

    def _passed_ns(self, stamp: Stamp) -> int:
        """How much time the bytes since the last packet may have taken, at half the rate so far."""
        least_ns = (JITTER_FRAMES + self._num_skipped) * self.period_ns
        if self._first is None or self.latest_ns is None:
            return least_ns
        first_ns, begin = self._first
        if begin is None or self._position is None or stamp.position is None or self._position <= begin:
            return least_ns
        per_byte_ns = Fraction(self.latest_ns - first_ns, self._position - begin)
        return max(least_ns, round(2 * (stamp.position - self._position) * per_byte_ns))

    def _is_undecided(self, stamp: Stamp, following: list[Stamp]) -> bool:
        """Whether all that follows may be shown before: near the end of a file. Then its one writer is believed."""
        return self.timing.one_timeline and stamp.is_reordered and len(following) <= REORDER_FRAMES

    def _is_late(self, stamp: Stamp, time_ns: int, following: list[Stamp]) -> bool:
        """Whether the pictures after this one show that its stamp lies too far ahead."""
        if self._is_undecided(stamp, following):
            return False
        latest_ns = -1 if self.latest_ns is None else self.latest_ns
        earliest_ns = self._earliest_ns(stamp) if stamp.is_reordered else latest_ns + 1
        after = [s.ns + self._offsets_ns[0] for s in _judges(stamp, following)]
        return sum(earliest_ns <= t < time_ns - max(latest_ns - earliest_ns, 0) for t in after) > len(after) / 2

    def _run(self, stamp: Stamp, following: list[Stamp]) -> list[Stamp] | None:
        """The packets that go on from a jump; None where those after it show that the old clock goes on."""
        latest_ns, period_ns = self.latest_ns or 0, self.period_ns

        def goes_on_from_old(number: int, s: Stamp) -> bool:
            from_run_ns = s.ns - stamp.ns - number * period_ns
            from_old_ns = s.ns + self._offsets_ns[0] - latest_ns - (number + 1) * period_ns
            return abs(from_run_ns) > abs(from_old_ns)

        old = {id(s) for number, s in enumerate(following, 1) if goes_on_from_old(number, s)}
        if any(id(s) in old for s in _judges(stamp, following)):
            return None
        return [stamp, *(s for s in following if id(s) not in old)]

    def _is_pause(self, time_ns: int) -> bool:
        """Whether a long jump ahead is what the file as a whole says."""
        since_ns, end_ns = self.latest_ns or 0, self.timing.end_ns
        if not self.timing.one_timeline or time_ns <= since_ns:
            return False
        return time_ns <= end_ns + NS if end_ns is not None else time_ns - since_ns <= UNSTATED_PAUSE_S * NS


def _judges(stamp: Stamp, following: list[Stamp]) -> list[Stamp]:
    """The packets that decide whether the old clock continues; skips those that may be shown before this one."""
    first = min(REORDER_FRAMES, len(following) * 2 // 3) if stamp.is_reordered else 0
    return following[first : first + PERSISTS]


def _plausible_period_ns(stated_ns: int, stamps_ns: list[int]) -> int:
    """The stated time between pictures, or, where the stamps contradict it by far, what they say."""
    ordered = sorted(set(stamps_ns))
    steps_ns = sorted(b - a for a, b in pairwise(ordered))
    if not steps_ns:
        return stated_ns
    usual_ns = steps_ns[len(steps_ns) // 4]  # not the median: slides are few among long pauses
    return max(usual_ns if stated_ns > 4 * usual_ns else stated_ns, usual_ns // 16, 1)
