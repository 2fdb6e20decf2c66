"""Which frames are analysed: the first frame in each cell of the sampling grid.

Cell k begins at k / fps of stream time, whatever the start, less a tolerance for stamps that containers round (to 1 ms
in Matroska, WebM and FLV). A frame that comes a full cell after the one before it is always taken: a video whose own
rate is the sampling rate loses none, wherever its frames lie in the grid.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction
from math import ceil

from pipeline.types import Frame
from pipeline.video.decoded import DecodedFrame, VideoInfo
from pipeline.video.irregular import CLAIM_RATIO_MAX, NS

ROUNDING_NS = 1_000_000
"""A stamp is off by less than the coarsest unit in use, the millisecond."""


def sample(
    frames: Iterable[DecodedFrame],
    info: VideoInfo,
    *,
    fps: Fraction | None,
    start_s: float,
    end_s: float | None,
    packets_end_ns: Callable[[], int] = lambda: 0,
) -> Iterator[Frame]:
    """The analysed frames of a segment of a stream, and a missing tick for each that damage took.

    Each says how long it stands: until the next, or the end of the video.
    `fps` None takes every frame. A pause in a video of variable frame rate is no damage: ticks only go missing where
    something could not be decoded, or where the file ends before it says it does and that can be believed.
    `packets_end_ns` is asked, after the last frame, where the last packet ended.
    """
    grid = _Grid(fps, info, round(start_s * NS))
    found = _found(
        frames, info, grid, round(start_s * NS), None if end_s is None else round(end_s * NS), packets_end_ns
    )
    before: Frame | None = None
    for frame in found:
        if before is not None:
            yield replace(before, shown_ns=frame.pts_ns - before.pts_ns)
        before = frame
    if before is not None:
        yield replace(before, shown_ns=max(grid.end_ns - before.pts_ns, 0))


def _found(
    frames: Iterable[DecodedFrame],
    info: VideoInfo,
    grid: "_Grid",
    start_ns: int,
    end_ns: int | None,
    packets_end_ns: Callable[[], int],
) -> Iterator[Frame]:
    shown_until_ns = 0
    for frame in frames:
        if end_ns is not None and frame.pts_ns >= end_ns:
            if frame.damage_before:
                yield from grid.missing(max(shown_until_ns, start_ns), end_ns)
            grid.end_ns = end_ns
            return
        if frame.pts_ns >= start_ns:
            if frame.damage_before:
                yield from grid.missing(max(shown_until_ns, start_ns), frame.pts_ns)
            if grid.takes(frame.pts_ns):
                picture = frame.picture()
                size = picture.width, picture.height
                grid.size = size
                yield Frame(frame.pts_ns, frame.frame_index, picture, *size, corrupt=frame.corrupt)
        shown_until_ns = frame.pts_ns + (frame.duration_ns or info.period_ns or 0)
    until_ns = max(packets_end_ns(), believable_end_ns(info, shown_until_ns) or 0)
    yield from grid.missing(max(shown_until_ns, start_ns), until_ns if end_ns is None else min(until_ns, end_ns))
    grid.end_ns = max(shown_until_ns, until_ns)


def believable_end_ns(info: VideoInfo, seen_ns: int) -> int | None:
    """The end that the container states; None where so little of it was seen that it cannot be believed."""
    if info.end_ns is None or info.end_is_estimate or info.end_ns > CLAIM_RATIO_MAX * seen_ns:
        return None
    return info.end_ns


class _Grid:
    """The cells of a stream, and which of them is answered."""

    def __init__(self, fps: Fraction | None, info: VideoInfo, start_ns: int):
        self._fps = fps
        self.size = info.width, info.height
        """Of the last picture analysed, which may be turned or stretched against what the container says."""
        self._frame_ns = info.period_ns or 0
        self._tolerance_ns = min(Fraction(ROUNDING_NS), NS / fps / 8) if fps else 0
        self._cell = 0 if fps is None else -(-start_ns * fps // NS) - 1
        self._first_ns = self._last_ns = -1
        self._count = 0
        self.end_ns = 0
        """Where the last frame ends, once all are through."""

    def takes(self, pts_ns: int) -> bool:
        """Whether the frame at `pts_ns` is analysed; call it for every frame from the start on."""
        step_ns, last_ns = pts_ns - self._last_ns, self._last_ns
        self._first_ns, self._last_ns = (pts_ns if last_ns < 0 else self._first_ns), pts_ns
        self._count += 1
        if self._fps is None:
            return True
        cell = int((pts_ns + self._tolerance_ns) * self._fps // NS)
        if cell <= self._cell and (last_ns < 0 or step_ns < NS / self._fps - self._tolerance_ns):
            return False
        self._cell = max(cell, self._cell)
        return True

    def missing(self, since_ns: int, until_ns: int) -> Iterator[Frame]:
        """The unanswered ticks of a span whose frames are lost; its last frame's length is left to the frame after.

        The first frame lost would have begun at `since_ns` and answered the last tick before it, if that still waits.
        """
        half_ns = Fraction(self._frame_ns, 2)
        if since_ns + half_ns >= until_ns:
            return
        if self._fps is None:
            if step_ns := self._native_step_ns():
                for tick_ns in range(since_ns, ceil(until_ns - half_ns), step_ns):
                    yield self._gone(tick_ns)
            return
        self._cell = max(self._cell, int(since_ns * self._fps // NS) - 1)
        while (tick := Fraction((self._cell + 1) * NS) / self._fps) + half_ns < until_ns:
            self._cell += 1
            yield self._gone(round(tick))

    def _native_step_ns(self) -> int:
        """The nominal time between frames, but not a small part of what was seen."""
        seen_ns = (self._last_ns - self._first_ns) // max(self._count - 1, 1)
        return seen_ns if self._frame_ns < seen_ns / 4 else self._frame_ns

    def _gone(self, pts_ns: int) -> Frame:
        return Frame(pts_ns, None, None, *self.size, missing=True)
