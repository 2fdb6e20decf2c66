"""``forgotten.json``: which sources were erased from a results folder, so that no later run analyses them again.

Sources are identified by a salted hash of their URI, so the file contains no names; anyone with the folder can still
test a guessed URI. Streams are named only while an erasure is in progress, so that a later call can finish it. The file
survives `--fresh` and marks are never removed: together they are a log of what was erased.
"""

import hashlib
import secrets
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Self

from pydantic import TypeAdapter

from pipeline.errors import ResultsError
from pipeline.results.commits import parsed
from pipeline.storage.store import Store, write_json

FORGOTTEN_FILE = "forgotten.json"


@dataclass(frozen=True, slots=True)
class Mark:
    """One erased source."""

    sha256: str
    """Of the salt and the URI; of the stream_id where no URI was known."""
    forgotten_utc: str
    rows: dict[str, int] = field(default_factory=dict)
    """How many were erased, by table."""
    allowed_utc: str | None = None
    """Since when the source may be analysed again; None: it is left out."""


@dataclass(frozen=True)
class Marks:
    """The content of the file."""

    salt: str = field(default_factory=lambda: secrets.token_hex(16))
    sources: tuple[Mark, ...] = ()
    erasing: tuple[str, ...] = ()
    """Streams that are being erased, or were when the call was ended."""

    def forgotten_utc(self, name: str) -> str | None:
        """When the source with this URI or stream_id was forgotten; None: it was not."""
        return self._times.get(self._digest(name))

    def with_mark(self, name: str, forgotten_utc: str, rows: dict[str, int]) -> Self:
        """With one more source, by its URI or stream_id."""
        return replace(self, sources=(*self.sources, Mark(self._digest(name), forgotten_utc, rows)))

    def allowing(self, name: str, allowed_utc: str) -> Self:
        """With a source, by its URI or stream_id, that may be analysed again."""
        digest = self._digest(name)

        def changed(mark: Mark) -> Mark:
            left_out = mark.sha256 == digest and mark.allowed_utc is None
            return replace(mark, allowed_utc=allowed_utc) if left_out else mark

        return replace(self, sources=tuple(map(changed, self.sources)))

    @property
    def num_forgotten(self) -> int:
        """How many sources are left out."""
        return len(self._times)

    @cached_property
    def _times(self) -> dict[str, str]:
        return {mark.sha256: mark.forgotten_utc for mark in self.sources if mark.allowed_utc is None}

    def _digest(self, name: str) -> str:
        return hashlib.sha256(f"{self.salt}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()


_MARKS = TypeAdapter(Marks)


def read_marks(store: Store) -> Marks:
    """What was forgotten there. Raises ResultsError where the file is damaged or cannot be read."""
    content = store.read(FORGOTTEN_FILE)
    if content is None:
        return Marks()
    try:
        return parsed(_MARKS, content)
    except ValueError as exc:
        raise ResultsError(
            f"{store}/{FORGOTTEN_FILE}: damaged ({exc}); restore it, or remove it if every source may be analysed again"
        ) from exc


def write_marks(store: Store, marks: Marks) -> None:
    """Replace the file, whole or not at all. Raises SinkError."""
    write_json(store, FORGOTTEN_FILE, asdict(marks))
