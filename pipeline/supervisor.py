"""One worker process and its keeper: units go in, reports come out, and a worker that hangs or dies is replaced."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from engines import EngineError
from pipeline.errors import PipelineError
from pipeline.sources import Source
from pipeline.tally import UnitReport
from pipeline.unit import Progress, RunContext
from pipeline.worker import Failed, serve

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

    def __enter__(self) -> Self:
        loaded = self._next(LOADING_S_MAX, "loading the networks")
        if isinstance(loaded, Failed):
            raise EngineError(loaded.message)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()

    def do(self, source: Source, hang_s: float, watch: Callable[[Progress], None]) -> UnitReport | Failed:
        """One unit. Raises WorkerLostError if the worker dies, or its progress stands still for `hang_s`."""
        self._connection.send(source)
        last, changed = Progress(), time.monotonic()
        while True:
            reply = self._next(hang_s, "reading or analysing")
            if not isinstance(reply, Progress):
                return reply
            if reply != last:
                last, changed = reply, time.monotonic()
                watch(reply)
            elif time.monotonic() - changed > hang_s:
                raise WorkerLostError(f"no progress for {hang_s:g} s: the decoder hangs")

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
    waiting = [(source, 1) for source in sources]
    while waiting:
        try:
            with WorkerProcess(context) as worker:
                while waiting:
                    source, attempt = waiting[0]
                    reply = worker.do(source, settings.hang_s, lambda p, s=source: watch(s, p))  # type: ignore[misc]
                    if isinstance(reply, Failed) and reply.kind == "sink" and attempt <= len(SINK_BACKOFF_S):
                        time.sleep(SINK_BACKOFF_S[attempt - 1])
                        waiting[0] = (source, attempt + 1)
                        continue
                    waiting.pop(0)
                    yield reply if isinstance(reply, UnitReport) else _report(source, reply)
        except WorkerLostError as exc:
            source, attempt = waiting[0]
            if attempt < settings.attempts:
                waiting[0] = (source, attempt + 1)
            else:
                waiting.pop(0)
                tries = f"; tried {attempt} times" if attempt > 1 else ""
                yield UnitReport(stream_id=source.stream_id, source=source.path, error=f"{source.path}: {exc}{tries}")


def _report(source: Source, failed: Failed) -> UnitReport:
    ours = failed.kind == "ours"
    return UnitReport(stream_id=source.stream_id, source=source.path, error=failed.message, our_fault=ours)


def _how(exit_code: int | None) -> str:
    if exit_code is None:
        return "it does not end"
    return f"killed by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"exit code {exit_code}"
