"""Lines break where nobody was seen, and lose rows without losing their shape."""

import numpy as np
import pytest

from pipeline.report.series import break_lines, segments, stretches, thin
from pipeline.report.sparkline import HEIGHT, POINTS_MAX, WIDTH, sparkline


def test_a_line_breaks_where_more_than_half_a_second_is_missing():
    t_s = np.array([0.0, 0.1, 0.6, 1.2, 1.3])
    assert segments(t_s).tolist() == [0, 0, 0, 1, 1]


def test_a_break_is_a_row_without_values_between_the_two():
    t_s, values = break_lines(np.array([0.0, 1.0]), np.array([0, 1]), np.array([[0.1], [0.3]]))
    assert t_s.tolist() == [0.0, 0.5, 1.0]
    assert values[:, 0] == pytest.approx([0.1, np.nan, 0.3], nan_ok=True)


def test_few_rows_are_all_kept():
    assert thin(np.arange(10.0), np.zeros((10, 2)), 10).tolist() == list(range(10))


def test_thinning_keeps_the_extremes_of_every_column_in_every_stretch():
    rng = np.random.default_rng(3)
    t_s, values = np.arange(20_000) / 25, rng.normal(size=(20_000, 2))
    kept = thin(t_s, values, 402)
    assert len(kept) <= 402
    assert {0, len(t_s) - 1} <= set(kept.tolist())
    for bucket in np.array_split(np.arange(20_000), 100):
        inside = np.intersect1d(kept, bucket)
        assert np.array_equal(values[inside].max(0), values[bucket].max(0))
        assert np.array_equal(values[inside].min(0), values[bucket].min(0))


def test_thinning_never_takes_a_missing_value_for_an_extreme():
    values = np.full((1000, 1), np.nan)
    values[::7, 0] = np.linspace(-1, 1, len(values[::7]))
    kept = thin(np.arange(1000.0), values, 50)
    assert np.isfinite(values[kept[1:-1]]).all()


def test_a_gap_is_still_a_gap_in_a_thinned_line():
    t_s = np.concatenate([np.arange(0, 400, 0.04), np.arange(402, 800, 0.04)])
    values = np.sin(t_s)[:, None]
    kept = thin(t_s, values, 200)
    times, drawn = break_lines(t_s[kept], segments(t_s)[kept], values[kept])
    breaks = times[np.isnan(drawn[:, 0])]
    assert len(breaks) == 1
    bucket_s = 800 / 99
    assert 400 - bucket_s < breaks[0] < 402 + bucket_s


def test_runs_of_one_grade_become_one_stretch_and_stop_at_gaps():
    t_s = np.array([0.0, 0.1, 0.2, 5.0, 5.1])
    got = stretches(t_s, np.array([2, 2, 0, 0, 0]), step_s=0.1, stretches_max=100)
    assert [value for *_, value in got] == [2, 0, 0]
    assert np.array([stretch[:2] for stretch in got]) == pytest.approx(np.array([[0, 0.2], [0.2, 0.3], [5.0, 5.2]]))


def test_too_many_stretches_become_the_most_frequent_grade_of_each_part():
    grades = np.full(10_000, 2)
    grades[::10] = 0
    grades[5_000:6_000] = 1
    got = stretches(np.arange(10_000) / 10, grades, step_s=0.1, stretches_max=100)
    assert [value for *_, value in got] == [2, 1, 2]
    assert got[0][0] == 0
    assert got[-1][1] == pytest.approx(1000)


def test_no_rows_have_no_stretches():
    assert stretches(np.zeros(0), np.zeros(0, int), step_s=0.1, stretches_max=9) == []


def _numbers(path: str) -> list[tuple[float, float]]:
    pairs = path.replace("M", "L").split("L")[1:]
    return [tuple(float(x) for x in pair.split("h")[0].split()) for pair in pairs]


def test_a_sparkline_has_at_most_sixty_points_within_its_box():
    t_s = np.arange(0, 100, 0.04)
    points = _numbers(sparkline(t_s, np.sin(t_s / 5), 100.0))
    assert len(points) == POINTS_MAX
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


def test_a_sparkline_is_broken_where_nobody_was_seen():
    t_s = np.concatenate([np.arange(0, 20, 0.1), np.arange(60, 100, 0.1)])
    assert sparkline(t_s, np.zeros(len(t_s)), 100.0).count("M") == 2


def test_a_short_video_has_no_breaks_for_want_of_frames():
    assert sparkline(np.arange(20) / 10, np.zeros(20), 2.0).count("M") == 1


def test_no_values_draw_nothing_and_one_is_seen():
    assert sparkline(np.zeros(2), np.full(2, np.nan), 1.0) == ""
    assert "h3" in sparkline(np.zeros(1), np.zeros(1), 0.0)
