"""What is to be analysed: files, folders and patterns, here or remote, and what each stream is called."""

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from pipeline.errors import ConfigError
from pipeline.remote.addresses import is_address, redacted, without_secrets
from pipeline.remote.files import remote_state
from pipeline.remote.web import TRIES
from pipeline.sources.remote import find_remote
from pipeline.sources.scan import ANALYSED_SUFFIXES, LeftOut, files_below, is_analysed, searched, suitable

RESULT_FOLDERS = {"frames", "points", "tracks", "report", "_commits"}
ASKERS = 16
"""Remote files that are asked after at a time."""

Label = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Source:
    """One file that is a stream of its own."""

    path: str
    """Or address. It may hold a password or a signature: `shown` is for people and for what is written."""
    stream_id: str
    """Path below the given root, `~` and 8 hex of the URI's SHA-256; 16 where 8 are those of another source, too."""
    uri: str
    """Of the file itself, whatever links lead to it, without secrets."""
    labels: Mapping[str, Label] = field(default_factory=dict, hash=False)
    """What a list says of it, by column."""
    listed: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)
    """Its state, where a listing said it."""

    @property
    def shown(self) -> str:
        """The path or address, for people."""
        return redacted(self.path)

    def state(self, *, tries: int = TRIES) -> dict[str, Any]:
        """What tells this file, as it is now, from any other: what a commit remembers of its source.

        A web server is asked at most `tries` times.
        """
        if is_address(self.path):
            return {"uri": self.uri, **(self.listed or remote_state(self.path, tries=tries))}
        try:
            stat = Path(self.path).stat()
        except (OSError, ValueError):  # a NUL in its name
            return {"uri": self.uri}
        return {"uri": self.uri, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line of a list: a file, a folder, a pattern or an address, and what is said of it."""

    item: str
    root: Path
    """The folder of the list: names of streams begin there."""
    labels: Mapping[str, Label]


def find_sources(
    given: Iterable[str | Path | Wanted], *, out: str | Path | None = None, left_out: LeftOut | None = None
) -> list[Source]:
    """All sources behind files, folders (searched through for videos and pictures), patterns and addresses, each once.

    Named files are always accepted; missing or unreadable ones fail when they are processed. What folders and patterns
    lead to is chosen by the rules of `pipeline.sources.scan`; `left_out` counts what they pass over, but for what lies
    in `out`, the results folder. Raises ConfigError where nothing is given, nothing is found behind one of the items,
    an address is of no known kind, or lists say two things of one source.
    """
    found: dict[str, Source] = {}
    wanted = [item if isinstance(item, Wanted) else _unpadded(str(item)) for item in given]
    items = [want.item if isinstance(want, Wanted) else want for want in wanted]
    if not items:
        raise ConfigError("nothing to analyse is given; give files, folders, patterns, addresses or a list of them")
    if not all(item.strip() for item in items):
        raise ConfigError("a source is empty; give a file, a folder or a pattern")
    for want, item in zip(wanted, items, strict=True):
        root, labels = (want.root, want.labels) if isinstance(want, Wanted) else (None, {})
        passed_over = LeftOut()
        find = partial(_remote, item) if is_address(item) else partial(_local, item, root)
        sources = find(out, labels, passed_over)
        if not sources:
            raise ConfigError(f"{redacted(item)}: no video or picture found{_why(passed_over)}")
        if left_out is not None:
            left_out.update(passed_over)
        for source in sources:
            first = found.setdefault(source.uri, source)
            if first.labels != source.labels:
                raise ConfigError(
                    f"{source.shown}: is given twice, as {dict(first.labels)} and as {dict(source.labels)}; "
                    "a source has one set of labels"
                )
    return _told_apart(found.values())


def states(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """The states of many sources; those of remote ones are asked for several at a time, and once.

    A web server that is away would hold up all others: what cannot be had now is found out in its turn.
    """
    with ThreadPoolExecutor(ASKERS) as pool:
        return list(pool.map(lambda source: source.state(tries=1), sources))


def _why(left_out: LeftOut) -> str:
    said = f"; left out: {left_out}" if left_out else ""
    return f"{said} (looked for {' '.join(sorted(ANALYSED_SUFFIXES))})"


def _unpadded(item: str) -> str:
    """Without the spaces around an address; those around a path may belong to it."""
    return item.strip() if is_address(item.strip()) else item


def _told_apart(sources: Iterable[Source]) -> list[Source]:
    """The sources, with longer names where those of several would be the same."""
    sources = list(sources)
    times = Counter(source.stream_id for source in sources)
    return [
        source
        if times[source.stream_id] == 1
        else replace(source, stream_id=_named(source.stream_id.rpartition("~")[0], source.uri, hexes=16))
        for source in sources
    ]


def _stream_id(path: Path, root: Path) -> str:
    below = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    name = os.fsencode(below.as_posix()).decode("utf-8", "replace")
    return _named(name, real_path(path).as_uri())


def _named(name: str, uri: str, *, hexes: int = 8) -> str:
    return f"{name}~{hashlib.sha256(uri.encode()).hexdigest()[:hexes]}"


def real_path(path: str | Path) -> Path:
    """The absolute path of a file, whatever links lead to it; it does not have to exist."""
    try:
        return Path(os.path.realpath(path))  # unlike Path.resolve, bears links that lead to themselves
    except ValueError:  # a NUL in it
        return Path(path).absolute()


def _local(
    item: str, root: Path | None, out: str | Path | None, labels: Mapping[str, Label], left_out: LeftOut
) -> list[Source]:
    if without_secrets(item) != item and not _exists(item):
        raise ConfigError(f"{redacted(item)}: is not a local file; addresses begin with s3://, gs:// or http(s)://")
    real_out = None if out is None or is_address(str(out)) else real_path(out)
    sources = []
    for path, begin in _expand(item, left_out):
        real = real_path(path)
        if path == Path(item) or not _is_result(real, real_path(begin), real_out):
            sources.append(Source(str(path), _stream_id(path, root or begin), real.as_uri(), labels))
    return sources


def _remote(item: str, out: str | Path | None, labels: Mapping[str, Label], left_out: LeftOut) -> list[Source]:
    found = find_remote(item)
    below = [each for each in found if not (each.given or _is_result(each.place, each.root, each.beside(out)))]
    wanted = set(suitable([each.place for each in below], below[0].root, item, left_out)) if below else set()
    return [
        Source(each.address, _named(each.name, each.uri), each.uri, labels, each.state)
        for each in found
        if each.given or each.place in wanted
    ]


def _is_result(path: PurePath, root: PurePath, out: PurePath | None) -> bool:
    """Whether a file found below `root` is one of those that lie in the results folder."""
    if out is None:
        return False
    if out == root or out in root.parents:  # the folder that is searched is, or is in, the results folder
        return path.is_relative_to(out) and path.relative_to(out).parts[0] in RESULT_FOLDERS
    return out in path.parents


def _expand(item: str, left_out: LeftOut) -> list[tuple[Path, Path]]:
    """(file, root) of everything behind one argument."""
    path = Path(item)
    if _is_folder(path):
        return [(file, path) for file in files_below(path, left_out)]
    if _exists(path) or not glob.has_magic(item) or "\0" in item:
        return [(path, path.parent)]
    root = Path(*path.parts[: next(i for i, part in enumerate(path.parts) if glob.has_magic(part))])
    hits = [Path(match) for match in sorted(glob.glob(item, recursive=True))]  # noqa: PTH207 - may be absolute
    folders = {hit for hit in hits if _is_folder(hit)}
    outer = [hit for hit in hits if folders.isdisjoint(hit.parents)]  # `**` finds what is in a folder, too
    files = suitable([hit for hit in outer if hit not in folders], root, item, left_out)
    for folder in searched([hit for hit in outer if hit in folders], root, item, left_out):
        files += files_below(folder, left_out)
    if not files and not set(item) & set("*?") and is_analysed(path):  # a missing file, as `talk [abc].mp4`
        return [(path, path.parent)]
    return [(file, root) for file in files]


def _is_folder(path: str | Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - unlike Path's, bears what cannot be looked at


def _exists(path: str | Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - the same
