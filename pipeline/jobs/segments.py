"""Segments: parts of a long video that are analysed apart, on other cores or machines, and then joined.

Decoding and the networks take nearly all the time, and have no memory beyond a detection interval. Tracking and
smoothing have one, take little time, and run once all segments are there, one after the other. So rows and ids are
those of the undivided video. A segment only has to begin with the sampling clock and the scene cuts of the undivided
video: its reader decodes a little more, from a key frame before it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Self

from pipeline.config import Sampling
from pipeline.heartbeat import beat
from pipeline.types import Frame, FrameBatch
from pipeline.video.decode import DAMAGE_S, VideoReader
from pipeline.video.decoded import DecodedFrame, VideoInfo
from pipeline.video.intervals import INTERVAL_NS, batches
from pipeline.video.irregular import CLAIM_RATIO_MAX, Irregular
from pipeline.video.sampling import sample
from pipeline.video.scene_cuts import FLASH_FRAMES_MAX, for_comparison

NS = 1_000_000_000
WARM_S = DAMAGE_S + 0.5
"""At least this much is decoded before a segment: damage is remembered for that long."""
WARM_FRAMES = FLASH_FRAMES_MAX + 2
"""... and so many analysed frames, which scene cuts are found by: the first may be another than in the undivided video,
what follows it is not."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a video, in stream time, cut on the grid of detection intervals."""

    number: int
    """0 for the first."""
    start_ns: int
    end_ns: int | None
    """None: the end of the video."""


def whole(sampling: Sampling) -> Segment:
    """All that is asked for of a video, undivided."""
    return Segment(0, round(sampling.start_s * NS), None if sampling.end_s is None else round(sampling.end_s * NS))


def plan_segments(path: str, sampling: Sampling, length_s: float) -> tuple[Segment, ...]:
    """Cut a video into segments of about `length_s`, each a little after a key frame; one where it cannot be cut.

    It is cut where its container has an index to be trusted (MP4, MOV, Matroska, WebM). Raises SourceError.
    """
    with VideoReader(path, video_stream=sampling.video_stream) as reader:
        return _plan(reader, sampling, length_s)


def _plan(reader: VideoReader, sampling: Sampling, length_s: float) -> tuple[Segment, ...]:
    everything, length_ns = whole(sampling), round(length_s * NS)
    ends = [end_ns for end_ns in (everything.end_ns, reader.info.end_ns) if end_ns is not None]
    if not ends or not reader.info.is_indexed:
        return (everything,)
    bounds = [everything.start_ns]
    for near_ns in range(everything.start_ns + length_ns, min(ends) - length_ns // 2, length_ns):
        key_ns = reader.key_frame_ns(near_ns)
        if key_ns is None or near_ns > CLAIM_RATIO_MAX * (key_ns + length_ns):  # it is not as long as it claims
            break
        bound_ns = -(-(key_ns + _warm_ns(sampling)) // INTERVAL_NS) * INTERVAL_NS
        if bounds[-1] < bound_ns < min(ends):
            bounds.append(bound_ns)
    return tuple(
        Segment(number, start_ns, end_ns)
        for number, (start_ns, end_ns) in enumerate(zip(bounds, [*bounds[1:], everything.end_ns], strict=True))
    )


class FileSegment:
    """A segment of a file, or all of it, as a frame source. Use as a context manager; not thread-safe."""

    ts_source = "file"

    def __init__(self, path: str, segment: Segment, sampling: Sampling, *, batch_frames: int):
        """`batch_frames`: least number of frames in a batch. Raises SourceError."""
        self._path, self._segment, self._sampling, self._batch_frames = path, segment, sampling, batch_frames
        self.num_frames: int | None = None
        """Frames of the video in this segment, in the first also those before it; None where it is not known."""
        self._back_s = 0.0 if segment.number == 0 else _warm_ns(sampling) / NS
        self._reader = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._reader.close()

    @property
    def irregular(self) -> Irregular:
        """What was found about the time stamps in this segment so far."""
        begin_ns = self._segment.start_ns if self._segment.number else round(self._sampling.start_s * NS)
        return self._reader.irregular.within(begin_ns, self._segment.end_ns)

    @property
    def info(self) -> VideoInfo:
        """What the container says of the video."""
        return self._reader.info

    def batches(self) -> Iterator[FrameBatch]:
        """See `pipeline.stream.source.FrameSource`."""
        segment = self._segment
        return batches(self.frames(), batch_frames=self._batch_frames, start_ns=segment.start_ns, end_ns=segment.end_ns)

    def frames(self) -> Iterator[Frame]:
        """The segment's frames, before it what its first frame is compared with, and on to the end of the video.

        Ordinals count from the first frame of the segment (of the video, in the first segment). Raises SourceError.
        """
        frames = self._sampled()
        if self._segment.number == 0:
            yield from frames
            return
        while True:
            before: deque[Frame] = deque(maxlen=WARM_FRAMES)
            first = None
            for first in frames:
                if first.pts_ns >= self._segment.start_ns:
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
        if first is not None and first.pts_ns >= self._segment.start_ns:
            yield first
        yield from frames

    def _open(self) -> VideoReader:
        wanted = self._sampling
        return VideoReader(self._path, start_s=self._start_s(), rotate=wanted.rotate, video_stream=wanted.video_stream)

    def _start_s(self) -> float:
        return max(self._segment.start_ns / NS - self._back_s, self._sampling.start_s)

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
        start_ns, end_ns, first = self._segment.start_ns, self._segment.end_ns, self._segment.number == 0
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
    """How much is decoded before a segment."""
    ticks_s = 0.0 if sampling.fps == "native" else (WARM_FRAMES + 1) / sampling.fps
    return round(max(WARM_S, ticks_s) * NS)
