"""Which frames are analysed."""

from fractions import Fraction
from types import SimpleNamespace

import pytest

from pipeline.video.decoded import VideoInfo
from pipeline.video.sampling import sample

MS = 1_000_000


def frames(times_ms, *, damage_at=()):
    """Decoded frames at these times, each shown until the next."""
    picture = SimpleNamespace(width=64, height=48, nbytes=1)
    ends = [*times_ms[1:], times_ms[-1] + 40]
    return [
        SimpleNamespace(
            pts_ns=t * MS,
            duration_ns=(end - t) * MS,
            frame_index=i,
            corrupt=False,
            damage_before=t in damage_at,
            picture=lambda: picture,
        )
        for i, (t, end) in enumerate(zip(times_ms, ends, strict=True))
    ]


def info(period_ms=40, end_ms=None):
    end_ns = None if end_ms is None else end_ms * MS
    return VideoInfo(64, 48, period_ms * MS if period_ms else None, end_ns, "1/1000", "h264", False)


def times(result):
    return [frame.pts_ns // MS for frame in result if not frame.missing]


def missing(result):
    return [frame.pts_ns // MS for frame in result if frame.missing]


def run(decoded, about, fps=10, start_s=0.0, end_s=None):
    rate = None if fps is None else Fraction(fps)
    return list(sample(decoded, about, fps=rate, start_s=start_s, end_s=end_s))


def test_the_first_frame_at_or_after_each_tick_is_taken():
    assert times(run(frames(range(0, 400, 40)), info())) == [0, 120, 200, 320]


def test_native_takes_every_frame():
    assert times(run(frames(range(0, 400, 40)), info(), fps=None)) == list(range(0, 400, 40))


def test_a_video_slower_than_the_clock_gives_each_frame_once():
    assert times(run(frames([0, 300, 600]), info(300))) == [0, 300, 600]


def test_after_a_pause_ticks_go_on_at_their_own_rate():
    result = run(frames([0, 100, 2000, 2030, 2060, 2100]), info(33))
    assert times(result) == [0, 100, 2000, 2100]
    assert missing(result) == []


def test_ticks_lie_on_stream_time_whatever_the_start():
    assert times(run(frames(range(0, 1000, 20)), info(20), start_s=0.25)) == [300, 400, 500, 600, 700, 800, 900]


def test_the_end_is_exclusive():
    assert times(run(frames(range(0, 1000, 100)), info(100), end_s=0.3)) == [0, 100, 200]


def test_damage_in_the_middle_leaves_its_ticks_missing():
    result = run(frames([0, 100, 200, 600, 700], damage_at={600}), info(100))
    # 300 to 500 had frames that could not be decoded; frame 200 is shown until the next that could.
    assert times(result) == [0, 100, 200, 600, 700]


def test_damage_is_counted_where_the_frame_before_says_how_long_it_was():
    decoded = frames([0, 100, 200, 600, 700], damage_at={600})
    decoded[2].duration_ns = 100 * MS
    assert missing(run(decoded, info(100))) == [300, 400, 500]


def test_a_file_that_ends_early_leaves_the_rest_missing():
    result = run(frames(range(0, 500, 40)), info(40, end_ms=1000))
    assert missing(result) == [500, 600, 700, 800, 900]  # the frame at 520 would have answered tick 500


def test_native_counts_missing_frames_by_the_nominal_rate():
    result = run(frames(range(0, 200, 40)), info(40, end_ms=400), fps=None)
    assert missing(result) == [200, 240, 280, 320, 360]


def test_a_last_frame_that_is_shown_for_long_is_no_damage():
    decoded = frames([0, 100, 200])
    decoded[-1].duration_ns = 800 * MS
    assert missing(run(decoded, info(100, end_ms=1000))) == []


@pytest.mark.parametrize("fps", [1, 10, Fraction(30000, 1001), 60, None])
def test_no_frame_is_taken_twice_and_order_is_kept(fps):
    result = times(run(frames(range(0, 3000, 33)), info(33), fps=fps))
    assert result == sorted(set(result))


def test_a_start_beyond_the_end_misses_nothing():
    assert run(frames(range(0, 400, 40)), info(end_ms=400), fps=None, start_s=2.0) == []


def test_what_is_missing_begins_with_the_start():
    decoded = frames([0, 40, 3000, 3040], damage_at={3000})
    decoded[1].duration_ns = 40 * MS
    assert missing(run(decoded, info(), fps=None, start_s=2.9)) == [2900, 2940]


def test_damage_across_the_end_leaves_the_ticks_before_it_missing():
    result = run([*frames(range(0, 400, 40)), *frames([800, 840], damage_at={800})], info(), end_s=0.6)
    assert missing(result) == [400, 500]
