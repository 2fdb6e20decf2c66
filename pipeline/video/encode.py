"""Writing H.264 video with PyAV, with another file's audio kept if wanted."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from pipeline.errors import ConfigError, SinkError
from pipeline.video.sound import Sound

_TIME_BASE = Fraction(1, 90_000)
NS = 1_000_000_000


class VideoWriter:
    """An .mp4 that appears whole or not at all: it is put in place on leaving the context without an error."""

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        *,
        fps: Fraction,
        crf: int = 20,
        gop: int = 60,
        audio_from: Path | None = None,
    ):
        """`size` is width and height; an odd side loses its last pixel, which H.264 4:2:0 cannot hold."""
        if path.suffix.lower() != ".mp4":
            raise ConfigError(f"{path}: only MP4 can be written; choose a name that ends in .mp4")
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; give the name of a video to write")
        self._path, self._size = path, (size[0] // 2 * 2, size[1] // 2 * 2)
        if not min(self._size):
            raise ConfigError(f"{path}: a picture of {size[0]}x{size[1]} px is too small for video")
        self._reformatter = VideoReformatter()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, half = tempfile.mkstemp(prefix="_", suffix=".mp4", dir=path.parent)
            os.close(handle)
            self._half = Path(half)
            self._container: OutputContainer = av.open(half, "w", format="mp4", options={"movflags": "faststart"})
        except (av.FFmpegError, OSError) as exc:
            raise ConfigError(f"{path}: cannot be written: {exc.strerror}; choose another place") from exc
        self._video = self._container.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "veryfast"})
        self._video.width, self._video.height = self._size
        self._video.pix_fmt = "yuv420p"
        self._video.gop_size = gop
        self._video.codec_context.time_base = _TIME_BASE
        self._video.codec_context.colorspace = Colorspace.ITU709
        self._video.codec_context.color_range = ColorRange.MPEG
        self._sound = Sound(audio_from, self._container) if audio_from else None

    def __enter__(self) -> Self:
        return self

    def write(self, image: np.ndarray, pts_ns: int) -> None:
        """One picture (H, W, 3) uint8 BGR, to be shown from `pts_ns` on; times must increase. Raises SinkError.

        A picture of another size than the video's is scaled to it.
        """
        if (image.shape[1] // 2 * 2, image.shape[0] // 2 * 2) != self._size:
            image = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        image = np.ascontiguousarray(image[: self._size[1], : self._size[0]])
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(image, format="bgr24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = round(Fraction(pts_ns, NS) / _TIME_BASE), _TIME_BASE
        with self._renamed():
            self._container.mux(self._video.encode(frame))
            if self._sound is not None:
                self._sound.pass_on_until(pts_ns / NS)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        try:
            with self._renamed():
                if exc is None:
                    self._container.mux(self._video.encode(None))
                    if self._sound is not None:
                        self._sound.pass_on_until(float("inf"))
                self._container.close()
                if exc is None:
                    self._half.chmod(0o644)  # mkstemp makes files for their owner alone
                    self._half.replace(self._path)
        finally:
            if self._sound is not None:
                self._sound.close()
            self._half.unlink(missing_ok=True)

    @contextmanager
    def _renamed(self) -> Iterator[None]:
        try:
            yield
        except (av.FFmpegError, OSError) as exc:
            raise SinkError(f"{self._path}: cannot be written: {exc.strerror or exc}") from exc
