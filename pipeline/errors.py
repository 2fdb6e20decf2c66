"""Everything this package raises on purpose.

PipelineError
|- ConfigError   the configuration or the call is wrong; do not retry
|- PolicyError   what was asked for is refused (`deployment.context`, a face that cannot be hidden); do not retry
|- SourceError   a video or picture cannot be opened or decoded; the others are not concerned
|- ResultsError  a results folder is missing, of another run, or damaged
`- SinkError     rows may not be durable; nothing half-written is visible; retry, then stop
"""


class PipelineError(Exception):
    """Something that is not our fault; the message says what was wrong and what to do."""


class ConfigError(PipelineError):
    """The configuration or the call is wrong."""


class PolicyError(PipelineError):
    """What was asked for is refused."""


class SourceError(PipelineError):
    """A video or picture cannot be opened or decoded."""


class ResultsError(PipelineError):
    """A results folder is missing, of another run, or damaged."""


class SinkError(PipelineError):
    """Rows may not be durable."""
