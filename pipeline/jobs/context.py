"""What a job is given, and what it tells while it runs."""

from dataclasses import dataclass

from pipeline.config import AnalyzeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContext:
    """What is the same for every job of a run. Travels to workers."""

    run_id: str
    out: str
    """A path or an address (`pipeline.storage.store`)."""
    config: AnalyzeConfig
    metadata: dict[str, str]
    """For every file: versions, networks, settings."""
    segment_s: float | None = None
    """Videos longer than one and a half times this are cut into segments; None: no video is cut."""


@dataclass(kw_only=True, slots=True)
class Progress:
    """How far a job is; written by the worker, read by whoever watches."""

    start_s: float = 0.0
    """Where the segment begins."""
    stream_s: float = 0.0
    """How much of it is analysed ..."""
    duration_s: float | None = None
    """... of this length that is asked for of the whole video, if it is known."""
    frames: int = 0
    faces: int = 0
    beats: int = 0
    """Of the worker (`pipeline.heartbeat`): a long batch that gets on is no hang."""
