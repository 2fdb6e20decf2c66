"""Do something every so often beside the work, until the work is over."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def repeating(action: Callable[[], None], every_s: float, *, name: str) -> Iterator[None]:
    """Call `action` every `every_s` from a thread of its own; leaving waits for a call that is under way.

    `name` is the thread's. What `action` raises ends the calls and nothing else.
    """
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(every_s):
            action()

    thread = threading.Thread(target=repeat, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
