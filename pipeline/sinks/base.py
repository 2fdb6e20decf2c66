"""The sink seam."""

from typing import Protocol

from pipeline.tracks.timeline import Finished


class Sink(Protocol):
    """Takes the finished rows of one unit, in order of time. Not thread-safe."""

    def write(self, rows: Finished) -> None:
        """Take rows. They need not be durable before `flush`. Raises SinkError; then the unit is done again."""

    def flush(self) -> None:
        """Make everything written durable; raise SinkError if that cannot be said."""

    def close(self) -> None:
        """Let go of resources. What was not flushed is thrown away."""
