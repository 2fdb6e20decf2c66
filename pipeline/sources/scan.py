"""Which files a folder, a pattern or a bucket has to analyse, and what was left out, by kind.

A file that is given by its own name is always taken; these rules are for what is found. Docs: docs/sources.md.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TypeVar

from pipeline.text import printable

VIDEO_SUFFIXES = {
    *(".mp4", ".m4v", ".mov", ".qt", ".f4v", ".3gp", ".3g2", ".mkv", ".mk3d", ".webm", ".avi", ".divx", ".flv"),
    *(".mpg", ".mpeg", ".mpe", ".m2v", ".m1v", ".m2p", ".vob", ".ts", ".mts", ".m2ts", ".m2t", ".trp"),
    *(".wmv", ".asf", ".wtv", ".rm", ".rmvb", ".ogv", ".ogm", ".mxf", ".dv", ".dif", ".nut", ".y4m", ".gif"),
}
PICTURE_SUFFIXES = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".jp2"),
    *(".heic", ".heif", ".hif", ".avif", ".ppm", ".pgm", ".pnm"),
}
ANALYSED_SUFFIXES = VIDEO_SUFFIXES | PICTURE_SUFFIXES
UNREAD_SUFFIXES = {
    *(".braw", ".r3d", ".ari", ".arx", ".crm", ".cine", ".mcraw", ".nev"),  # raw video of cameras
    *(".h264", ".264", ".avc", ".h265", ".265", ".hevc", ".mjpeg", ".mjpg", ".ivf", ".obu"),  # have no clock
    *(".dav", ".gxf", ".asx", ".swf", ".bik", ".amv", ".nsv", ".mod", ".tod", ".vro", ".ifo", ".bup", ".iso"),
    *(".insv", ".lrv", ".360"),  # two fisheye pictures, a camera's previews, cube maps
    *(".jxl", ".jpx", ".j2k", ".jxr", ".psd", ".exr", ".hdr", ".dpx", ".tga", ".thm"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw", ".insp"),  # raw pictures
    *(".part", ".crdownload", ".partial", ".download"),  # of downloads that are not finished
}
"""Endings of media that are not read, or not reliably. They are counted, so that nobody assumes they were analysed."""
SYSTEM_FOLDERS = {
    *("$recycle.bin", "recycler", "#recycle", "@recycle", "system volume information", "lost+found", "lost.dir"),
    *("@eadir", "@tmp", "@sharebin", "#snapshot", "@recently-snapshot", "__macosx"),
}
"""Bins, snapshots and previews of Windows, macOS, Linux, Android, Synology and QNAP, in lower case. Names that begin
with a dot are left out as well: .Trash-1000, .Trashes, .git, .thumbnails."""
NAMED_MAX = 3
"""How many of each kind a person is shown by name ..."""
KEPT_MAX = 100
"""... and how many are recorded; the rest are counted."""

_PLURALS = {"link to a folder": "links to folders"}

P = TypeVar("P", bound=PurePath)


@dataclass(slots=True)
class LeftOut:
    """What was found and not taken: kind (`hidden folder`, `.cr3 file`) -> count and paths, the first `KEPT_MAX`."""

    counts: dict[str, int] = field(default_factory=dict)
    paths: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, path: object) -> None:
        """Count a file or folder."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        kept = self.paths.setdefault(kind, [])
        if len(kept) < KEPT_MAX:
            kept.append(printable(str(path)))

    def update(self, other: "LeftOut") -> None:
        """Add what another search passed over."""
        for kind, count in other.counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
            self.paths[kind] = (self.paths.get(kind, []) + other.paths[kind])[:KEPT_MAX]

    def __bool__(self) -> bool:
        return bool(self.counts)

    def __str__(self) -> str:
        """As `2 hidden folders (a/.git, b/.git), 1 .cr3 file (IMG_1.cr3)`."""
        return ", ".join(self._words(kind, count) for kind, count in sorted(self.counts.items()))

    def _words(self, kind: str, count: int) -> str:
        noun = kind if count == 1 else _PLURALS.get(kind, f"{kind}s")
        more = ", …" if count > NAMED_MAX else ""
        return f"{count:,} {noun} ({', '.join(self.paths[kind][:NAMED_MAX])}{more})"

    def record(self) -> dict[str, dict[str, object]]:
        """For run.json and logs."""
        return {kind: {"count": self.counts[kind], "paths": self.paths[kind]} for kind in sorted(self.counts)}


