"""What lies behind an address: one file on a web server; an object, a folder or a pattern in a bucket."""

import glob
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import fs

from pipeline.errors import ConfigError
from pipeline.heartbeat import waiting
from pipeline.remote.addresses import BUCKETS, WEB, BucketAddress, identity, is_address, redacted, scheme
from pipeline.remote.files import bucket_state, name
from pipeline.remote.network import cause, file_system
from pipeline.sources.scan import is_analysed


@dataclass(frozen=True, slots=True)
class RemoteFound:
    """One file behind an address."""

    address: str
    """With everything that it takes to read it."""
    place: PurePosixPath
    """Bucket and key, or the name alone of a file on a web server."""
    root: PurePosixPath
    """The folder that was given, or in which a pattern begins."""
    given: bool
    """It was named itself, and not found in a folder."""
    state: Mapping[str, Any] = field(default_factory=dict)
    """Size and time of change as a listing says."""

    @property
    def name(self) -> str:
        """Its path below the root."""
        return str(self.place.relative_to(self.root))

    @property
    def uri(self) -> str:
        """Without secrets."""
        return identity(self.address)

    def beside(self, out: str | Path | None) -> PurePosixPath | None:
        """Where the results folder is, if it is in a bucket of the same kind."""
        if out is None or not is_address(str(out)) or scheme(str(out)) != scheme(self.address):
            return None
        return PurePosixPath(BucketAddress.parse(str(out)).path)


def find_remote(item: str) -> list[RemoteFound]:
    """Everything behind an address, by one listing. A file that is missing is found: that is said in its turn.

    Raises ConfigError where a folder cannot be listed, and for what is no key and no pattern.
    """
    if scheme(item) in WEB:
        return [RemoteFound(item, PurePosixPath(name(item)), PurePosixPath(), given=True)]
    assert scheme(item) in BUCKETS
    address = BucketAddress.parse(item)
    may_be_name = glob.has_magic(address.key) and not set(address.key) & set("*?")
    found: list[RemoteFound] = []
    try:
        with waiting():
            found = _in_bucket(address, folder=redacted(item).endswith("/") or not address.key)
    except OSError as exc:
        raise ConfigError(f"{redacted(item)}: cannot be listed: {cause(exc)}") from exc
    except pa.ArrowInvalid as exc:  # a//b
        raise ConfigError(f"{redacted(item)}: is no key that can be asked for: {exc}") from exc
    except re.error as exc:
        if not may_be_name:
            raise ConfigError(f"{redacted(item)}: is no pattern: {exc}") from exc
    place = PurePosixPath(address.path)
    if not found and may_be_name and is_analysed(place):  # a missing file, as `talk [abc].mp4`
        found = [RemoteFound(address.at(address.path), place, place.parent, given=False)]
    return found


def _in_bucket(address: BucketAddress, *, folder: bool) -> list[RemoteFound]:
    files = file_system(address)
    place = PurePosixPath(address.path)
    root, pattern = place, None
    if not folder or glob.has_magic(address.key):
        info = files.get_file_info(address.path)
        magic = glob.has_magic(address.key) and not info.is_file
        if not magic and info.type != fs.FileType.Directory:
            return [RemoteFound(address.at(address.path), place, place.parent, given=True, state=bucket_state(info))]
        if magic:
            fixed = next(i for i, part in enumerate(place.parts) if i and glob.has_magic(part))
            root, pattern = PurePosixPath(*place.parts[:fixed]), glob_pattern(place.parts[fixed:])
    try:
        infos = files.get_file_info(fs.FileSelector(str(root), recursive=True))
    except FileNotFoundError:  # no such folder; of a bucket that is not there, the error is another
        return []
    found = []
    for info in sorted(infos, key=lambda info: info.path):
        below = info.path[len(str(root)) + 1 :]
        if info.is_file and (pattern is None or pattern.fullmatch(below)):
            path = PurePosixPath(info.path)
            found.append(RemoteFound(address.at(info.path), path, root, given=False, state=bucket_state(info)))
    return found


def glob_pattern(parts: tuple[str, ...]) -> re.Pattern[str]:
    """What a pattern matches: `**` any folders, `*` and `?` within one name; of a folder that matches, all in it."""
    folders = "".join("(?:[^/]+/)*" if part == "**" else _one(part) + "/" for part in parts[:-1])
    last = ".*" if parts[-1] == "**" else _one(parts[-1]) + "(?:/.*)?"
    return re.compile(folders + last, re.DOTALL)  # a name may hold line ends


def _one(part: str) -> str:
    def said(match: re.Match[str]) -> str:
        text = match.group()
        if text in "*?":
            return "[^/]*" if text == "*" else "[^/]"
        if len(text) > 1:  # a class of letters
            return (
                "["
                + ("^" if text[1] == "!" else "")
                + re.escape(text[1:-1].removeprefix("!")).replace(r"\-", "-")
                + "]"
            )
        return re.escape(text)

    return re.sub(r"(?s)\[!?[^\]]+\]|.", said, part)
