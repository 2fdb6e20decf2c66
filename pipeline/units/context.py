"""What a unit is given, and what it tells while it goes on."""

from dataclasses import dataclass

from pipeline.config import AnalyzeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContext:
    """What is the same for every unit of a run. Travels to workers."""

    run_id: str
    out: str
    """A path or an address (`pipeline.storage.store`)."""
    config: AnalyzeConfig
    metadata: dict[str, str]
    """For every file: versions, networks, settings."""
    stretch_s: float | None = None
    """Videos longer than one and a half times this are cut into stretches; None: none is."""


@dataclass(kw_only=True, slots=True)
class Progress:
    """How far a unit is; written by the worker, read by whoever watches."""

    start_s: float = 0.0
    """Where the stretch begins."""
    stream_s: float = 0.0
    """How much of it is analysed ..."""
    duration_s: float | None = None
    """... of so much that is asked for of the whole video, if that is known."""
    frames: int = 0
    faces: int = 0
    beats: int = 0
    """Of the worker (`pipeline.heartbeat`): a long batch that gets on is no hang."""