def is_analysed(path: PurePath) -> bool:
    """Whether a file's ending is one of a video or picture that is read."""
    return path.suffix.lower() in ANALYSED_SUFFIXES


def why_not(path: PurePath) -> str | None:
    """Why a file is left out, by its name (`hidden file`, `.cr3 file`, `other file`).

    None if it is analysed, and for hidden files that are no media, such as `.DS_Store`.
    """
    suffix = path.suffix.lower()
    if suffix not in ANALYSED_SUFFIXES | UNREAD_SUFFIXES:
        return None if path.name.startswith(".") else "other file"
    if path.name.startswith("."):
        return "hidden file"
    return None if suffix in ANALYSED_SUFFIXES else f"{suffix} file"


def why_not_folder(name: str) -> str | None:
    """Of which kind a folder is that is not searched, by its name; None: it is searched."""
    if name.startswith("."):
        return "hidden folder"
    return "system folder" if name.lower() in SYSTEM_FOLDERS else None


def files_below(folder: Path, left_out: LeftOut) -> list[Path]:
    """The files to analyse in a folder and its folders, sorted.

    Links to files are followed. Links to folders are not: they may lead in circles, or out of what was given.
    """
    found: list[Path] = []
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        for entry in _entries(here, left_out):
            path = here / entry.name
            if entry.is_dir(follow_symlinks=False):
                if kind := why_not_folder(entry.name):
                    left_out.add(kind, path)
                else:
                    waiting.append(path)
            elif os.path.isdir(path):  # noqa: PTH112 - unlike Path's, bears what cannot be looked at
                left_out.add("link to a folder", path)
            elif kind := why_not(path):
                left_out.add(kind, path)
            elif is_analysed(path):
                if _is_special(entry):
                    left_out.add("special file", path)
                else:
                    found.append(path)
    return sorted(found)


def _entries(folder: Path, left_out: LeftOut) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except OSError as exc:
        left_out.add("unreadable folder", f"{folder}: {exc.strerror}")


def _is_special(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a pipe, a socket or a device: reading it could wait for ever. A broken link is none."""
    try:
        return entry.is_file() is False and entry.stat() is not None
    except OSError:  # it fails when its turn comes, and is named then
        return False


def searched(paths: Iterable[P], root: PurePath, pattern: str, left_out: LeftOut) -> list[P]:
    """The folders `paths` below `root` that neither are nor lie in a hidden or system folder.

    Names that the pattern itself contains are exempt: `*/.cache/*.mp4` finds what `**` leaves out.
    """
    named = {*PurePath(pattern).parts, *root.parts}
    found, seen = [], set[PurePath]()
    for path in paths:
        below = [folder for folder in (*reversed(path.parents), path) if folder.is_relative_to(root)]
        hidden = next((folder for folder in below if folder.name not in named and why_not_folder(folder.name)), None)
        if hidden is None:
            found.append(path)
        elif hidden not in seen:
            seen.add(hidden)
            left_out.add(why_not_folder(hidden.name) or "", hidden)
    return found


def suitable(files: Iterable[P], root: PurePath, pattern: str, left_out: LeftOut) -> list[P]:
    """Those of the `files` below `root` that a pattern, or a folder of a bucket, has to analyse.

    What the pattern itself names is taken: an ending, as in `*.dng`, and hidden files, as in `.clip*`.
    """
    by_folder: dict[P, list[P]] = {}
    for file in files:
        by_folder.setdefault(file.parent, []).append(file)
    ending, names_hidden = PurePath(pattern).suffix.lower(), PurePath(pattern).name.startswith(".")
    found = []
    for folder in searched(by_folder, root, pattern, left_out):
        for file in by_folder[folder]:
            kind = why_not(file)
            is_named = names_hidden if kind == "hidden file" else file.suffix.lower() == ending
            if kind and not is_named:
                left_out.add(kind, file)
            elif is_analysed(file) or file.suffix.lower() == ending:
                found.append(file)
    return found
