"""Pictures that say how they are to be turned: the EXIF tag Orientation, 1 to 8, in the four formats that carry it."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np


def as_shown(stored: np.ndarray, orientation: int) -> np.ndarray:
    """What a viewer shows of the stored (H, W, …) pixels: the table of the EXIF standard (CIPA DC-008, 4.6.4.A)."""
    return np.ascontiguousarray(
        {
            1: lambda a: a,
            2: np.fliplr,
            3: lambda a: np.rot90(a, 2),
            4: np.flipud,
            5: lambda a: a.swapaxes(0, 1),
            6: lambda a: np.rot90(a, -1),
            7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
            8: np.rot90,
        }[orientation](stored)
    )


def as_stored(shown: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels to store so that `shown` (H, W, …) is what a viewer shows."""
    return as_shown(shown, {6: 8, 8: 6}.get(orientation, orientation))  # the others undo themselves


def write_picture(path: Path, image: np.ndarray, orientation: int) -> Path:
    """Write BGR pixels as they are and the orientation beside them; the ending of `path` is the format."""
    tiff = b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHIHH", 274, 3, 1, orientation, 0) + bytes(4)
    if path.suffix in (".tif", ".tiff"):
        path.write_bytes(_tiff(image, orientation))
        return path
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101] if path.suffix == ".webp" else [cv2.IMWRITE_JPEG_QUALITY, 95]
    content = cv2.imencode(path.suffix, image, lossless)[1].tobytes()
    if path.suffix in (".jpg", ".jpeg"):
        exif = b"Exif\0\0" + tiff
        content = content[:2] + b"\xff\xe1" + struct.pack(">H", 2 + len(exif)) + exif + content[2:]
    elif path.suffix == ".png":
        end = 8 + 25  # signature and IHDR
        chunk = b"eXIf" + tiff
        content = (
            content[:end] + struct.pack(">I", len(tiff)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + content[end:]
        )
    else:
        height, width = image.shape[:2]
        size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
        chunks = _riff(b"VP8X", b"\x08\0\0\0" + size) + content[12:] + _riff(b"EXIF", tiff)
        content = _riff(b"RIFF", b"WEBP" + chunks)
    path.write_bytes(content)
    return path


def _riff(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _tiff(image: np.ndarray, orientation: int) -> bytes:
    height, width = image.shape[:2]
    pixels = image[:, :, ::-1].tobytes()
    tags = [
        *((256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 2), (273, 4, 0), (274, 3, orientation)),
        *((277, 3, 3), (278, 4, height), (279, 4, len(pixels))),
    ]
    start = 8 + 2 + 12 * len(tags) + 4 + 6
    bits = start - 6  # three values do not fit into their entry
    entries = b""
    for tag, kind, value in tags:
        count, value = (3, bits) if tag == 258 else (1, start if tag == 273 else value)
        entries += struct.pack("<HHII", tag, kind, count, value)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(4) + struct.pack("<3H", 8, 8, 8) + pixels
