"""Stretches: parts of a long video that are analysed apart, on other cores or machines, and then joined.

What is dear, decoding and the networks, has no memory beyond a hop (`pipeline.faces.analyzer`); what has memory,
tracking and smoothing, is cheap and is done when all stretches are there, one after the other. So rows and ids are
those of the undivided video. A stretch only needs to begin with the sampling clock and the scene as they would be: its
reader decodes somewhat more, from a key frame before it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Self

from pipeline.config import Sampling
from pipeline.heartbeat import beat
from pipeline.types import Frame
from pipeline.video.decode import DAMAGE_S, VideoReader
from pipeline.video.decoded import DecodedFrame, VideoInfo
from pipeline.video.hops import HOP_NS
from pipeline.video.irregular import CLAIM_RATIO_MAX, Irregular
from pipeline.video.sampling import sample
from pipeline.video.scene_cuts import FLASH_FRAMES_MAX, for_comparison

NS = 1_000_000_000
WARM_S = DAMAGE_S + 0.5
"""At least this much is decoded before a stretch: damage is remembered for that long."""
WARM_FRAMES = FLASH_FRAMES_MAX + 2
"""... and so many analysed frames, which scene cuts are found by: the first may be another than in the undivided video,
what follows it is not."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a video, in stream time. It begins and ends on the grid of hops, or where the video does."""

    number: int
    """0 for the first."""
    start_ns: int
    end_ns: int | None
    """None: the end of the video."""


@dataclass(frozen=True, slots=True)
class Split:
    """A video is long: it is to be analysed in these stretches."""

    stretches: tuple[Stretch, ...]


def whole(sampling: Sampling) -> Stretch:
    """All that is asked for of a video, undivided."""
    return Stretch(0, round(sampling.start_s * NS), None if sampling.end_s is None else round(sampling.end_s * NS))


def plan(reader: VideoReader, sampling: Sampling, length_s: float) -> tuple[Stretch, ...]:
    """Cut a video into stretches of about `length_s`, each a little after a key frame; one where it cannot be cut.

    It is cut where its container has an index to be trusted (MP4, MOV, Matroska, WebM).
    """
    everything, length_ns = whole(sampling), round(length_s * NS)
    ends = [end_ns for end_ns in (everything.end_ns, reader.info.end_ns) if end_ns is not None]
    if not ends or not reader.info.is_indexed:
        return (everything,)
    bounds = [everything.start_ns]
    for near_ns in range(everything.start_ns + length_ns, min(ends) - length_ns // 2, length_ns):
        key_ns = reader.key_frame_ns(near_ns)
        if key_ns is None or near_ns > CLAIM_RATIO_MAX * (key_ns + length_ns):  # it is not as long as it claims
            break
        bound_ns = -(-(key_ns + _warm_ns(sampling)) // HOP_NS) * HOP_NS
        if bounds[-1] < bound_ns < min(ends):
            bounds.append(bound_ns)
    return tuple(
        Stretch(number, start_ns, end_ns)
        for number, (start_ns, end_ns) in enumerate(zip(bounds, [*bounds[1:], everything.end_ns], strict=True))
    )


class StretchReader:
    """The analysed frames of a stretch. Use as a context manager; not thread-safe."""

    def __init__(self, path: str, stretch: Stretch, sampling: Sampling):
        """Raises SourceError."""
        self._path, self._stretch, self._sampling = path, stretch, sampling
        self.num_frames: int | None = None
        """Frames of the video in this stretch, in the first also those before it; None where it is not known."""
        self._back_s = 0.0 if stretch.number == 0 else _warm_ns(sampling) / NS
        self._reader = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._reader.close()

    @property
    def irregular(self) -> Irregular:
        """What was found about the time stamps in this stretch so far."""
        begin_ns = self._stretch.start_ns if self._stretch.number else round(self._sampling.start_s * NS)
        return self._reader.irregular.within(begin_ns, self._stretch.end_ns)

    @property
    def info(self) -> VideoInfo:
        """What the container says of the video."""
        return self._reader.info

    def plan(self, length_s: float) -> tuple[Stretch, ...]:
        """Into which stretches the video is to be cut; see `plan`."""
        with VideoReader(self._path) as reader:
            return plan(reader, self._sampling, length_s)

    def frames(self) -> Iterator[Frame]:
        """The stretch's frames, before it what its first frame is compared with, and on to the end of the video.

        Ordinals count from the first frame of the stretch (of the video, in the first stretch). Raises SourceError.
        """
        frames = self._sampled()
        if self._stretch.number == 0:
            yield from frames
            return
        while True:
            before: deque[Frame] = deque(maxlen=WARM_FRAMES)
            first = None
            for first in frames:
                if first.pts_ns >= self._stretch.start_ns:
                    break
                if first.picture is not None:
                    before.append(for_comparison(first))
            if len(before) == WARM_FRAMES or self._start_s() <= self._sampling.start_s:
                break
            self._back_s *= 20  # a pause, as in slides: look farther back
            self._reader.close()
            self._reader = self._open()
            frames = self._sampled()
        yield from before
        if first is not None and first.pts_ns >= self._stretch.start_ns:
            yield first
        yield from frames

    def _open(self) -> VideoReader:
        wanted = self._sampling
        return VideoReader(self._path, start_s=self._start_s(), rotate=wanted.rotate, video_stream=wanted.video_stream)

    def _start_s(self) -> float:
        return max(self._stretch.start_ns / NS - self._back_s, self._sampling.start_s)

    def _sampled(self) -> Iterator[Frame]:
        fps = None if self._sampling.fps == "native" else Fraction(self._sampling.fps).limit_denominator(1_000_000)
        return sample(
            self._numbered(),
            self._reader.info,
            fps=fps,
            start_s=self._start_s(),
            end_s=self._sampling.end_s,
            packets_end_ns=lambda: self._reader.packets_end_ns,
        )

    def _numbered(self) -> Iterator[DecodedFrame]:
        start_ns, end_ns, first = self._stretch.start_ns, self._stretch.end_ns, self._stretch.number == 0
        self.num_frames = 0
        for frame in self._reader.frames():
            beat()
            if not first:
                frame.frame_index = None if frame.pts_ns < start_ns else self.num_frames
            inside = (first or frame.pts_ns >= start_ns) and (end_ns is None or frame.pts_ns < end_ns)
            if inside:
                self.num_frames = None if frame.frame_index is None else frame.frame_index + 1
            yield frame


def _warm_ns(sampling: Sampling) -> int:
    """How much is decoded before a stretch."""
    ticks_s = 0.0 if sampling.fps == "native" else (WARM_FRAMES + 1) / sampling.fps
    return round(max(WARM_S, ticks_s) * NS)
