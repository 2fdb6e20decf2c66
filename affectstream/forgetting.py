"""`forget`: which sources are meant, what is erased of them, and reports written anew without them."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ResultsError
from pipeline.remote.addresses import is_address, redacted
from pipeline.report import write_report
from pipeline.results.forget import Erased, Held, erase, held
from pipeline.results.marks import Marks, read_marks, write_marks
from pipeline.results.run_folder import utc_now
from pipeline.sources.naming import Naming, source_uri
from pipeline.storage.base import FORGETTING
from pipeline.storage.store import open_store
from pipeline.text import printable


@dataclass(frozen=True, slots=True)
class Found:
    """What is held of the sources that somebody named."""

    streams: list[Held]
    forgotten_before: dict[str, str]
    """Items that were forgotten before, and when (UTC)."""


def find(sources: Iterable[str | Path], results: str | Path) -> Found:
    """What a results folder holds of `sources`.

    Raises ResultsError where there are no results, and for sources that they hold nothing of, ConfigError for names
    that could be those of several streams.
    """
    there, marks = held(results), read_marks(open_store(results))
    naming = Naming({stream_id: each.uri for stream_id, each in there.items()})
    streams: dict[str, Held] = {}
    before: dict[str, str] = {}
    unknown = []
    for item in sources:
        if fits := naming.named(item):
            streams |= {stream_id: there[stream_id] for stream_id in fits}
        elif (when := _forgotten_utc(item, marks)) is not None:
            before[redacted(str(item))] = when
        else:
            there_are = printable(naming.suggestion(item))
            unknown.append(f"{redacted(str(item))}: {open_store(results)} holds nothing of it; {there_are}")
    if unknown and marks.sources:
        unknown.append("sources that were forgotten there are recognised by their path or address only")
    if unknown:
        raise ResultsError("\n".join(unknown))
    return Found([streams[stream_id] for stream_id in sorted(streams)], before)


def forget(sources: str | Path | Iterable[str | Path], results: str | Path) -> Erased:
    """Erase all that a results folder, or its address, holds of some sources; return what was removed.

    sources: paths or addresses, of files, folders or as patterns; or streams by `stream_id`, by name or as patterns.
    They may be gone. Rows, files, merged files, commits, checkpoints, records and reports in the folder are erased, and
    reports written anew without them. A later `analyze` into that folder leaves the sources out (`allow_again` ends
    that). What was copied, exported or sent on is not reached, nor are backups and the videos themselves.

    A call that was ended half way is finished by the next one. Raises ResultsError where the folder holds nothing of a
    source, or something else is at work there; ConfigError for a name that several streams have; SinkError where
    something cannot be removed.
    """
    given = [sources] if isinstance(sources, str | Path) else sources
    return forget_streams([each.stream_id for each in find(given, results).streams], results)


def forget_streams(stream_ids: Iterable[str], results: str | Path) -> Erased:
    """The same for streams that `find` has found."""
    erased = erase(results, list(stream_ids))
    for report in erased.reports:
        if not is_address(str(results)) and not report.startswith("_"):  # one that `report` was ended over
            with suppress(ResultsError):  # nothing is left to report
                write_report(results, Path(results) / report)
    return erased


def allow_again(sources: str | Path | Iterable[str | Path], results: str | Path) -> int:
    """Let `analyze` process forgotten sources again. They are given by path, address or URI.

    What was erased does not come back. Returns how many. Raises ResultsError for a source that was not forgotten there.
    """
    given = [sources] if isinstance(sources, str | Path) else list(sources)
    store = open_store(results)
    with store.locked(FORGETTING):
        marks = read_marks(store)
        for item in given:
            names = _names(item)
            if not any(marks.forgotten_utc(name) for name in names):
                raise ResultsError(f"{redacted(str(item))}: was not forgotten in {store}; give its path or address")
            for name in names:
                marks = marks.allowing(name, utc_now())
        write_marks(store, marks)
    return len(given)


def _forgotten_utc(item: str | Path, marks: Marks) -> str | None:
    return next((when for name in _names(item) if (when := marks.forgotten_utc(name))), None)


def _names(item: str | Path) -> list[str]:
    """What a mark may have been made of: the item as it stands, a URI or a stream_id, and the URI of its path."""
    text = str(item)
    return [text, source_uri(item)] if "://" not in text or is_address(text) else [text]
