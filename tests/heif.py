"""HEIC and AVIF pictures made on the spot: one item, or a grid of tiles as phones write them (ISO/IEC 23008-12)."""

import struct
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from tests.media import write_video


def _box(kind: str, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind.encode()) + body


def _full(kind: str, version: int, flags: int, *content: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags), *content)


def _encoded(image: np.ndarray, codec: str, folder: Path) -> tuple[bytes, bytes]:
    """The decoder's configuration and the coded picture."""
    options = {"x265-params": "bframes=0:log-level=none"} if codec == "libx265" else {"svtav1-params": "lp=1"}
    path = write_video(folder / "_tile.mp4", [image], codec=codec, crf=4, options=options)
    with av.open(str(path)) as container:
        packet = next(container.demux(video=0))
        configuration = container.streams.video[0].codec_context.extradata
    path.unlink()
    assert configuration is not None
    return bytes(configuration), bytes(packet)


def write_heif(
    path: Path,
    tiles: Sequence[np.ndarray],
    columns: int = 1,
    *,
    size: tuple[int, int] | None = None,
    quarter_turns: int = 0,
    mirrored: bool = False,
    long_sizes: bool = False,
) -> Path:
    """Write BGR `tiles` of one size, row by row; `size` (width, height) crops the whole.

    It is shown turned counter-clockwise, and then with left and right exchanged. The ending decides the codec.
    `long_sizes`: the size of the description is written with 64 bits.
    """
    codec, item, configuration = (
        ("libx265", "hvc1", "hvcC") if path.suffix == ".heic" else ("libsvtav1", "av01", "av1C")
    )
    coded = [_encoded(tile, codec, path.parent) for tile in tiles]
    height, width = tiles[0].shape[:2]
    rows = len(tiles) // columns
    whole = size or (width * columns, height * rows)
    grid = len(tiles) > 1
    payloads = [payload for _, payload in coded]
    kinds = [item] * len(tiles)
    if grid:
        payloads.append(struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *whole))
        kinds.append("grid")
    primary = len(kinds)  # ids count from 1
    properties = [_box(configuration, coded[0][0]), _full("ispe", 0, 0, struct.pack(">II", width, height))]
    properties.append(_full("ispe", 0, 0, struct.pack(">II", *whole)))
    shown = []
    if quarter_turns:
        properties.append(_box("irot", bytes([quarter_turns])))
        shown.append(len(properties))
    if mirrored:
        properties.append(_box("imir", bytes([1])))
        shown.append(len(properties))
    uses = [(i + 1, [1, 2]) for i in range(len(tiles))]
    uses = [*uses, (primary, [3, *shown])] if grid else [(1, [1, 2, *shown])]

    in_head = payloads[-1] if grid and path.suffix == ".heic" else b""  # as phones write it

    def head(offset: int) -> bytes:
        extents = []
        for i, payload in enumerate(payloads, 1):
            method, start = (1, 0) if payload is in_head else (0, offset)
            extents.append(struct.pack(">HHHHII", i, method, 0, 1, start, len(payload)))
            offset += len(payload)
        infos = [_full("infe", 2, 0, struct.pack(">HH4sx", i, 0, k.encode())) for i, k in enumerate(kinds, 1)]
        parts = struct.pack(f">HH{len(tiles)}H", primary, len(tiles), *range(1, len(tiles) + 1))
        essential = [struct.pack(">HB", i, len(used)) + bytes(0x80 | n for n in used) for i, used in uses]
        meta = _full(
            "meta", 0, 0,
            _full("hdlr", 0, 0, struct.pack(">I4s12xx", 0, b"pict")),
            _full("pitm", 0, 0, struct.pack(">H", primary)),
            _full("iloc", 1, 0, b"\x44\x00", struct.pack(">H", len(payloads)), *extents),
            _full("iinf", 0, 0, struct.pack(">H", len(infos)), *infos),
            *([_box("idat", in_head)] if in_head else []),
            *([_full("iref", 0, 0, _box("dimg", parts))] if grid else []),
            _box("iprp", _box("ipco", *properties), _full("ipma", 0, 0, struct.pack(">I", len(uses)), *essential)),
        )  # fmt: skip
        if long_sizes:
            meta = struct.pack(">I4sQ", 1, b"meta", len(meta) + 8) + meta[8:]
        brand = b"heic" if path.suffix == ".heic" else b"avif"
        return _box("ftyp", brand, bytes(4), b"mif1", brand) + meta

    path.write_bytes(head(len(head(0)) + 8) + _box("mdat", *payloads))
    return path
