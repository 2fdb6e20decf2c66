"""Who is told how a run goes: a progress bar, a log, the file that `affectstream status` reads."""

from collections.abc import Mapping

from pipeline.jobs import Failed, Job
from pipeline.tally import UnitReport
from pipeline.unit import Progress


class Watcher:
    """Told how a run goes, from one thread. This one does not listen; give another to show it."""

    def planned(self, sizes: Mapping[str, int | None], done: int) -> None:
        """These streams are to be done, each of so many bytes if that is known; `done` were done before."""

    def noted(self, line: str) -> None:
        """Something of the whole run that a person may want to know."""

    def staffed(self, workers: int) -> None:
        """So many workers are there now."""

    def progress(self, job: Job, progress: Progress) -> None:
        """A job is so far."""

    def analysed(self, job: Job) -> None:
        """A stretch of a long video is analysed."""

    def retried(self, job: Job, failed: Failed) -> None:
        """A job came to nothing and is tried again."""

    def ended(self, report: UnitReport) -> None:
        """A unit is over, well or not."""


class Watchers(Watcher):
    """Several, each told in turn."""

    def __init__(self, *watchers: Watcher):
        self._watchers = watchers

    def planned(self, sizes: Mapping[str, int | None], done: int) -> None:
        for watcher in self._watchers:
            watcher.planned(sizes, done)

    def noted(self, line: str) -> None:
        for watcher in self._watchers:
            watcher.noted(line)

    def staffed(self, workers: int) -> None:
        for watcher in self._watchers:
            watcher.staffed(workers)

    def progress(self, job: Job, progress: Progress) -> None:
        for watcher in self._watchers:
            watcher.progress(job, progress)

    def analysed(self, job: Job) -> None:
        for watcher in self._watchers:
            watcher.analysed(job)

    def retried(self, job: Job, failed: Failed) -> None:
        for watcher in self._watchers:
            watcher.retried(job, failed)

    def ended(self, report: UnitReport) -> None:
        for watcher in self._watchers:
            watcher.ended(report)
