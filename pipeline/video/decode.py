"""Reading a video file or picture with PyAV: frames with exact times, errors renamed, damage noted."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline.errors import SourceError
from pipeline.types import Picture
from pipeline.video.picture import PictureConverter

NS = 1_000_000_000
DAMAGE_S = 2.0
"""A hole in the times of frames this soon after damage was met is laid to it."""
SEEK_MARGIN_S = 2.0
"""A start closer to the beginning than this is reached by decoding, which keeps frame numbers exact."""


@dataclass(slots=True)
class DecodedFrame:
    """One frame as it left the decoder. `picture` is made on demand: most frames are never looked at."""

    pts_ns: int
    duration_ns: int
    """How long it is shown; 0 where the file does not say."""
    frame_index: int | None
    corrupt: bool
    damage_before: bool
    """If there is a hole between the frame before and this one, it is damage and not a pause."""
    _frame: av.VideoFrame
    _convert: PictureConverter

    def picture(self) -> Picture:
        """The frame as it is analysed."""
        return self._convert(self._frame)

    def bgr(self) -> np.ndarray:
        """The frame as people look at it: (H, W, 3) uint8 BGR."""
        return self._convert.bgr(self._frame)


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the container says of its picture stream."""

    width: int
    height: int
    period_ns: int | None
    """Nominal time between frames; None where it is not known."""
    end_ns: int | None
    """When the last frame should end; None where the file does not say."""
    time_base: str
    codec: str
    is_picture: bool


class VideoReader:
    """An open video file or picture. Use as a context manager; not thread-safe."""

    def __init__(self, path: str | Path, *, start_s: float = 0.0):
        """Raises SourceError, naming the file and the cause."""
        self._path = str(path)
        try:
            self._container: InputContainer = av.open(self._path, metadata_errors="ignore")
        except av.FFmpegError as exc:
            raise SourceError(f"{self._path}: {_cause(exc, self._path)}") from exc
        videos = [s for s in self._container.streams.video if not s.disposition & Disposition.attached_pic]
        if not videos:  # the cover of a song is none
            self._container.close()
            raise SourceError(f"{self._path}: has no video stream")
        self._stream = videos[0]
        self._stream.thread_type = "AUTO"
        self._origin = _origin(self._container, self._stream)
        self.info = self._read_info()
        self._convert = PictureConverter(self._stream.sample_aspect_ratio)
        self._sought = start_s > SEEK_MARGIN_S and not self.info.is_picture
        if self._sought:
            self._seek(start_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._container.close()

    def frames(self) -> Iterator[DecodedFrame]:
        """All frames from the start on, times strictly increasing. Packets that cannot be decoded are passed over."""
        period_ns = self.info.period_ns or 1
        index, last_ns, offset_ns = 0, -1, 0
        damage_ns: int | None = None
        for frame, damaged in self._decode():
            if damaged:
                damage_ns = last_ns
            if frame is None:
                continue
            pts_ns = self._time_ns(frame, index) + offset_ns
            if index and pts_ns <= last_ns - NS:  # the clock jumped back, as in joined recordings: go on from here
                offset_ns += last_ns + period_ns - pts_ns
                pts_ns = last_ns + period_ns
            if index and pts_ns <= last_ns:
                continue
            duration_ns = round((frame.duration or 0) * Fraction(frame.time_base or 0) * NS)
            number = None if self._sought else index
            corrupt = bool(frame.is_corrupt)
            yield DecodedFrame(pts_ns, duration_ns, number, corrupt, damage_ns is not None, frame, self._convert)
            # A decoder runs behind its input: the hole that damage leaves may come some frames after it was met.
            if damage_ns is not None and (pts_ns - last_ns > 1.5 * period_ns or pts_ns - damage_ns > DAMAGE_S * NS):
                damage_ns = None
            index, last_ns = index + 1, pts_ns
        if not index and not self._sought:
            raise SourceError(f"{self._path}: not one frame of the video could be decoded")

    def _decode(self) -> Iterator[tuple[av.VideoFrame | None, bool]]:
        """Frames, and None with True for each stretch that could not be read or decoded."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except av.FFmpegError:
                yield None, True
                return
            try:
                frames = packet.decode()
            except av.FFmpegError:
                yield None, True
                continue
            if packet.is_corrupt:
                yield None, True
            for frame in frames:
                assert isinstance(frame, av.VideoFrame)
                yield frame, False

    def _time_ns(self, frame: av.VideoFrame, index: int) -> int:
        if frame.pts is None or self._stream.time_base is None:
            return index * (self.info.period_ns or NS // 25)
        return round((frame.pts * Fraction(self._stream.time_base) - self._origin) * NS)

    def _read_info(self) -> VideoInfo:
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate
        is_picture = self._container.format.name.endswith("_pipe") or self._container.format.name == "image2"
        return VideoInfo(
            width=stream.width,
            height=stream.height,
            period_ns=round(NS / rate) if rate and not is_picture else None,
            end_ns=None if is_picture else _end_ns(self._container, stream, self._origin),
            time_base=str(stream.time_base),
            codec=stream.codec_context.name,
            is_picture=is_picture,
        )

    def _seek(self, start_s: float) -> None:
        """To the last key frame at or before `start_s`."""
        assert self._stream.time_base is not None
        target = (Fraction(start_s) + self._origin) / Fraction(self._stream.time_base)
        try:
            self._container.seek(int(target), stream=self._stream)
        except av.FFmpegError as exc:
            raise SourceError(f"{self._path}: cannot go to {start_s:g} s: {exc.strerror}") from exc


def _origin(container: InputContainer, stream: VideoStream) -> Fraction:
    """The container's start in s, exactly: the earliest stream's own start where that is what was rounded."""
    start = Fraction(container.start_time or 0, av.time_base)
    exact = [
        Fraction(s.start_time * s.time_base) for s in container.streams if s.start_time is not None and s.time_base
    ]
    return next((e for e in exact if abs(e - start) < Fraction(1, av.time_base)), start)


def _end_ns(container: InputContainer, stream: VideoStream, origin: Fraction) -> int | None:
    if stream.duration and stream.time_base:
        begin = (stream.start_time or 0) * Fraction(stream.time_base) - origin
        return round((begin + stream.duration * Fraction(stream.time_base)) * NS)
    if tag := stream.metadata.get("DURATION"):  # Matroska
        hours, minutes, seconds = tag.split(":")
        return round((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) * NS)
    if container.duration and len(container.streams) == 1:
        return round(Fraction(container.duration, av.time_base) * NS)
    return None


def _cause(exc: av.FFmpegError, path: str) -> str:
    if isinstance(exc, FileNotFoundError):
        return "no such file"
    if isinstance(exc, PermissionError):
        return "not allowed to read it"
    if isinstance(exc, IsADirectoryError):
        return "is a folder"
    try:
        if Path(path).is_file() and Path(path).stat().st_size == 0:
            return "is empty (0 bytes)"
    except OSError:
        pass
    if isinstance(exc, ValueError):  # InvalidDataError
        return "is not a video or picture that can be read, or its index is lost"
    return str(exc.strerror or exc)
