"""Everything this package raises on purpose.

EngineError
|- NetworkError         a network folder is missing, damaged or not understood; do not retry
|- RuntimeMissingError  the runtime asked for is not on this machine; the message names the command that helps
`- VerificationError    a built engine does not give the reference's numbers; it is not kept
"""


class EngineError(Exception):
    """Something about a network or an engine is wrong."""


class NetworkError(EngineError):
    """A network folder is missing, damaged or not understood."""


class RuntimeMissingError(EngineError):
    """The runtime or device asked for is not on this machine."""


class VerificationError(EngineError):
    """A built engine does not give the reference's numbers."""
