"""One worker process and its keeper: jobs go in, answers come out, and a worker that hangs or dies is replaced."""

import multiprocessing
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from engines import EngineError
from pipeline.jobs.context import Progress, RunContext
from pipeline.results.commits import StreamReport
from pipeline.runs.jobs import Answer, Failed, Job
from pipeline.runs.networks import LOADING_S_MAX, HostAddress
from pipeline.runs.schedule import Schedule
from pipeline.runs.standing import Standing
from pipeline.runs.worker import serve
from pipeline.sources.find import Source

END_S_MAX = 5.0
"""What is killed may take so long to end."""
LAST_WORDS_CHARS = 2000
"""So much of what a lost worker wrote to stderr is told."""


class _LostError(Exception):
    """The worker hung or died."""


class _WorkerProcess:
    """A running worker, until `close`."""

    def __init__(self, context: RunContext, host: HostAddress | None):
        spawn = multiprocessing.get_context("spawn")
        self._connection: Connection
        self._connection, theirs = spawn.Pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - without a name: nothing is left of it, whoever is killed
        arguments = (theirs, context, self._errors.fileno(), host)
        self._process = spawn.Process(target=serve, args=arguments, name="affectstream-worker", daemon=True)
        self._process.start()
        theirs.close()

    def close(self) -> None:
        """Kill it. One that a dead disk holds is left behind."""
        self._connection.close()
        self._process.kill()
        self._process.join(END_S_MAX)
        self._errors.close()

    def load(self) -> None:
        """Wait until the networks are loaded. Raises EngineError if they cannot be, _LostError if it dies or hangs."""
        loaded = self._next(LOADING_S_MAX, "loading the networks")
        if isinstance(loaded, Failed):
            raise EngineError(loaded.message)

    def do(self, job: Job, hang_s: float, watch: Callable[[Progress], None]) -> Answer:
        """One job. Raises _LostError if the worker dies, or its progress stands still for `hang_s`."""
        try:
            self._connection.send(job)
        except OSError:
            raise _LostError("the worker died while it had nothing to do") from None
        last, changed = Progress(), time.monotonic()
        while True:
            answer = self._next(hang_s, "reading or analysing")
            if not isinstance(answer, Progress):
                return answer
            if answer != last:
                last, changed = answer, time.monotonic()
                watch(answer)
            elif time.monotonic() - changed > hang_s:
                raise _LostError(f"no progress for {hang_s:g} s: it hangs")

    def last_words(self) -> str:
        """The end of what it wrote to stderr."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-LAST_WORDS_CHARS:].strip()

    def _next(self, timeout_s: float, doing: str) -> Progress | Answer:
        try:
            if not self._connection.poll(timeout_s):
                raise _LostError(f"the worker did not answer for {timeout_s:g} s while {doing}")
            reply: Progress | Answer = self._connection.recv()
            return reply
        except (EOFError, OSError):
            self._process.join(END_S_MAX)
            raise _LostError(f"the worker died while {doing} ({_how(self._process.exitcode)})") from None


class Keeper:
    """Has jobs done in a worker process of its own, a new one after each that is lost. Use as a context manager."""

    def __init__(self, context: RunContext, host: HostAddress | None = None):
        """`host`: who runs the networks; None: the worker itself."""
        self._context, self._host = context, host
        self._worker: _WorkerProcess | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def load(self) -> None:
        """Have a worker ready; one that is lost as it starts is replaced. Raises EngineError if none can be."""
        for left in reversed(range(self._context.config.worker.attempts)):
            if self._worker is not None:
                return
            try:
                worker = _WorkerProcess(self._context, self._host)
            except OSError as exc:
                raise EngineError(f"no worker can be started on this machine: {exc.strerror or exc}") from exc
            try:
                worker.load()
            except _LostError as exc:
                words = worker.last_words()
                worker.close()
                if not left:
                    raise EngineError(f"{exc}{f'; its last words: {words}' if words else ''}") from exc
            except EngineError:
                worker.close()
                raise
            else:
                self._worker = worker

    def do(self, job: Job, watch: Callable[[Progress], None]) -> Answer:
        """One job; a worker that is lost over it is a `Failed` answer. Raises EngineError if no worker can start."""
        self.load()
        assert self._worker is not None
        try:
            answer = self._worker.do(job, self._context.config.worker.hang_s, watch)
        except _LostError as exc:
            answer = Failed(f"{job.source.shown}: {exc}", "lost", self._worker.last_words())
        if isinstance(answer, Failed) and answer.kind == "lost":  # also one that has lost its networks' host
            self.close()
        return answer

    def close(self) -> None:
        """Kill its worker, if it has one."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def do_all(sources: Sequence[Source], context: RunContext, standing: Standing) -> Iterator[tuple[Source, StreamReport]]:
    """The reports of all sources, as they come, from one worker at a time. Raises EngineError if none can start."""
    schedule = Schedule(sources, attempts=context.config.worker.attempts, standing=standing)
    standing.staffed(1)
    with Keeper(context) as keeper:
        yield from schedule.work_off(lambda job: keeper.do(job, partial(standing.progress, job)))


def _how(exit_code: int | None) -> str:
    if exit_code is None:
        return "it does not end"
    if exit_code >= 0:
        return f"exit code {exit_code}"
    name = signal.Signals(-exit_code).name
    return f"killed by {name}{_MEANT.get(name, '')}"


_MEANT = {
    "SIGKILL": ", as when memory runs out",
    "SIGSEGV": ", a crash of a library",
    "SIGBUS": ", a crash of a library",
}
"""What usually lies behind a signal."""
