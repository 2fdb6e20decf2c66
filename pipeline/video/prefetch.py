"""Overlap decoding and analysis: items are made in one other thread, in order, and no more than are wanted ahead."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TypeVar

T = TypeVar("T")

BYTES_MAX = 16 * 2**20
"""From this many on, what lies ready is enough. Batches end at 32 MiB and an interval of up to 48 MiB
(`pipeline.video.intervals`): with the one being analysed and the one being made, 256 MiB."""


def prefetch(items: Iterable[T], depth: int, nbytes: Callable[[T], int], bytes_max: int = BYTES_MAX) -> Generator[T]:
    """Iterate `items`, at most `depth` of them and `bytes_max` bytes ahead, but always one.

    An exception of `items` is raised here in its turn. Leaving the loop early stops the thread.
    """
    ready: deque[tuple[T, int]] = deque()
    changed = threading.Condition()
    ended, wanted = False, True
    failure: BaseException | None = None

    def full() -> bool:
        return bool(ready) and (len(ready) >= depth or sum(size for _, size in ready) >= bytes_max)

    def make() -> None:
        nonlocal ended, failure
        try:
            for item in items:
                with changed:
                    ready.append((item, nbytes(item)))
                    changed.notify_all()
                    changed.wait_for(lambda: not wanted or not full())
                    if not wanted:
                        return
        except BaseException as exc:  # noqa: BLE001 - raised again in the caller's thread
            failure = exc
        finally:
            close = getattr(items, "close", None)
            if close is not None and not wanted:
                close()
            with changed:
                ended = True
                changed.notify_all()

    thread = threading.Thread(target=make, name="decode", daemon=True)
    thread.start()
    try:
        while True:
            with changed:
                changed.wait_for(lambda: ready or ended)
                if not ready:
                    break
                item, _ = ready.popleft()
                changed.notify_all()
            yield item
            del item
        if failure is not None:
            raise failure
    finally:
        with changed:
            wanted = False
            changed.notify_all()
        thread.join()
