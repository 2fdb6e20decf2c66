"""Where finished rows go."""

from pipeline.sinks.base import Sink
from pipeline.sinks.files import FileSink, Format

__all__ = ["FileSink", "Format", "Sink"]
