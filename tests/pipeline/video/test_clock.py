"""One rule for time, on numbers alone: stamps of packets in, stream time out."""

import random

import numpy as np
import pytest

from pipeline.video.clock import CLOCKS_MAX, JITTER_FRAMES, LATE_MAX, PERSISTS, Clock, Stamp, Timing
from pipeline.video.irregular import NS
from pipeline.video.presentation import DecodeOrder, in_order

PERIOD_NS = NS // 30
WRAP_NS = round(2**33 * NS / 90_000)


def even(count, begin_s=0.0):
    """Stamps at 30 a second, ns."""
    return [round(begin_s * NS) + i * PERIOD_NS for i in range(count)]


def times(stamps, *, keys=(), one_timeline=False, end_s=None, wrap=False, order=None, clock=None):
    """(time of each stamp, the clock); `order` gives the order of storing for streams with B-frames."""
    timing = Timing(
        period_ns=PERIOD_NS,
        one_timeline=one_timeline,
        end_ns=None if end_s is None else round(end_s * NS),
        wrap_ns=WRAP_NS if wrap else None,
    )
    clock = clock or Clock(timing)
    stored = list(range(len(stamps))) if order is None else order
    packets = [Stamp(stamps[i], i in keys, is_reordered=order is not None) for i in stored]
    found = [time_ns for _, time_ns in clock.times(packets, lambda stamp: stamp)]
    return [found[stored.index(i)] for i in range(len(stamps))], clock


def with_b_frames(count, first=0):
    """The order in which pictures are stored: each third before the two that are shown before it."""
    groups = [[i + 2, i, i + 1] for i in range(first + 1, first + count - 3, 3)]
    rest = range(first + 1 + 3 * len(groups), first + count)
    return [first, *(i for group in groups for i in group), *rest]


def test_an_even_clock_is_time_as_it_is():
    assert times(even(50))[0] == even(50)


@pytest.mark.parametrize("offset_s", [-1000, -30, -2.5, -0.6, 0.3, 30, 1000, 90_000])
@pytest.mark.parametrize("b_frames", [False, True])
def test_a_jump_that_persists_is_a_new_clock_and_goes_on_without_a_gap(offset_s, b_frames):
    stamps = even(40) + even(40, 40 / 30 + offset_s)
    order = with_b_frames(40) + with_b_frames(40, 40) if b_frames else None
    found, clock = times(stamps, keys={0, 40}, order=order)
    if 0 < offset_s < 10:  # so much time may have passed
        assert found == stamps
    else:
        assert found == pytest.approx(even(80), abs=100)
        assert [jump.time_ns for jump in clock.new_clocks] == pytest.approx([40 * PERIOD_NS], abs=100)
    assert not clock.outliers


@pytest.mark.parametrize("by_s", [-37_600, -5, -0.5, 0.5, 5, 300, 37_600])
@pytest.mark.parametrize("at", [[20], [20, 21, 22], [7, 25, 60], [0]])
def test_a_few_stamps_far_away_are_outliers_and_the_old_clock_goes_on(by_s, at):
    stamps = even(80)
    for i in at:
        stamps[i] += round(by_s * NS)
    found, clock = times(stamps)
    assert not clock.new_clocks
    shown = [time_ns for _, time_ns in in_order(enumerate(found), lambda: PERIOD_NS)]
    wrong = [abs(a - b) for a, b in zip(shown, even(80), strict=True)]
    assert max(wrong) <= PERIOD_NS


def test_in_a_file_as_long_as_the_jump_needs_a_jump_ahead_is_a_pause():
    stamps = even(30) + even(30, 31)
    assert times(stamps, one_timeline=True, end_s=32)[0] == stamps
    assert times(stamps, one_timeline=True)[0] == stamps  # nothing is stated
    joined = even(60)
    assert times(stamps, one_timeline=True, end_s=2)[0] == pytest.approx(joined, abs=100)  # it is stated otherwise
    assert times(stamps, keys={30})[0] == pytest.approx(joined, abs=100)  # such files are joined byte for byte


def test_a_pause_between_pictures_stored_out_of_order_is_kept():
    stamps = even(30) + even(31, 31)
    order = with_b_frames(61)
    assert times(stamps, one_timeline=True, end_s=33, order=order)[0] == stamps


def test_slides_that_are_shown_for_long_keep_their_times():
    stamps = [i * 30 * NS for i in range(40)]
    assert times(stamps, one_timeline=True, end_s=1200)[0] == stamps


@pytest.mark.parametrize("b_frames", [False, True])
def test_a_wrap_of_33_bits_goes_on(b_frames):
    begin_ns = WRAP_NS - 20 * PERIOD_NS
    stamps = [ns % WRAP_NS - begin_ns for ns in range(begin_ns, begin_ns + 60 * PERIOD_NS, PERIOD_NS)]
    found, clock = times(stamps, wrap=True, order=with_b_frames(60) if b_frames else None)
    assert found == pytest.approx(even(60), abs=100)
    assert not clock.new_clocks


