"""What is to be analysed: files, folders and patterns, and what each stream is called."""

import glob
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ConfigError

VIDEO_SUFFIXES = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".flv", ".3gp", ".ogv", ".gif"),
}
PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True, slots=True)
class Source:
    """One file that is a stream of its own."""

    path: str
    stream_id: str
    """Path below the given root, `~` and 8 hex of the URI's SHA-256."""


def find_sources(given: Iterable[str | Path], *, exclude: Path | None = None) -> list[Source]:
    """All sources behind files, folders (searched through for videos and pictures) and patterns, each once.

    A file is taken whatever its name, and also if it is missing: that is found out, and said, when its turn comes.
    `exclude` is a folder to keep out of, the results'. Raises ConfigError where nothing at all was found.
    """
    found: dict[str, Source] = {}
    items = [str(item) for item in given]
    for item in items:
        for path, root in _expand(item):
            resolved = path.resolve()
            if exclude is None or exclude.resolve() not in resolved.parents:
                found.setdefault(str(resolved), Source(str(path), stream_id(path, root)))
    if not found:
        suffixes = " ".join(sorted(VIDEO_SUFFIXES | PICTURE_SUFFIXES))
        raise ConfigError(f"{', '.join(items) or 'no source given'}: no video or picture found (looked for {suffixes})")
    return list(found.values())


def stream_id(path: Path, root: Path) -> str:
    """The stream's name in every row."""
    uri = path.resolve().as_uri()
    below = path.relative_to(root) if path.is_relative_to(root) else Path(path.name)
    return f"{below.as_posix()}~{hashlib.sha256(uri.encode()).hexdigest()[:8]}"


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
