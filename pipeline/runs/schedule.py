"""Which job is next, and what an answer means: retries with pauses, and long videos in segments.

Jobs leave in the order of the sources. What is tried again waits at the side, so that neither a slow disk nor a file
that kills its worker holds up the rest.
"""

import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count

from pipeline.errors import SinkError
from pipeline.results.commits import StreamReport
from pipeline.runs.jobs import Analysed, Answer, Failed, Job, Split, failure
from pipeline.runs.standing import Standing
from pipeline.sources.find import Source

SINK_PAUSES_S = (1.0, 4.0, 15.0)
"""Pauses before a job whose rows could not be written is tried again."""
SINKS_LOST_MAX = 5
"""So many sources in a row whose rows could not be written end the run: the disk is full, the bucket gone for good."""
LOST_PAUSE_S = 1.0
"""Pause before a job that cost its worker is tried again, times the number of such tries."""
MACHINES_LOST_MAX = 20
"""A job whose machine was lost so often is given up: it may be what the machines are lost for."""


class Schedule:
    """The jobs of a run. Times are of any clock that only goes forward, in seconds."""

    def __init__(
        self,
        sources: Iterable[Source],
        *,
        attempts: int,
        standing: Standing | None = None,
    ):
        """`attempts`: a job that has cost so many workers is given up."""
        self._attempts, self._standing = attempts, standing or Standing()
        self._ready = deque(Job(source) for source in sources)
        self._later: list[tuple[float, int, Job]] = []
        self._order = count()
        self._running = 0
        self._tries: Counter[tuple[object, str]] = Counter()
        self._open: dict[str, set[int]] = {}
        """Stretches that are not analysed yet, by the URI of the source that was cut."""
        self._given_up: set[str] = set()
        self._sinks_lost = 0
        """Sources in a row whose rows could not be written."""

    @property
    def unsettled(self) -> int:
        """How many jobs wait or run."""
        return len(self._ready) + len(self._later) + self._running

    @property
    def is_done(self) -> bool:
        """Nothing waits and nothing runs."""
        return self.unsettled == 0

    def take(self, now_s: float) -> Job | None:
        """The next job to begin at `now_s`; None: there is none, or none yet."""
        while self._later and self._later[0][0] <= now_s:
            self._ready.append(heapq.heappop(self._later)[2])
        while self._ready:
            job = self._ready.popleft()
            if job.source.uri not in self._given_up:
                self._running += 1
                return job
        return None

    def pause_s(self, now_s: float) -> float | None:
        """How long until a job that waits at the side is ready; None: none waits."""
        return max(self._later[0][0] - now_s, 0.0) if self._later else None

    def put(self, job: Job, answer: Answer, now_s: float) -> StreamReport | None:
        """What came of a job that was taken; the report of its source, if that is settled.

        Raises SinkError where rows cannot be written any more.
        """
        self._running -= 1
        if job.source.uri in self._given_up:
            return None
        match answer:
            case StreamReport():
                self._sinks_lost = 0
                return answer
            case Split(segments):
                self._open[job.source.uri] = set(range(len(segments)))
                parts = [Job(job.source, segments, part) for part in range(len(segments))]
                self._ready.extendleft(reversed(parts))
            case Analysed():
                assert job.part is not None
                self._standing.analysed(job)
                waiting = self._open[job.source.uri]
                waiting.discard(job.part)
                if not waiting:
                    self._ready.appendleft(replace(job, part=None))
            case Failed():
                return self._failed(job, answer, now_s)
        return None

    def work_off(self, do: Callable[[Job], Answer]) -> Iterator[tuple[Source, StreamReport]]:
        """The reports of all sources, as they come: one job at a time."""
        while not self.is_done:
            job = self.take(time.monotonic())
            if job is None:
                time.sleep(self.pause_s(time.monotonic()) or 0.0)
                continue
            report = self.put(job, do(job), time.monotonic())
            if report is not None:
                yield job.source, report

    def _failed(self, job: Job, failed: Failed, now_s: float) -> StreamReport | None:
        self._tries[job.key, failed.kind] += 1
        tried = self._tries[job.key, failed.kind]
        pause_s = self._pause_s(failed.kind, tried)
        if pause_s is not None:
            self._standing.retried(job, failed)
            heapq.heappush(self._later, (now_s + pause_s, next(self._order), job))
            return None
        if failed.kind in ("lost", "machine"):
            words = f"; its last words:\n{failed.last_words}" if failed.last_words else ""
            failed = replace(failed, message=f"{failed.message}; tried {tried} times{words}")
        if failed.kind == "sink":
            self._sinks_lost += 1
            if self._sinks_lost >= SINKS_LOST_MAX:
                raise SinkError(
                    f"{failed.message}; {SINKS_LOST_MAX} consecutive sources could not be written, so the run stops"
                )
        self._given_up.add(job.source.uri)
        return failure(job.source, failed)

    def _pause_s(self, kind: str, tried: int) -> float | None:
        """How long to wait before a job that has failed so often is tried again; None: it is not."""
        if kind == "sink" and tried <= len(SINK_PAUSES_S):
            return SINK_PAUSES_S[tried - 1]
        tries = {"lost": self._attempts, "machine": MACHINES_LOST_MAX}.get(kind, 0)
        return LOST_PAUSE_S * min(tried, self._attempts) if tried < tries else None
