"""The sign of life of this process, for the watchdog that kills a worker that hangs.

Code that takes long calls `beat` whenever it has made progress: a frame decoded, a batch run, a part written. Code that
waits for something else and bounds that wait itself does so inside `waiting`. A worker sends `beats` to its parent,
which kills it once they stand still for `worker.hang_s`. One counter per process is enough, because a worker does one
job at a time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_beats = 0
_waits = 0


def beat() -> None:
    """Record progress. Cheap enough for every frame; may be called from any thread."""
    global _beats
    with _lock:
        _beats += 1


@contextmanager
def waiting() -> Iterator[None]:
    """Mark a wait that is bounded in time, such as a network request with a timeout: it is never taken for a hang."""
    global _waits
    with _lock:
        _waits += 1
    try:
        yield
    finally:
        with _lock:
            _waits -= 1


def beats() -> int:
    """The number of beats so far. It grows with every call while a thread of this process is `waiting`."""
    if _waits:
        beat()
    return _beats
