"""Reading a video file or picture, here or remote, with PyAV: frames with exact times, errors renamed, damage noted."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from pipeline.errors import SourceError
from pipeline.types import Picture
from pipeline.video.opening import Source, packets
from pipeline.video.picture import PictureConverter

NS = 1_000_000_000
DAMAGE_S = 2.0
"""A hole in the times of frames this soon after damage was met is laid to it."""
SEEK_MARGIN_S = 2.0
"""A start closer to the beginning than this is reached by decoding, which keeps frame numbers exact."""
SEEK_BACK_S = (0.0, 20.0, 120.0)
"""How much earlier is tried where a seek went too far, as in MPEG streams, which have no index."""
_DURATION = re.compile(r"(\d{1,6}):(\d\d?):(\d\d?(?:\.\d{1,9})?)")


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
    is_indexed: bool = False
    """The container has an index, so that a seek finds what it looks for."""
    other_streams: tuple[str, ...] = ()
    """The video streams that are left out, in words."""


class VideoReader:
    """An open video file or picture. Use as a context manager; not thread-safe."""

    def __init__(self, path: str | Path, *, start_s: float = 0.0, rotate: int = 0, video_stream: int | None = None):
        """`path` may be an address. `rotate`: degrees clockwise, on top of the file's own orientation. `video_stream`:
        which of the file's, from 0; None: the one that a player shows. Raises SourceError, naming the file and cause.
        """
        self._source, self._start_s = Source(path, video_stream), start_s
        self._sought = self._moved = False
        self._last_stamp_ns: int | None = None
        try:
            self._open()
        except SourceError:
            self._source.release()
            raise
        self.info = self._read_info()
        self._convert = PictureConverter(self._stream.sample_aspect_ratio, rotate)

    def _open(self, thread_type: Literal["AUTO", "SLICE"] = "AUTO") -> None:
        """At the beginning of the file."""
        self._container, self._stream = self._source.open()
        self._stream.thread_type = thread_type
        self._origin = container_start(self._container)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._container.close()
        self._source.release()

    def frames(self) -> Iterator[DecodedFrame]:
        """All frames from `start_s`, or somewhat earlier, on, times strictly increasing.

        Packets that cannot be decoded are passed over.
        """
        period_ns = step_ns = self.info.period_ns or 1
        index, last_ns, offset_ns = 0, -1, 0
        damage_ns: int | None = None
        for frame, damaged in chain(self._decode_from_start(), self._decode_rest()):
            if damaged:
                damage_ns = last_ns
            if frame is None:
                continue
            stamp_ns = self._stamp_ns(frame)
            pts_ns = stamp_ns + offset_ns if stamp_ns is not None else last_ns + step_ns if index else 0
            if index and pts_ns <= last_ns - NS:  # the clock jumped back, as in joined recordings: go on from here
                offset_ns += last_ns + period_ns - pts_ns
                pts_ns = last_ns + period_ns
            if index and pts_ns <= last_ns:
                continue
            duration_ns = round((frame.duration or 0) * Fraction(frame.time_base or 0) * NS)
            number = None if self._sought else index
            corrupt = bool(frame.is_corrupt)
            yield DecodedFrame(pts_ns, duration_ns, number, corrupt, damage_ns is not None, frame, self._convert)
            # A decoder runs behind its input: the holes that damage leaves may come some frames after it was met.
            if damage_ns is not None and pts_ns - damage_ns > DAMAGE_S * NS:
                damage_ns = None
            step_ns = pts_ns - last_ns if index else period_ns
            index, last_ns = index + 1, pts_ns
        if not index:
            raise SourceError(f"{self._source.shown}: not one frame of the video could be decoded")

    def _decode_from_start(self) -> Iterator[tuple[av.VideoFrame | None, bool]]:
        """From the last key frame at or before the start that a seek can find, else from the beginning."""
        if self._moved:
            self._container.close()
            self._open()
        if self._start_s > SEEK_MARGIN_S and not self.info.is_picture:
            for back_s in SEEK_BACK_S:
                if self._start_s - back_s <= 0 or not self._seek(self._start_s - back_s):
                    break
                found = self._decode()
                begun = []
                for frame, damaged in found:
                    begun.append((frame, damaged))
                    if frame is not None:
                        stamp_ns = self._stamp_ns(frame)
                        if stamp_ns is not None and stamp_ns <= self._start_s * NS:
                            self._sought = True
                            yield from begun
                            yield from found
                            return
                        break
            self._container.close()
            self._open()
        yield from self._decode()

    def _decode_rest(self) -> Iterator[tuple[av.VideoFrame | None, bool]]:
        """What comes after the last frame, if the file says that there is more.

        After an error near its end, libav's frame threads keep what they hold; without them it comes out.
        """
        last_ns, end_ns = self._last_stamp_ns, self.info.end_ns
        if end_ns is None or last_ns is None or end_ns - last_ns < 1.5 * (self.info.period_ns or 0):
            return
        self._container.close()
        self._open(thread_type="SLICE")
        self._seek(last_ns / NS)
        for frame, damaged in self._decode():
            stamp_ns = None if frame is None else self._stamp_ns(frame)
            if frame is None or (stamp_ns is not None and stamp_ns > last_ns):
                yield frame, damaged

    def _decode(self) -> Iterator[tuple[av.VideoFrame | None, bool]]:
        """Frames, and None with True for each stretch that could not be read or decoded."""
        demuxed = packets(self._container, self._stream)
        while True:
            try:
                packet = next(demuxed)
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
                self._last_stamp_ns = self._stamp_ns(frame)
                yield frame, False

    def _stamp_ns(self, frame: av.VideoFrame) -> int | None:
        """When the file says that a frame is shown; None where it does not."""
        # AVI stores no presentation times: those that libav makes up for B-frames are out of order, decoding times not.
        stamp = frame.dts if self._container.format.name == "avi" else frame.pts
        if stamp is None or self._stream.time_base is None:
            return None
        return round((stamp * Fraction(self._stream.time_base) - self._origin) * NS)

    def _read_info(self) -> VideoInfo:
        stream = self._stream
        rate = stream.average_rate or stream.guessed_rate
        still = bool(self._source.is_picture)
        return VideoInfo(
            width=stream.width,
            height=stream.height,
            period_ns=round(NS / rate) if rate and not still else None,
            end_ns=None if still else _end_ns(self._container, stream, self._origin),
            time_base=str(stream.time_base),
            codec=stream.codec_context.name,
            is_picture=still,
            other_streams=self._source.other_streams,
            is_indexed=self._container.format.name.split(",")[0] in ("mov", "matroska"),
        )

    def key_frame_ns(self, time_ns: int) -> int | None:
        """When the last key frame at or before `time_ns` is shown; None where none is found."""
        self._moved = True
        if not self._seek(time_ns / NS):
            return None
        try:
            packet = next(packets(self._container, self._stream))
        except (StopIteration, av.FFmpegError):
            return None
        if packet.pts is None or packet.time_base is None or not packet.is_keyframe:
            return None
        key_ns = round((packet.pts * Fraction(packet.time_base) - self._origin) * NS)
        return key_ns if key_ns <= time_ns else None

    def _seek(self, start_s: float) -> bool:
        """To the last key frame at or before `start_s`; False where that cannot be done."""
        if self._stream.time_base is None:
            return False
        target = (Fraction(start_s) + self._origin) / Fraction(self._stream.time_base)
        try:
            self._container.seek(int(target), stream=self._stream)
        except av.FFmpegError:
            return False
        return True


def container_start(container: InputContainer) -> Fraction:
    """The container's start in s, exactly: the earliest stream's own start where that is what was rounded."""
    start = Fraction(container.start_time or 0, av.time_base)
    exact = [
        Fraction(s.start_time * s.time_base) for s in container.streams if s.start_time is not None and s.time_base
    ]
    return next((e for e in exact if abs(e - start) < Fraction(1, av.time_base)), start)


def _end_ns(container: InputContainer, stream: VideoStream, origin: Fraction) -> int | None:
    if stream.duration and stream.time_base and container.format.name != "asf":  # there it is the whole file's
        begin = (stream.start_time or 0) * Fraction(stream.time_base) - origin
        return round((begin + stream.duration * Fraction(stream.time_base)) * NS)
    # Matroska: when it ends, counted from 0 and not from its start. What is written otherwise is damaged.
    if tag := _DURATION.fullmatch(stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = tag.groups()
        return round((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds) - origin) * NS)
    if container.duration and len(container.streams) == 1:
        return round(Fraction(container.duration, av.time_base) * NS)
    return None
