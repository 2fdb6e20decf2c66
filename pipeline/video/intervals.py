"""Detection intervals of half a second on a fixed grid of stream time, and the batches that carry them.

The detector runs on *key frames*: the first analysed frame of each interval, and the first after a scene cut or a
change of the picture's size. Between two key frames boxes are interpolated. So a batch of whole intervals, with the
key frame that follows them, holds all that is needed to analyse it; how many it carries cannot change a row.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from pipeline.types import Frame, FrameBatch
from pipeline.video.scene_cuts import SceneCuts

NS = 1_000_000_000
INTERVAL_NS = NS // 2
INTERVAL_BYTES_MAX = 48 * 2**20
"""An interval whose pictures take more is cut short by an early key frame."""
BATCH_BYTES_MAX = 32 * 2**20
"""A batch is sent on when its pictures take more."""
LOST_NS = NS
"""Where nothing could be decoded for longer, a batch ends: nobody is followed across it ..."""
LOST_MAX = 1000
"""... and the missing ticks go on in batches of so many."""


def batches(
    frames: Iterable[Frame], *, batch_frames: int, start_ns: int = 0, end_ns: int | None = None
) -> Iterator[FrameBatch]:
    """Group analysed frames and missing ticks from `start_ns` on and before `end_ns` into batches of whole intervals.

    A batch holds at least `batch_frames` frames; fewer at the end of the stream, before a gap of more than `LOST_NS`,
    or if pictures are large. Both bounds lie on the grid of detection intervals or at the ends of the
    video. Frames before `start_ns` only serve to find scene cuts; the first picture from `end_ns` on closes the last
    batch.
    """
    held: list[Frame] = []
    picture_ns = -LOST_NS
    for frame in _mark_keys(frames):
        picture_ns = picture_ns if frame.picture is None else frame.pts_ns
        if frame.pts_ns < start_ns:
            continue
        if end_ns is not None and frame.pts_ns >= end_ns:
            if frame.picture is None:
                continue
            if held:
                yield FrameBatch([*held, frame], closed=True)
            return
        lost = frame.pts_ns - picture_ns > LOST_NS
        if held and lost and (len(held) >= LOST_MAX or any(f.picture is not None for f in held)):
            yield FrameBatch(held, closed=False)
            held = []
        if frame.is_key and (len(held) >= batch_frames or _nbytes(held) >= BATCH_BYTES_MAX):
            yield FrameBatch([*held, frame], closed=True)
            held = []
        held.append(frame)
    if held:
        yield FrameBatch(held, closed=False)


def _mark_keys(frames: Iterable[Frame]) -> Iterator[Frame]:
    interval, interval_bytes, last_size, cuts = -1, 0, (0, 0), SceneCuts()
    for frame in frames:
        if frame.picture is None:
            yield frame
            continue
        view, size = cuts.look(frame.picture), (frame.width, frame.height)
        is_key = view.opens_scene or size != last_size or frame.pts_ns // INTERVAL_NS != interval
        is_key |= interval_bytes + frame.picture.nbytes > INTERVAL_BYTES_MAX
        interval_bytes = frame.picture.nbytes + (0 if is_key else interval_bytes)
        interval, last_size = frame.pts_ns // INTERVAL_NS, size
        yield replace(frame, is_key=is_key, scene_cut=view.opens_scene, motion=view.motion)


def _nbytes(frames: list[Frame]) -> int:
    return sum(frame.picture.nbytes for frame in frames if frame.picture is not None)
