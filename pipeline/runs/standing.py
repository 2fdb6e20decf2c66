"""How a run stands: counted as it is told, read by whatever shows it: a bar, a log, a file, Prometheus.

What is done is weighed by the bytes of its files, not by their number, so that the time left holds although the
largest are begun first.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

from pipeline.jobs.context import Progress
from pipeline.results.commits import StreamReport
from pipeline.runs.jobs import Failed, Job
from pipeline.sources.scan import LeftOut


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A run at one moment. What was done by earlier calls counts in `sources` and `resumed` only."""

    sources: int = 0
    resumed: int = 0
    """Done before this call."""
    analysed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    """Why, by stream."""
    retries: int = 0
    workers: int = 0
    at_work: dict[str, float] = field(default_factory=dict)
    """The share that is done, by stream."""
    share: float = 0.0
    """Of what this call is to do, 0..1."""
    elapsed_s: float = 0.0
    video_s: float = 0.0
    frames: int = 0
    faces: int = 0

    @property
    def left_s(self) -> float | None:
        """Time left at the pace so far; None: too early to say."""
        return self.elapsed_s * (1 - self.share) / self.share if self.share > 0 else None

    @property
    def times_real_time(self) -> float:
        """Seconds of video per second."""
        return self.video_s / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def frames_per_s(self) -> float:
        """Analysed frames per second."""
        return self.frames / self.elapsed_s if self.elapsed_s else 0.0


@dataclass(slots=True)
class _AtWork:
    """A stream that is being done; what is told of each of its segments by number, or of the whole by None."""

    pieces: int
    """Stretches, of about the same length; 1: it is not cut."""
    progress: dict[int | None, Progress] = field(default_factory=dict)
    shares: dict[int | None, float] = field(default_factory=dict)
    """Of the whole stream."""


class Standing:
    """Told how a run goes from one thread, read from any.

    Subclasses override these methods to react to events, and call `super()` so that the counts stay right.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._lock = clock, threading.Lock()
        self._began_s: float | None = None
        self._weights: dict[str, float] = {}
        """Of what is not done yet, by stream."""
        self._all, self._done = 0.0, 0.0
        self._at_work: dict[str, _AtWork] = {}
        self._sources, self._resumed, self._analysed, self._retries, self._workers = 0, 0, 0, 0, 0
        self._failed: dict[str, str] = {}
        self._video_s, self._frames, self._faces = 0.0, 0, 0

    def planned(self, sizes: Mapping[str, int | None], done: int) -> None:
        """These streams are to be done, each of so many bytes if that is known; `done` were done before."""
        known = [size for size in sizes.values() if size]
        usual = sum(known) / len(known) if known else 1.0
        with self._lock:
            self._weights = {stream_id: float(size or usual) for stream_id, size in sizes.items()}
            self._all = sum(self._weights.values())
            self._sources, self._resumed = len(sizes) + done, done

    def noted(self, line: str) -> None:
        """Something of the whole run that a person may want to know."""

    def left_out(self, left_out: LeftOut) -> None:
        """The search for sources passed over these."""

    def staffed(self, workers: int) -> None:
        """So many workers are there now."""
        with self._lock:
            self._workers = workers

    def progress(self, job: Job, progress: Progress) -> None:
        """A job is so far."""
        with self._lock:
            self._begin()
            if (at_work := self._of(job)) is not None:
                at_work.progress[job.part] = progress
                done_s = progress.stream_s / (progress.duration_s or inf)
                at_work.shares[job.part] = min(done_s, 1 / at_work.pieces)

    def analysed(self, job: Job) -> None:
        """A segment of a long video is analysed."""
        with self._lock:
            if (at_work := self._of(job)) is not None:
                at_work.shares[job.part] = 1 / at_work.pieces

    def retried(self, job: Job, failed: Failed) -> None:
        """A job came to nothing and is tried again."""
        with self._lock:
            self._retries += 1
            if (at_work := self._of(job)) is not None:
                at_work.progress.pop(job.part, None)
                at_work.shares.pop(job.part, None)

    def ended(self, report: StreamReport) -> None:
        """A unit is over, well or not."""
        with self._lock:
            self._begin()
            self._at_work.pop(report.stream_id, None)
            self._done += self._weights.pop(report.stream_id, 0.0)
            if report.error is None:
                self._analysed += 1
                self._video_s += report.video_s
                self._frames += report.frames
                self._faces += report.points
            else:
                self._failed[report.stream_id] = report.error_line

    def snapshot(self) -> Snapshot:
        """The run now."""
        with self._lock:
            now = [progress for at_work in self._at_work.values() for progress in at_work.progress.values()]
            shares = {stream_id: min(sum(each.shares.values()), 1.0) for stream_id, each in self._at_work.items()}
            half_done = sum(share * self._weights[stream_id] for stream_id, share in shares.items())
            return Snapshot(
                sources=self._sources,
                resumed=self._resumed,
                analysed=self._analysed,
                failed=dict(self._failed),
                retries=self._retries,
                workers=self._workers,
                at_work=shares,
                share=min((self._done + half_done) / self._all, 1.0) if self._all else 1.0,
                elapsed_s=0.0 if self._began_s is None else self._clock() - self._began_s,
                video_s=self._video_s + sum(progress.stream_s for progress in now),
                frames=self._frames + sum(progress.frames for progress in now),
                faces=self._faces + sum(progress.faces for progress in now),
            )

    def _of(self, job: Job) -> "_AtWork | None":
        """What is known of a job's stream; None where nothing is to be counted."""
        if job.source.stream_id not in self._weights:
            return None  # it came late: the unit is over
        if job.segments and job.part is None:
            return None  # the segments are being joined: all of them are counted already
        at_work = self._at_work.get(job.source.stream_id)
        pieces = max(len(job.segments), 1)
        if at_work is None or at_work.pieces < pieces:
            at_work = self._at_work[job.source.stream_id] = _AtWork(pieces)
        return at_work if at_work.pieces == pieces else None

    def _begin(self) -> None:
        """The clock runs from the first word of a worker: loading the networks is not the pace."""
        if self._began_s is None:
            self._began_s = self._clock()
