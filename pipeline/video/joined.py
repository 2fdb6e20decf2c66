"""Files that are several recordings joined byte for byte, of which libav does not read all: MP4, FLV, ASF (WMV).

It reads the first alone, or in fragmented MP4 some of the others, whose index counts the time of each from zero: a seek
lands in any of them. Of other formats it reads all, and `pipeline.video.clock` joins their times.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_PARTS_MAX = 1_000_000
"""So many parts of a file are looked at, which takes seconds: an untrusted file may hold any number."""
_FLV_HEADER_BYTES = 13
"""Signature, version, flags, its own length, and the length of the tag before the first, which is 0."""
_Next = Callable[[BinaryIO, int], tuple[bool, int]]
"""Whether a recording begins at a byte, and how many bytes on the next part of the file is; 0: there is none."""


def second_recording(path: Path, form: str) -> int | None:
    """Byte of the file at which a second recording begins, if one does. `form`: libav's name of the format."""
    walk = _NEXT.get(form)
    if walk is None:
        return None
    at, begun, end = 0, False, path.stat().st_size
    with path.open("rb") as file:
        for _ in range(_PARTS_MAX):
            begins, size = walk(file, at)
            if begins and begun:
                return at
            if not size or at + size >= end:
                return None
            at, begun = at + size, begun or begins
    return None


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)


def _next_box(file: BinaryIO, at: int) -> tuple[bool, int]:
    """ISO/IEC 14496-12, 4.2. A box of size 0 goes on to the end of the file."""
    head = _read(file, at, 16)
    size = int.from_bytes(head[:4]) if len(head) >= 8 else 0
    if size == 1:  # a 64-bit size follows
        size = int.from_bytes(head[8:16])
    return head[4:8] == b"ftyp", size if size >= 8 else 0


def _next_object(file: BinaryIO, at: int) -> tuple[bool, int]:
    """ASF specification 1.20, section 2.1. A live recording's data object may say a size of 0."""
    head = _read(file, at, 24)
    return head[:16] == _ASF_HEADER, int.from_bytes(head[16:24], "little") if len(head) == 24 else 0


def _next_tag(file: BinaryIO, at: int) -> tuple[bool, int]:
    """Adobe Flash Video File Format Specification 10.1, annex E.2 to E.4."""
    head = _read(file, at, 11)
    if head[:3] == b"FLV":
        return True, _FLV_HEADER_BYTES
    is_tag = len(head) == 11 and head[0] & 0x1F in (8, 9, 18)
    return False, 11 + int.from_bytes(head[1:4]) + 4 if is_tag else 0


_NEXT: dict[str, _Next] = {"mov": _next_box, "asf": _next_object, "flv": _next_tag}
