"""What every store shares: what it says of a file that it has written, and the name and purposes of its lock."""

from dataclasses import dataclass

LOCK = "_lock"
ANALYSING, COMPACTING, FORGETTING = "analysing", "compacting", "forgetting"
"""What a folder may be held for."""


@dataclass(frozen=True, slots=True)
class Written:
    """A file that is in place and durable."""

    sha256: str
    bytes: int
