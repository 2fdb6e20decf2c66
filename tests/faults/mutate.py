"""Short clips and pictures in many formats, and what storage, networks and bad software do to files."""

import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from tests.media import squares, write_video

FPS, FRAMES = 30, 36
CLIPS = {
    "h264.mp4": "libx264",
    "h264.mkv": "libx264",
    "h264.ts": "libx264",
    "h264.flv": "libx264",
    "mpeg4.avi": "mpeg4",
    "vp8.webm": "libvpx",
    "hevc.mp4": "libx265",
}
"""Formats of moving pictures and their codecs; GIF comes besides."""
PICTURES = ("picture.png", "picture.jpg", "picture.webp")
Mutation = Callable[[bytearray, random.Random], None]


def make_bases(folder: Path) -> list[Path]:
    """An intact file of each format, of two moving squares and some noise: 1.2 s of video, or one picture."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(0)
    images = [image + noise.integers(0, 6, image.shape, np.uint8) for image in squares(FRAMES)]
    files = []
    for name, codec in CLIPS.items():
        options = {"x265-params": "log-level=error"} if codec == "libx265" else {}
        time_base = Fraction(1, FPS if codec == "mpeg4" else 90_000)  # MPEG-4 counts ticks in 16 bits
        files.append(write_video(folder / name, images, fps=FPS, codec=codec, options=options, time_base=time_base))
    files.append(write_video(folder / "moving.gif", images[::3], fps=FPS / 3, codec="gif", pix_fmt="rgb8"))
    for name in PICTURES:
        cv2.imwrite(str(folder / name), images[0])
        files.append(folder / name)
    return files


def mutate_all(bases: list[Path], folder: Path, count: int, seed: int) -> Iterator[Path]:
    """Write `count` mutated files. Each depends on the bases, the seed and its own number alone."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = [(base.read_bytes(), base.suffix) for base in bases]
    for number in range(count):
        content, suffix = contents[number % len(contents)]
        rng = random.Random(f"{seed} {number}")
        kind = rng.choice(list(MUTATIONS))
        path = folder / f"{number:05d}_{kind}{suffix}"
        path.write_bytes(mutated(content, kind, rng))
        yield path


def mutated(content: bytes, kind: str, rng: random.Random) -> bytes:
    """A copy of `content` with the damage that `kind` names, a key of `MUTATIONS`."""
    data = bytearray(content)
    MUTATIONS[kind](data, rng)
    return bytes(data)


def _flip(data: bytearray, rng: random.Random) -> None:
    """Single bits anywhere: memory, cables."""
    for _ in range(rng.randint(1, 200)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(data: bytearray, rng: random.Random) -> None:
    """The end is missing: a broken upload."""
    del data[rng.randrange(1, len(data)) :]


def _zero(data: bytearray, rng: random.Random) -> None:
    """A stretch of zeros: a sparse file, blocks never written."""
    start, stop = _span(data, rng)
    data[start:stop] = bytes(stop - start)


def _dup(data: bytearray, rng: random.Random) -> None:
    """A stretch twice: a resumed download that began too early."""
    start, stop = _span(data, rng)
    data[start:start] = data[start:stop]


def _insert(data: bytearray, rng: random.Random) -> None:
    """Foreign bytes in between."""
    at = rng.randrange(len(data))
    data[at:at] = rng.randbytes(rng.randint(1, 5000))


def _head(data: bytearray, rng: random.Random) -> None:
    """Wrong bytes near the beginning, where containers describe themselves."""
    for _ in range(rng.randint(1, 30)):
        data[rng.randrange(min(len(data), 4096))] = rng.randrange(256)


def _int(data: bytearray, rng: random.Random) -> None:
    """Extreme 32-bit numbers, as for sizes, counts and times."""
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(max(len(data) - 8, 1))
        value = rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1))
        data[at : at + 4] = value.to_bytes(4, rng.choice(("big", "little")))


def _span(data: bytearray, rng: random.Random) -> tuple[int, int]:
    """Up to a third of the file."""
    start = rng.randrange(len(data))
    return start, min(start + rng.randint(1, max(len(data) // 3, 1)), len(data))


MUTATIONS: dict[str, Mutation] = {
    "flip": _flip,
    "cut": _cut,
    "zero": _zero,
    "dup": _dup,
    "insert": _insert,
    "head": _head,
    "int": _int,
}
