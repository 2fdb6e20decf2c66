"""From the order in which packets are stored to the order in which pictures are shown, with increasing times."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from pipeline.video.clock import REORDER_FRAMES

T = TypeVar("T")

HELD_MAX = 4
"""Decoded pictures that wait for the time of the next: memory is bounded by it."""


class DecodeOrder:
    """Presentation times for packets that carry decoding times only: the same times, in presentation order.

    The decoder returns a picture only after later packets have gone in. That delay is measured at key frames and
    subtracted. The first one of a file shows it; pictures stored after a later one may be shown before it.
    """

    def __init__(self, delay_ns: int | None = None) -> None:
        self._fed: deque[int] = deque(maxlen=4 * REORDER_FRAMES)
        self.delay_ns = delay_ns
        """Smallest delay that was measured."""
        self._last_ns = -1

    def fed(self, time_ns: int | None) -> None:
        """A packet goes in."""
        if time_ns is not None:
            self._fed.append(time_ns)

    def shown(self, own_ns: int | None, fed_ns: int | None, is_key: bool) -> int | None:
        """A picture's time, from its own packet's and that of the packet that brought it out, None at the end."""
        if fed_ns is None:
            time_ns = next((t for t in self._fed if t > self._last_ns), None)
        else:
            if is_key and own_ns is not None:
                delay_ns = fed_ns - own_ns
                self.delay_ns = delay_ns if self.delay_ns is None else min(delay_ns, self.delay_ns)
            time_ns = fed_ns - (self.delay_ns or 0)
        self._last_ns = self._last_ns if time_ns is None else time_ns
        return time_ns


def in_order(
    pictures: Iterable[tuple[T, int | None]],
    usual_period_ns: Callable[[], int],
    squeezed: Callable[[int], None] = lambda time_ns: None,
) -> Iterator[tuple[T, int]]:
    """Yield all pictures in decoder output order, with strictly increasing times.

    A picture without a time, or with one that is not later, waits for the next picture with a later time. Waiting
    pictures are spaced evenly up to it, at most one period apart. At most `HELD_MAX` pictures wait. `squeezed` gets the
    times of pictures that are closer together than they were, because their stamps lie behind.
    """
    last_ns, stamp_ns, period_ns, held = -1, -1, 1, list[T]()
    for picture, time_ns in pictures:
        period_ns = usual_period_ns()
        if last_ns < 0:
            time_ns = max(time_ns or 0, 0)
        if time_ns is not None and time_ns > last_ns:
            step_ns = min((time_ns - last_ns) // (len(held) + 1), period_ns)
            yield from ((waiting, last_ns + i * step_ns) for i, waiting in enumerate(held, 1))
            yield picture, time_ns
            held.clear()
            last_ns = time_ns
        else:
            held.append(picture)
            if len(held) > HELD_MAX:
                behind = time_ns is not None and time_ns > stamp_ns  # stamps go on, but lie behind: let them catch up
                last_ns += max(period_ns // 8, 1) if behind else period_ns
                if behind:
                    squeezed(last_ns)
                yield held.pop(0), last_ns
        stamp_ns = stamp_ns if time_ns is None else time_ns
    yield from ((waiting, last_ns + i * period_ns) for i, waiting in enumerate(held, 1))
