"""The seam of frame sources: files now, cameras beside them."""

from collections.abc import Iterator
from typing import Protocol

from pipeline.types import FrameBatch
from pipeline.video.decoded import VideoInfo


class FrameSource(Protocol):
    """The analysed frames of one stream. Not thread-safe."""

    ts_source: str
    """Where its times come from, as rows say it: `file` for time stamps in a file."""

    @property
    def info(self) -> VideoInfo:
        """What is known of the video before its first frame."""

    def batches(self) -> Iterator[FrameBatch]:
        """Batches of whole detection intervals, in order of time. May be called once. Raises SourceError."""
