"""The sink seam."""

from typing import Protocol

from pipeline.updates import StreamUpdate


class Sink(Protocol):
    """Takes the updates of one stream, in order of time. Not thread-safe."""

    def write(self, update: StreamUpdate) -> None:
        """Take an update. It need not be durable before `flush`. Raises SinkError; then the stream is done again."""

    def flush(self) -> None:
        """Make everything written durable; raise SinkError if that cannot be said."""

    def close(self) -> None:
        """Let go of resources. What was not flushed is thrown away."""
