"""What workers are asked for, and what they answer."""

from dataclasses import dataclass
from typing import Literal

from pipeline.jobs.segments import Segment
from pipeline.results.commits import StreamReport
from pipeline.sources.find import Source

JobKey = tuple[str, int, int | None]
"""What tells a job from the others of its run: URI, number of segments, which of them."""


@dataclass(frozen=True, slots=True)
class Job:
    """A whole source; or, where it was cut into `segments`, one of these, or their joining."""

    source: Source
    segments: tuple[Segment, ...] = ()
    part: int | None = None
    """Which of the segments is to be analysed; None with segments: they are to be joined."""

    @property
    def key(self) -> JobKey:
        """What tells it from the other jobs of the run."""
        return self.source.uri, len(self.segments), self.part


@dataclass(frozen=True, slots=True)
class Split:
    """A video is long: it is to be analysed in these segments."""

    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Analysed:
    """A segment is analysed."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that came to nothing."""

    message: str
    kind: Literal["input", "sink", "ours", "machine", "lost"]
    """Whose fault: the file's, the disk's, ours (with a traceback), the machine's (it is lost or unfit, whatever the
    job); `lost`: the job has cost its worker."""
    last_words: str = ""
    """The end of what a lost worker wrote to stderr."""


Answer = StreamReport | Split | Analysed | Failed


def failure(source: Source, failed: Failed) -> StreamReport:
    """The report of a source that was not committed."""
    ours = failed.kind == "ours"
    return StreamReport(stream_id=source.stream_id, source=source.shown, error=failed.message, our_fault=ours)
