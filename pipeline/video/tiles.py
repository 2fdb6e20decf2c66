"""HEIC and AVIF pictures made of tiles, as phones store them: where each tile belongs, and the whole put together.

libav gives every tile as a stream of its own; how they lie is in boxes of the file (ISO/IEC 23008-12, 6.6.2.3) that
PyAV does not show.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Literal, Protocol

import av
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter

from pipeline.errors import SourceError
from pipeline.video.orientation import Orientation
from pipeline.video.planes import as_frame, as_planes

_META_BYTES_MAX = 4 * 2**20
"""The description of a picture of thousands of tiles is smaller."""


class _File(Protocol):
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def read(self, size: int = -1, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Grid:
    """How a picture is made of tiles."""

    columns: int
    width: int
    """Of the whole, px, before it is turned; the tiles may reach beyond."""
    height: int
    tiles: tuple[int, ...]
    """Ids of the tiles' streams, row by row."""
    orientation: Orientation


def read_grid(file: _File) -> Grid | None:
    """The grid that is a file's main picture; None where there is none, or the file is damaged."""
    try:
        return _grid(file)
    except (ValueError, IndexError, KeyError):
        return None


def assemble(container: InputContainer, grid: Grid, shown: str) -> av.VideoFrame:
    """The whole picture. Raises SourceError where a tile cannot be decoded, naming the file as `shown`."""
    streams = [stream for stream in container.streams.video if stream.id in grid.tiles]
    found: dict[int, av.VideoFrame] = {}
    try:
        for packet in container.demux(streams):
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                found.setdefault(packet.stream.id, frame)
    except av.FFmpegError:
        pass
    lost = sum(tile not in found for tile in grid.tiles)
    first = next(iter(found.values()), None)
    if lost or first is None:
        raise SourceError(f"{shown}: {lost} of the {len(grid.tiles)} tiles of the picture cannot be decoded")
    reformatter = VideoReformatter()
    bits: Literal[8, 10] = 10 if first.format.components[0].bits > 8 else 8
    out: list[np.ndarray] = []
    for number, tile in enumerate(grid.tiles):
        row, column = divmod(number, grid.columns)
        for index, plane in enumerate(as_planes(found[tile], reformatter, bits)):
            shrink = 2 if index else 1
            if number == 0:
                out.append(np.zeros((-(-grid.height // shrink), -(-grid.width // shrink)), plane.dtype))
            top, left = row * first.height // shrink, column * first.width // shrink
            place = out[index][top : top + plane.shape[0], left : left + plane.shape[1]]
            place[:] = plane[: place.shape[0], : place.shape[1]]
    return as_frame(out, like=first)


class _Bytes:
    """Big-endian numbers, one after the other."""

    def __init__(self, content: bytes):
        self._rest = BytesIO(content)

    def number(self, size: int) -> int:
        content = self._rest.read(size)
        if len(content) != size:
            raise ValueError("a box is too short")
        return int.from_bytes(content)

    def rest(self) -> bytes:
        return self._rest.read()


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4])
        if not 8 <= size <= len(content) - at:
            return
        yield content[at + 4 : at + 8], content[at + 8 : at + size]
        at += size


def _meta(file: _File) -> bytes:
    at = 0
    while True:
        head = _exactly(file, at, 16)
        size, header = int.from_bytes(head[:4]), 8
        if size == 1:  # a 64-bit size follows
            size, header = int.from_bytes(head[8:16]), 16
        if not size and head[4:8] == b"meta":  # it goes on to the end of the file
            size = _META_BYTES_MAX
        if size < header:
            raise ValueError("no description of pictures")
        if head[4:8] == b"meta":
            header += 4  # version and flags
            return _exactly(file, at + header, min(size - header, _META_BYTES_MAX))
        at += size


def _exactly(file: _File, start: int, size: int) -> bytes:
    """A remote file gives less than is asked for at the end of its blocks."""
    file.seek(start)
    content = b""
    while len(content) < size and (more := file.read(size - len(content))):
        content += more
    return content


def _grid(file: _File) -> Grid | None:
    meta = dict(_boxes(_meta(file)))
    primary = _Bytes(meta[b"pitm"])
    item = primary.number(2 if primary.number(4) >> 24 == 0 else 4)
    payload = _Bytes(_payload(file, meta, item))
    payload.number(1)
    long = payload.number(1) & 1
    rows, columns = payload.number(1) + 1, payload.number(1) + 1
    width, height = payload.number(4 if long else 2), payload.number(4 if long else 2)
    tiles = _references(meta[b"iref"], item)
    if len(tiles) != rows * columns or not width * height:
        return None
    return Grid(columns, width, height, tiles, _orientation(meta[b"iprp"], item))


def _payload(file: _File, meta: dict[bytes, bytes], item: int) -> bytes:
    """The content of an item, as `iloc` places it."""
    box = _Bytes(meta[b"iloc"])
    version, sizes = box.number(4) >> 24, box.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    for _ in range(box.number(4 if version == 2 else 2)):
        number = box.number(4 if version == 2 else 2)
        method = box.number(2) & 15 if version else 0
        box.number(2)
        base = box.number(base_size)
        extents = []
        for _ in range(box.number(2)):
            box.number(index_size)
            extents.append((base + box.number(offset_size), box.number(length_size)))
        if number == item:
            start, size = extents[0]
            return meta[b"idat"][start : start + size] if method == 1 else _exactly(file, start, min(size, 64))
    raise ValueError("no place for the picture")


def _references(content: bytes, item: int) -> tuple[int, ...]:
    """The tiles of which an item is derived."""
    size = 2 if content[0] == 0 else 4
    for kind, body in _boxes(content[4:]):
        box = _Bytes(body)
        if kind == b"dimg" and box.number(size) == item:
            return tuple(box.number(size) for _ in range(box.number(2)))
    return ()


def _orientation(content: bytes, item: int) -> Orientation:
    """What the properties of an item say, in their order: `irot` counter-clockwise, `imir` across an axis."""
    boxes = dict(_boxes(content))
    properties = list(_boxes(boxes[b"ipco"]))
    box = _Bytes(boxes[b"ipma"])
    head = box.number(4)
    shown = Orientation()
    for _ in range(box.number(4)):
        number = box.number(4 if head >> 24 else 2)
        for _ in range(box.number(1)):
            index = box.number(2) & 0x7FFF if head & 1 else box.number(1) & 0x7F
            if number != item or not 0 < index <= len(properties):
                continue
            kind, body = properties[index - 1]
            if kind == b"irot":
                shown = shown.then_clockwise(360 - 90 * (body[0] & 3))
            elif kind == b"imir" and body[0] & 1:
                shown = replace(shown, flip_x=not shown.flip_x)
            elif kind == b"imir":
                shown = replace(shown, flip_y=not shown.flip_y)
    return shown
