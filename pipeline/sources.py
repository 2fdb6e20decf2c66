"""What is to be analysed: files, folders and patterns, and what each stream is called."""

import glob
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError

VIDEO_SUFFIXES = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".flv", ".3gp", ".ogv", ".gif"),
}
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}
RESULT_FOLDERS = {"frames", "points", "tracks", "report", "_commits"}


@dataclass(frozen=True, slots=True)
class Source:
    """One file that is a stream of its own."""

    path: str
    stream_id: str
    """Path below the given root, `~` and 8 hex of the URI's SHA-256."""
    uri: str
    """Of the file itself, whatever links lead to it."""

    def state(self) -> dict[str, Any]:
        """What tells this file, as it is now, from any other: what a commit remembers of its source."""
        try:
            stat = Path(self.path).stat()
        except OSError:
            return {"uri": self.uri}
        return {"uri": self.uri, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def find_sources(given: Iterable[str | Path], *, out: Path | None = None) -> list[Source]:
    """All sources behind files, folders (searched through for videos and pictures) and patterns, each once.

    A file is taken whatever its name, and also if it is missing: that is found out, and said, when its turn comes.
    Folders and patterns pass over what lies in `out`, the results folder. Raises ConfigError where nothing is given, or
    nothing is found behind one of them.
    """
    found: dict[str, Source] = {}
    items = [str(item) for item in given]
    if not items or not all(item.strip() for item in items):
        raise ConfigError("a source is empty; give a file, a folder or a pattern")
    for item in items:
        files = [(path, root) for path, root in _expand(item) if path == Path(item) or not _is_result(path, root, out)]
        if not files:
            suffixes = " ".join(sorted(VIDEO_SUFFIXES | PICTURE_SUFFIXES))
            raise ConfigError(f"{item}: no video or picture found (looked for {suffixes})")
        for path, root in files:
            found.setdefault(_uri(path), Source(str(path), stream_id(path, root), _uri(path)))
    return list(found.values())


def stream_id(path: Path, root: Path) -> str:
    """The stream's name in every row."""
    below = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    name = os.fsencode(below.as_posix()).decode("utf-8", "replace")
    return f"{name}~{hashlib.sha256(_uri(path).encode()).hexdigest()[:8]}"


def _uri(path: Path) -> str:
    return Path(os.path.realpath(path)).as_uri()  # unlike Path.resolve, bears links that lead to themselves


def _is_result(path: Path, root: Path, out: Path | None) -> bool:
    """Whether a file found below `root` is one of those that lie in the results folder."""
    if out is None:
        return False
    path, root, out = (Path(os.path.realpath(p)) for p in (path, root, out))
    if out == root or out in root.parents:  # the folder that is searched is, or is in, the results folder
        return path.is_relative_to(out) and path.relative_to(out).parts[0] in RESULT_FOLDERS
    return out in path.parents


def _expand(item: str) -> list[tuple[Path, Path]]:
    """(file, root) of everything behind one argument."""
    path = Path(item)
    if path.is_dir():
        return [(file, path) for file in _files(path)]
    if path.exists() or not glob.has_magic(item):
        return [(path, path.parent)]
    root = Path(*path.parts[: next(i for i, part in enumerate(path.parts) if glob.has_magic(part))])
    out: list[tuple[Path, Path]] = []
    for match in sorted(glob.glob(item, recursive=True)):  # noqa: PTH207 - a pattern may be absolute
        hit = Path(match)
        out += [(file, root) for file in _files(hit)] if hit.is_dir() else [(hit, root)] if _suits(hit) else []
    return out


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if _suits(path) and not path.is_dir())


def _suits(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES | PICTURE_SUFFIXES and not path.name.startswith(".")
