"""Writing H.264 video with PyAV, with another file's audio kept if wanted."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from pipeline.errors import SinkError

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
        self._path, self._half = path, path.with_name(f"_{path.name}")
        self._size = (size[0] // 2 * 2, size[1] // 2 * 2)
        self._reformatter = VideoReformatter()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._container: OutputContainer = av.open(
                str(self._half), "w", format="mp4", options={"movflags": "faststart"}
            )
        except (av.FFmpegError, OSError) as exc:
            raise SinkError(f"{path}: cannot be written: {exc.strerror}") from exc
        self._video = self._container.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "veryfast"})
        self._video.width, self._video.height = self._size
        self._video.pix_fmt = "yuv420p"
        self._video.gop_size = gop
        self._video.codec_context.time_base = _TIME_BASE
        self._video.codec_context.colorspace = Colorspace.ITU709
        self._video.codec_context.color_range = ColorRange.MPEG
        self._audio = _Audio(audio_from, self._container) if audio_from else None

    def __enter__(self) -> Self:
        return self

    def write(self, image: np.ndarray, pts_ns: int) -> None:
        """One picture (H, W, 3) uint8 BGR, to be shown from `pts_ns` on; times must increase."""
        image = np.ascontiguousarray(image[: self._size[1], : self._size[0]])
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(image, format="bgr24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
        )
        frame.pts, frame.time_base = round(Fraction(pts_ns, NS) / _TIME_BASE), _TIME_BASE
        self._container.mux(self._video.encode(frame))
        if self._audio is not None:
            self._audio.copy_until(pts_ns / NS)

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        if exc is None:
            self._container.mux(self._video.encode(None))
            if self._audio is not None:
                self._audio.copy_until(float("inf"))
        self._close()
        if exc is None:
            self._half.replace(self._path)
        else:
            self._half.unlink(missing_ok=True)

    def _close(self) -> None:
        self._container.close()
        if self._audio is not None:
            self._audio.close()


class _Audio:
    """The first audio stream of a file, copied packet by packet without decoding."""

    def __init__(self, path: Path, target: OutputContainer):
        self._source: InputContainer = av.open(str(path), metadata_errors="ignore")
        self._target = target
        self._packets: Iterator[av.Packet[Any]] = iter(())
        if self._source.streams.audio:
            stream = self._source.streams.audio[0]
            self._out = target.add_stream_from_template(stream)
            self._packets = (packet for packet in self._source.demux(stream) if packet.dts is not None)
        self._next = next(self._packets, None)

    def copy_until(self, time_s: float) -> None:
        """Pass on what begins before `time_s`."""
        while self._next is not None and float((self._next.pts or 0) * self._next.time_base) <= time_s:
            self._next.stream = self._out
            self._target.mux(self._next)
            self._next = next(self._packets, None)

    def close(self) -> None:
        self._source.close()
