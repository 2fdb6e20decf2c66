"""The time average: what it is on signals whose average is known, and what it must not depend on."""

import numpy as np
import pytest

from pipeline.tracks.smoothing import smooth

NS = 1_000_000_000


def run(times_s, values, usable=None, half_width_s=0.8):
    values = np.asarray(values, float).reshape(len(times_s), -1)
    usable = np.ones(len(times_s), bool) if usable is None else np.asarray(usable)
    pts_ns = np.round(np.asarray(times_s) * NS).astype(np.int64)
    return smooth(pts_ns, values, usable, half_width_s=half_width_s)[:, 0]


def test_a_constant_stays():
    assert run(np.arange(0, 5, 0.1), np.full(50, 0.3)) == pytest.approx(0.3)


def test_a_ramp_stays_inside_and_is_pulled_in_at_its_ends():
    times = np.arange(0, 5, 0.1)
    out = run(times, times)
    assert out[10:-10] == pytest.approx(times[10:-10])
    assert out[0] == pytest.approx(0.4)


def test_it_depends_on_time_and_not_on_the_frame_rate():
    fine, coarse = np.arange(0, 6, 1 / 30), np.arange(0, 6, 1 / 10)
    signal = lambda t: np.sin(2 * t)  # noqa: E731
    at_coarse = run(fine, signal(fine))[::3]
    assert run(coarse, signal(coarse))[8:-8] == pytest.approx(at_coarse[8:-8], abs=0.01)


def test_crowded_rows_do_not_weigh_more():
    times = np.concatenate([np.arange(0, 1, 0.25), np.arange(1, 2, 0.01)])
    values = (times >= 1).astype(float)
    centre = run(times, values, half_width_s=1.0)[4]  # at 1 s: half of the window is 0, half is 1
    assert centre == pytest.approx(0.5, abs=0.15)


def test_nothing_is_averaged_across_a_gap():
    times = np.concatenate([np.arange(0, 1, 0.1), np.arange(1.6, 2.6, 0.1)])
    out = run(times, np.r_[np.zeros(10), np.ones(10)])
    assert out[:10] == pytest.approx(0)
    assert out[10:] == pytest.approx(1)


def test_bad_rows_do_not_count_but_get_a_value():
    times = np.arange(0, 3, 0.1)
    values, usable = np.zeros(30), np.ones(30, bool)
    values[14:16], usable[14:16] = 9, False
    out = run(times, values, usable)
    assert out == pytest.approx(0)


def test_a_row_with_nothing_usable_in_its_window_has_none():
    times = np.arange(0, 4, 0.1)
    usable = times < 1
    out = run(times, np.ones(40), usable)
    assert np.isfinite(out[:18]).all()
    assert np.isnan(out[19:]).all()


def test_a_lone_row_is_itself():
    assert run([2.0], [0.7]) == pytest.approx(0.7)


def test_no_window_means_no_smoothing():
    times = np.arange(0, 1, 0.1)
    assert run(times, times**2, half_width_s=0) == pytest.approx(times**2)


def test_pieces_that_overlap_by_a_window_give_the_same_values():
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.uniform(0.02, 0.2, 400))
    values, usable = rng.normal(size=400), rng.random(400) < 0.8
    whole = run(times, values, usable)
    middle = (times >= times[150] - 0.8 - 1e-9) & (times <= times[250] + 0.8 + 1e-9)
    piece = run(times[middle], values[middle], usable[middle])
    inside = np.isin(times[middle], times[150:251])
    assert piece[inside] == pytest.approx(whole[150:251], abs=1e-12, nan_ok=True)
