"""What workers are asked for, and what they answer."""

from dataclasses import dataclass
from typing import Literal

from pipeline.sources.find import Source
from pipeline.units.stretches import Split, Stretch
from pipeline.units.tally import UnitReport

JobKey = tuple[str, int, int | None]
"""What tells a job from the others of its run: URI, number of stretches, which of them."""


@dataclass(frozen=True, slots=True)
class Job:
    """A whole source; or, where it was cut into `stretches`, one of these, or their joining."""

    source: Source
    stretches: tuple[Stretch, ...] = ()
    part: int | None = None
    """Which of the stretches is to be analysed; None with stretches: they are to be joined."""

    @property
    def key(self) -> JobKey:
        """What tells it from the other jobs of the run."""
        return self.source.uri, len(self.stretches), self.part


@dataclass(frozen=True, slots=True)
class Analysed:
    """A stretch is analysed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that came to nothing."""

    message: str
    kind: Literal["input", "sink", "ours", "machine", "lost"]
    """Whose fault: the file's, the disk's, ours (with a traceback), the machine's (it is lost or unfit, whatever the
    job); `lost`: the job has cost its worker."""
    last_words: str = ""
    """The end of what a lost worker wrote to stderr."""


Answer = UnitReport | Split | Analysed | Failed


def failure(source: Source, failed: Failed) -> UnitReport:
    """The report of a source that was not committed."""
    ours = failed.kind == "ours"
    return UnitReport(stream_id=source.stream_id, source=source.shown, error=failed.message, our_fault=ours)
