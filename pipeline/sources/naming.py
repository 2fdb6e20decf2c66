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


class Naming:
    """The streams of a results folder, by everything that they can be called."""

    def __init__(self, known: Mapping[str, str | None]):
        """`known`: the URI of each stream's source, by `stream_id`; None where it is not known."""
        self._exact: dict[str, list[str]] = {stream_id: [stream_id] for stream_id in known}
        self._paths: dict[str, dict[str, list[str]]] = {}
        self._names: dict[str, list[str]] = {}
        for stream_id, uri in known.items():
            self._names.setdefault(_bare(stream_id), []).append(stream_id)
            if uri is not None:
                path, kind = _place(uri)
                self._exact.setdefault(uri, []).append(stream_id)
                self._paths.setdefault(kind, {}).setdefault(path, []).append(stream_id)

    def named(self, item: str | Path) -> list[str]:
        """The streams that an item names, sorted; none where it names nothing.

        An item is a stream_id or a URI as results name it; the path or address of a file, of a folder, or a pattern of
        paths; or, if no path fits, a stream's name without its hash, the end of that name, or a pattern of names.
        Raises ConfigError for a name that several streams share.
        """
        text = str(item)
        if text in self._exact:
            return sorted(self._exact[text])
        if is_address(text.strip()):
            path, kind = _place(identity(text.strip()))
            return _fitting(self._paths.get(kind, {}), path)
        if not text.strip():
            return []
        return _fitting(self._paths.get("file", {}), str(real_path(text))) or self._by_name(text)

    def suggestion(self, item: str | Path) -> str:
        """What to tell somebody whose item names nothing: a name like it, else some that there are."""
        if near := difflib.get_close_matches(Path(item).name, self._names, n=1):
            return f"did you mean {near[0]!r}?"
        some = ", ".join(sorted(self._names)[:SHOWN_MAX])
        return f"there are {some or 'none'}{' …' if len(self._names) > SHOWN_MAX else ''}"

    def _by_name(self, item: str) -> list[str]:
        found = self._names.get(item)
        if found is None:
            found = [s for name, streams in self._names.items() if name.endswith(f"/{item}") for s in streams]
        if len(found) > 1:
            several = ", ".join(sorted(found))
            raise ConfigError(f"{item}: {len(found)} streams have this name: {several}; give one of these")
        return found or _fitting(self._names, item)


def source_uri(item: str | Path) -> str:
    """The URI of the file at a path or an address. Raises ConfigError for an address of no known kind."""
    text = str(item).strip()
    return identity(text) if is_address(text) else real_path(item).as_uri()


def _place(uri: str) -> tuple[str, str]:
    """(path, kind): only paths of the same kind can be compared, so an endpoint is part of it."""
    kind, _, rest = uri.partition("://")
    if kind == "file":
        return os.fsdecode(unquote_to_bytes(rest)), kind
    end = _TOLD_APART.search(rest)
    return (rest[: end.start()], kind + end.group()) if end else (rest, kind)


def _fitting(paths: Mapping[str, list[str]], wanted: str) -> list[str]:
    """The streams at a path, else those below that folder, else those that match it as a pattern."""
    if wanted in paths:
        return sorted(paths[wanted])
    folder = f"{wanted.rstrip('/')}/"
    if below := [stream_id for path, streams in paths.items() if path.startswith(folder) for stream_id in streams]:
        return sorted(below)
    if not glob.has_magic(wanted):
        return []
    try:
        pattern = glob_pattern(PurePosixPath(wanted.lstrip("/")).parts)
    except re.error:  # [b-a]
        return []
    return sorted(s for path, streams in paths.items() if pattern.fullmatch(path.lstrip("/")) for s in streams)


def _bare(stream_id: str) -> str:
    """A stream's name without its hash."""
    return stream_id.rpartition("~")[0] or stream_id
