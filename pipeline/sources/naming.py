"""Which streams of a results folder somebody means. Neither the files nor their folders have to exist any more."""

import difflib
import glob
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote_to_bytes

from pipeline.errors import ConfigError
from pipeline.remote.addresses import identity, is_address
from pipeline.sources.find import real_path
from pipeline.sources.remote import glob_pattern

SHOWN_MAX = 5
"""Names that an error lists."""
_TOLD_APART = re.compile(r"\?[0-9a-f]{16}$")
"""How `identity` ends where the endpoint or the query is part of what an address names."""

Known = Mapping[str, str | None]
"""Streams: their `stream_id`, and the URI of their source where that is known."""


def named(item: str | Path, known: Known) -> list[str]:
    """The streams that an item names, sorted; none where it names nothing.

    An item is a stream_id or a URI as results name it; the path or address of a file, of a folder, or a pattern of
    paths; or, if no path fits, a stream's name without its hash, the end of that name, or a pattern of names. Raises
    ConfigError for a name that several streams share.
    """
    text = str(item)
    if exact := [stream_id for stream_id, uri in known.items() if text in (stream_id, uri)]:
        return exact
    if is_address(text.strip()):
        place, end = _place(identity(text.strip()))
    else:
        place, end = (str(real_path(text)), "file") if text.strip() else ("", "")
    places = {stream_id: _place(uri) for stream_id, uri in known.items() if uri is not None}
    of_kind = {stream_id: path for stream_id, (path, kind) in places.items() if kind == end}
    found = _equal(of_kind, place) or _matching(of_kind, place)
    return sorted(found or ([] if end != "file" else _by_name(text, known)))


def source_uri(item: str | Path) -> str:
    """The URI of the file at a path or an address. Raises ConfigError for an address of no known kind."""
    text = str(item).strip()
    return identity(text) if is_address(text) else real_path(item).as_uri()


def suggestion(item: str | Path, known: Known) -> str:
    """What to tell somebody whose item names nothing: a name like it, else some that there are."""
    names = sorted({_bare(stream_id) for stream_id in known})
    if near := difflib.get_close_matches(Path(item).name, names, n=1):
        return f"did you mean {near[0]!r}?"
    return f"there are {', '.join(names[:SHOWN_MAX]) or 'none'}{' …' if len(names) > SHOWN_MAX else ''}"


def _place(uri: str) -> tuple[str, str]:
    """(path, kind): only paths of the same kind can be compared, so an endpoint is part of it."""
    kind, _, rest = uri.partition("://")
    if kind == "file":
        return os.fsdecode(unquote_to_bytes(rest)), kind
    end = _TOLD_APART.search(rest)
    return (rest[: end.start()], kind + end.group()) if end else (rest, kind)


def _by_name(item: str, known: Known) -> list[str]:
    names = {stream_id: _bare(stream_id) for stream_id in known}
    ends = [stream_id for stream_id, name in names.items() if name.endswith(f"/{item}")]
    found = _equal(names, item) or ends
    if len(found) > 1:
        raise ConfigError(f"{item}: {len(found)} streams have this name: {', '.join(sorted(found))}; give one of these")
    return found or _matching(names, item)


def _equal(paths: Mapping[str, str], wanted: str) -> list[str]:
    return [stream_id for stream_id, path in paths.items() if path == wanted]


def _matching(paths: Mapping[str, str], wanted: str) -> list[str]:
    """Those below a folder, or matching a pattern."""
    folder = f"{wanted.rstrip('/')}/"
    if below := [stream_id for stream_id, path in paths.items() if path.startswith(folder)]:
        return below
    try:
        pattern = glob_pattern(PurePosixPath(wanted.lstrip("/")).parts) if glob.has_magic(wanted) else None
    except re.error:  # [b-a]
        return []
    return [s for s, path in paths.items() if pattern is not None and pattern.fullmatch(path.lstrip("/"))]


def _bare(stream_id: str) -> str:
    """A stream's name without its hash."""
    return stream_id.rpartition("~")[0] or stream_id
