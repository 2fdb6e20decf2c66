"""Which frames are analysed: for each tick k of the sampling clock, the first frame at or after it, never twice."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from pipeline.types import Frame
from pipeline.video.decode import DecodedFrame, VideoInfo

NS = 1_000_000_000


def sample(
    frames: Iterable[DecodedFrame], info: VideoInfo, *, fps: Fraction | None, start_s: float, end_s: float | None
) -> Iterator[Frame]:
    """The analysed frames of a stretch of a stream, and a missing tick for each that damage took.

    Ticks lie at k / fps of stream time whatever the start; `fps` None takes every frame. A pause in a video of
    variable frame rate is no damage: ticks only go missing where something could not be decoded, or where the file
    ends before it says it does.
    """
    clock = _Clock(fps, info, start_s)
    start_ns, end_ns = round(start_s * NS), None if end_s is None else round(end_s * NS)
    shown_until_ns = start_ns
    for frame in frames:
        if end_ns is not None and frame.pts_ns >= end_ns:
            if frame.damage_before:
                yield from clock.missing(shown_until_ns, end_ns)
            return
        if frame.pts_ns < start_ns:
            continue
        if frame.damage_before:
            yield from clock.missing(shown_until_ns, frame.pts_ns)
        if clock.takes(frame.pts_ns):
            picture = frame.picture()
            yield Frame(frame.pts_ns, frame.frame_index, picture, picture.width, picture.height, corrupt=frame.corrupt)
        shown_until_ns = frame.pts_ns + (frame.duration_ns or info.period_ns or 0)
    if info.end_ns is not None:
        yield from clock.missing(shown_until_ns, info.end_ns if end_ns is None else min(info.end_ns, end_ns))


class _Clock:
    """The ticks of a stream and which of them is waited for."""

    def __init__(self, fps: Fraction | None, info: VideoInfo, start_s: float):
        self._every_frame = fps is None
        self._frame_ns = info.period_ns or 0
        self._period_ns = Fraction(self._frame_ns) if fps is None else NS / fps
        self._size = (info.width, info.height)
        self._waiting_ns = Fraction(start_s) * NS

    def takes(self, pts_ns: int) -> bool:
        """Whether the frame at `pts_ns` answers a tick; if so, the first tick after it is waited for."""
        if not self._every_frame and pts_ns < self._tick_at_or_after(self._waiting_ns):
            return False
        self._waiting_ns = Fraction(pts_ns + 1)
        return True

    def missing(self, since_ns: int, until_ns: int) -> Iterator[Frame]:
        """The unanswered ticks of a stretch whose frames are lost; its last frame's length is left to the frame after.

        The first frame lost would have begun at `since_ns` and answered the last tick before it, if that still waits.
        """
        if not self._period_ns or since_ns + self._frame_ns / 2 >= until_ns:
            return
        last_ns = since_ns // self._period_ns * self._period_ns
        tick_ns = Fraction(since_ns) if self._every_frame else max(last_ns, self._tick_at_or_after(self._waiting_ns))
        while tick_ns + Fraction(self._frame_ns, 2) < until_ns:
            yield Frame(round(tick_ns), None, None, *self._size, missing=True)
            self._waiting_ns = Fraction(round(tick_ns) + 1)
            tick_ns += self._period_ns

    def _tick_at_or_after(self, time_ns: Fraction) -> Fraction:
        return -(-time_ns // self._period_ns) * self._period_ns