def test_after_seconds_of_wrong_stamps_the_old_clock_goes_on():
    stamps = even(150)
    for i in range(40, 80):  # at half the rate: taken for a new clock, they would shift what follows
        stamps[i] = 5000 * NS + (i - 40) * PERIOD_NS // 2
    found, _ = times(stamps, one_timeline=True, end_s=5)
    assert found[80:] == pytest.approx(even(150)[80:], abs=100)


def test_uneven_stamps_stay_as_they_are():
    rng = random.Random(0)
    stamps = [ns + rng.randrange(-12_000_000, 12_000_000) for ns in even(200)]
    found, clock = times(stamps)
    assert found[1:] == stamps[1:]
    assert not clock.new_clocks and not clock.outliers


@pytest.mark.parametrize("stated_ns", [1, 1000, 10**13])
def test_a_stated_rate_that_cannot_be_does_not_matter(stated_ns):
    clock = Clock(Timing(period_ns=stated_ns, one_timeline=False))
    found, _ = times(even(40) + even(40, 1000), keys={40}, clock=clock)
    assert found == pytest.approx(even(80), abs=PERIOD_NS)


def test_bytes_explain_what_damage_took():
    """30 s of a recording are zeros: time has passed. Where nothing lies between, it is another recording."""
    before, after = even(60), even(60, 32)

    def found(skipped):
        stamps = [Stamp(ns, position=i * 1000) for i, ns in enumerate(before)]
        stamps += [Stamp(ns, i == 0, position=60_000 + skipped + i * 1000) for i, ns in enumerate(after)]
        return [t for _, t in Clock(Timing(period_ns=PERIOD_NS, one_timeline=False)).times(stamps, lambda s: s)]

    assert found(900_000) == before + after
    assert found(0) == pytest.approx(even(120), abs=100)


def test_pictures_come_out_with_increasing_times_and_none_is_left_out():
    rng = random.Random(1)
    for _ in range(200):
        stamps = [rng.choice([None, rng.randrange(-NS, 5 * NS), i * PERIOD_NS]) for i in range(60)]
        found = list(in_order(enumerate(stamps), lambda: PERIOD_NS))
        assert [i for i, _ in found] == list(range(60))
        shown = [time_ns for _, time_ns in found]
        assert shown == sorted(set(shown)) and shown[0] >= 0


def test_decode_order_gives_the_times_of_packets_in_the_order_of_showing():
    order, shown = DecodeOrder(), []
    stored = with_b_frames(13)  # pictures, in the order of storing; the decoder holds two back
    for slot in range(len(stored)):
        order.fed(slot * PERIOD_NS)
        if slot >= 2:
            own = stored.index(slot - 2)
            shown.append(order.shown(own * PERIOD_NS, slot * PERIOD_NS, own == 0))
    shown += [order.shown(None, None, False) for _ in range(2)]
    assert shown == even(13)


def test_pictures_that_wait_for_a_stamp_far_ahead_are_named_as_squeezed():
    pictures = [(0, 15 * PERIOD_NS), *((i, i * PERIOD_NS) for i in range(1, 40))]
    squeezed = []
    found = list(in_order(pictures, lambda: PERIOD_NS, squeezed.append))
    assert [number for number, _ in found] == list(range(40))
    steps = np.diff([time_ns for _, time_ns in found])
    assert (steps > 0).all()
    assert 5 < len(squeezed) <= (steps < PERIOD_NS // 2).sum()


@pytest.mark.parametrize("others", [1, CLOCKS_MAX - 1])
def test_the_first_clock_is_known_again_after_several_others(others):
    """It resumes 0.2 s later: a new clock would go on without that gap."""
    stamps = even(40)
    for number in range(others):
        stamps += even(2 * PERSISTS, 5000 * (number + 1))
    resumed = even(40, len(stamps) / 30 + 0.2)
    found, clock = times([*stamps, *resumed])
    assert len(clock.new_clocks) == others
    assert found[-40:] == resumed


@pytest.mark.parametrize("late", [1, LATE_MAX])
def test_a_few_pictures_stamped_too_late_make_no_key_frame_a_new_clock(late):
    stamps = even(60)
    for i in range(30 - late, 30):
        stamps[i] += 5 * PERIOD_NS  # by more, and they would be outliers
    found, clock = times(stamps, keys={0, 30})
    assert not clock.new_clocks
    assert found[30:] == stamps[30:]


@pytest.mark.parametrize("frames", [1, JITTER_FRAMES + 1])
def test_a_key_frame_stamped_a_little_early_is_no_new_clock(frames):
    """It should come one frame after the last picture, and is at most `JITTER_FRAMES` before it."""
    stamps = even(60)
    stamps[30:] = [ns - frames * PERIOD_NS for ns in stamps[30:]]
    found, clock = times(stamps, keys={0, 30})
    assert not clock.new_clocks
    assert found[30:] == stamps[30:]
