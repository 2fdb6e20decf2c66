"""The sign of life of this process, for the watchdog that kills a worker that hangs.

Code that takes long calls `beat` whenever it has made progress: a frame decoded, a batch run, a part written. Code that
waits for something else and bounds that wait itself does so inside `waiting`. A worker sends `beats` to its parent,
which kills it once they stand still for `worker.hang_s`. One counter per process is enough, because a worker does one
job at a time.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

_lock = threading.Lock()
_beats = 0
_waits: dict[object, float] = {}
"""Deadline of each wait, by `time.monotonic`; after it, the wait no longer counts as a sign of life."""


def beat() -> None:
    """Record progress. Cheap enough for every frame; may be called from any thread."""
    global _beats
    with _lock:
        _beats += 1


@contextmanager
def waiting(limit_s: float = inf) -> Iterator[None]:
    """Mark a wait that is bounded in time, such as a network request with a timeout: it is never taken for a hang.

    `limit_s`: longest time for which the wait counts as alive; for waits without a limit of their own (disk I/O).
    """
    wait = object()
    with _lock:
        _waits[wait] = time.monotonic() + limit_s
    try:
        yield
    finally:
        with _lock:
            del _waits[wait]


def beats() -> int:
    """The number of beats so far. It grows with every call while a thread of this process is `waiting`."""
    with _lock:
        waits = any(until_s > time.monotonic() for until_s in _waits.values())
    if waits:
        beat()
    return _beats
