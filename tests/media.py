"""Small videos made on the spot."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def squares(count: int, width: int = 160, height: int = 120) -> list[np.ndarray]:
    """Two white squares on grey: one goes to the right, and round again, one stands still."""
    frames = []
    for i in range(count):
        image = np.full((height, width, 3), 40, np.uint8)
        left = 10 + i % (width - 34)
        image[20:44, left : left + 24] = 250
        image[70:100, 110:140] = 235
        frames.append(image)
    return frames


def write_video(
    path: Path,
    images: Iterable[np.ndarray],
    *,
    fps: float = 25,
    pts_s: Sequence[float] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    rotation: int = 0,
    matrix: Sequence[int] | None = None,
    gop: int = 12,
    crf: int = 12,
    time_base: Fraction = Fraction(1, 90_000),
) -> Path:
    """Encode (H, W, 3) BGR pictures; `pts_s` gives each its time, else they come evenly.

    `matrix`: a b c d of the display matrix: x y of a pixel is shown at a x + c y, b x + d y.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        settings = {"crf": str(crf), "preset": "veryfast"} if codec.startswith("libx26") else {}
        stream = container.add_stream(
            codec, rate=Fraction(fps).limit_denominator(1001), options=settings | (options or {})
        )
        stream.pix_fmt, stream.gop_size = pix_fmt, gop
        stream.codec_context.time_base = time_base
        if rotation:
            stream.set_display_rotation(rotation)
        if matrix is not None:
            a, b, c, d = (round(value * 65536) for value in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for index, image in enumerate(images):
            if index == 0:
                stream.height, stream.width = image.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24").reformat(format=pix_fmt)
            time_s = Fraction(index) / Fraction(fps) if pts_s is None else Fraction(pts_s[index])
            frame.pts, frame.time_base = round(time_s / time_base), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
