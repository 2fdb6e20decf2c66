"""One worker process and its keeper: units go in, reports come out, and a worker that hangs or dies is replaced."""

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from engines import EngineError
from pipeline.errors import PipelineError
from pipeline.sources import Source
from pipeline.tally import UnitReport
from pipeline.unit import Progress, RunContext
from pipeline.worker import Failed, failure, serve

LOADING_S_MAX = 300.0
"""A worker may take this long to load, and on first use to build, its engines."""
SINK_BACKOFF_S = (1.0, 4.0, 15.0)
"""Pauses before a unit whose rows could not be written is tried again."""


class WorkerLostError(PipelineError):
    """The worker hung or died in the middle of a unit."""


class WorkerProcess:
    """A running worker. Use as a context manager: leaving it kills the process."""

    def __init__(self, context: RunContext):
        spawn = multiprocessing.get_context("spawn")
        self._connection: Connection
        self._connection, theirs = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(theirs, context), name="affectstream-worker", daemon=True)
        self._process.start()
        theirs.close()

    def load(self) -> None:
        """Wait until the networks are loaded. Raises EngineError if they cannot be."""
        try:
            loaded = self._next(LOADING_S_MAX, "loading the networks")
        except WorkerLostError as exc:
            raise EngineError(str(exc)) from exc
        if isinstance(loaded, Failed):
            raise EngineError(loaded.message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()

    def do(self, source: Source, hang_s: float, watch: Callable[[Progress], None]) -> UnitReport | Failed:
        """One unit. Raises WorkerLostError if the worker dies, or its progress stands still for `hang_s`."""
        try:
            self._connection.send(source)
        except OSError:
            raise WorkerLostError("the worker died while it had nothing to do") from None
        last, changed = Progress(), time.monotonic()
        while True:
            reply = self._next(hang_s, "reading or analysing")
            if not isinstance(reply, Progress):
                return reply
            if reply != last:
                last, changed = reply, time.monotonic()
                watch(reply)
            elif time.monotonic() - changed > hang_s:
                raise WorkerLostError(f"no progress for {hang_s:g} s: it hangs")

    def _next(self, timeout_s: float, doing: str) -> Progress | UnitReport | Failed:
        try:
            if not self._connection.poll(timeout_s):
                raise WorkerLostError(f"the worker did not answer for {timeout_s:g} s while {doing}")
            reply: Progress | UnitReport | Failed = self._connection.recv()
            return reply
        except (EOFError, ConnectionResetError):
            self._process.join(5)
            raise WorkerLostError(f"the worker died while {doing} ({_how(self._process.exitcode)})") from None


def do_all(
    sources: Sequence[Source], context: RunContext, watch: Callable[[Source, Progress], None]
) -> Iterator[UnitReport]:
    """Reports of all sources, in order, from one worker at a time. Raises EngineError if no worker can start."""
    settings = context.config.worker
    waiting = deque(sources)
    lost = 0  # workers that the first source in line has cost
    while waiting:
        with WorkerProcess(context) as worker:
            worker.load()
            try:
                while waiting:
                    source = waiting[0]
                    yield _persevere(worker, source, settings.hang_s, watch)
                    waiting.popleft()
                    lost = 0
            except WorkerLostError as exc:
                lost += 1
                if lost >= settings.attempts:
                    tries = f"; tried {lost} times" if lost > 1 else ""
                    yield failure(waiting.popleft(), Failed(f"{source.shown}: {exc}{tries}", "input"))
                    lost = 0


def _persevere(
    worker: WorkerProcess, source: Source, hang_s: float, watch: Callable[[Source, Progress], None]
) -> UnitReport:
    """One unit, tried again after a pause if its rows cannot be written."""
    for pause_s in (*SINK_BACKOFF_S, None):
        reply = worker.do(source, hang_s, lambda progress: watch(source, progress))
        if isinstance(reply, UnitReport):
            return reply
        if reply.kind != "sink" or pause_s is None:
            return failure(source, reply)
        time.sleep(pause_s)
    raise AssertionError("the last try returns")


def _how(exit_code: int | None) -> str:
    if exit_code is None:
        return "it does not end"
    return f"killed by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"exit code {exit_code}"
