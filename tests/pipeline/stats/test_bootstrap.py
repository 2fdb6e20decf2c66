"""Intervals against theory and against doing it the long way: repeating rows and pictures."""

import numpy as np
import pytest

from pipeline.stats import metrics
from pipeline.stats.bootstrap import (
    intervals,
    paired_differences,
    resamples,
    units_of,
)
from training.face_detector.average_precision import average_precision, recount


def repeated(values, counts):
    return np.repeat(values, counts, axis=0)


def test_a_weighted_figure_is_the_figure_of_rows_repeated_as_often():
    rng = np.random.default_rng(0)
    truth = rng.normal(0.3, 1, 60)
    prediction = 0.7 * truth + rng.normal(0, 0.5, 60) + 0.2
    counts = rng.integers(0, 4, (5, 60))
    for measure in (metrics.rmse, metrics.sagr, metrics.pcc, metrics.ccc):
        want = [measure(repeated(truth, row), repeated(prediction, row)) for row in counts]
        assert measure(truth, prediction, counts) == pytest.approx(np.array(want), abs=1e-12)
    classes, guess = rng.integers(0, 3, (2, 60))
    want = [metrics.accuracy(repeated(classes, row), repeated(guess, row)) for row in counts]
    assert metrics.accuracy(classes, guess, counts) == pytest.approx(np.array(want), abs=1e-12)
    want = [metrics.recalls(repeated(classes, row), repeated(guess, row), 4) for row in counts]
    assert metrics.recalls(classes, guess, 4, counts) == pytest.approx(np.array(want), abs=1e-12, nan_ok=True)


def test_a_weighted_quantile_is_a_value_that_so_many_rows_do_not_exceed():
    values = np.array([3.0, 1.0, 2.0])
    counts = np.array([[1, 1, 1], [0, 9, 1], [9, 1, 0], [0, 0, 0]])
    assert metrics.quantile(values, 0.5, counts).tolist() == pytest.approx([2, 1, 3, np.nan], nan_ok=True)
    assert metrics.quantile(values, 0.5) == 2


def test_whole_units_are_drawn_and_as_many_as_there_are():
    units = units_of(np.array(["ada", "", "bob", "ada", ""]))
    assert len(set(units.tolist())) == 4
    assert units[0] == units[3]
    counts = np.concatenate(list(resamples(units, 120, seed=1)))
    assert counts.shape == (120, 5)
    assert (counts[:, 0] == counts[:, 3]).all()
    assert (counts[:, [0, 1, 2, 4]].sum(1) == 4).all()
    assert counts.mean(0) == pytest.approx(np.ones(5), abs=0.3)


def test_the_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(2).normal(5, 2, 400)
    found = intervals(lambda weights: {"mean": metrics.mean(values, weights)}, np.arange(400))["mean"]
    reach = 1.96 * values.std() / np.sqrt(400)
    assert (found.low, found.high) == pytest.approx((values.mean() - reach, values.mean() + reach), abs=0.15 * reach)


def test_more_pictures_of_the_same_people_make_nothing_surer():
    values = np.random.default_rng(3).normal(size=50)
    once = intervals(lambda w: {"mean": metrics.mean(values, w)}, np.arange(50))
    again = np.repeat(values, 4)
    people = units_of(np.repeat([f"person {i:02}" for i in range(50)], 4))
    assert intervals(lambda w: {"mean": metrics.mean(again, w)}, people)["mean"].half_width == pytest.approx(
        once["mean"].half_width
    )
    alone = intervals(lambda w: {"mean": metrics.mean(again, w)}, np.arange(200))["mean"]
    assert alone.half_width < 0.6 * once["mean"].half_width


def test_the_seed_decides():
    values = np.arange(30.0)
    a, b, c = (intervals(lambda w: {"m": metrics.mean(values, w)}, np.arange(30), 200, seed) for seed in (0, 0, 1))
    assert a == b
    assert a != c


def test_a_class_that_few_resamples_hold_has_no_interval():
    truth, guess = np.array([0] * 99 + [1]), np.zeros(100, int)
    found = intervals(
        lambda w: dict(zip("ab", metrics.recalls(truth, guess, 2, w).T, strict=True)), np.arange(100), num_resamples=200
    )
    assert (found["a"].low, found["a"].high) == (1, 1)
    assert np.isnan([found["b"].low, found["b"].high]).all()


def test_what_two_networks_share_is_taken_out_of_their_difference():
    rng = np.random.default_rng(4)
    hard = rng.normal(size=200)
    first, second = hard + 0.05, hard + rng.normal(0, 0.01, 200)
    figures = [lambda w, v=values: {"error": metrics.mean(v, w)} for values in (first, second)]
    found = paired_differences(*figures, np.arange(200))["error"]
    assert found.value == pytest.approx((first - second).mean())
    assert found.resolved
    assert found.interval.half_width < 0.1 * intervals(figures[0], np.arange(200))["error"].half_width


def scenes(seed, share_found, count=40):
    """Pictures with faces, some invalid, of which a detector finds some, among false candidates."""
    rng, finds = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    for _ in range(count):
        low = rng.uniform(0, 300, (rng.integers(0, 8), 2))
        boxes = np.concatenate([low, low + rng.uniform(6, 60, low.shape)], 1)
        near = boxes[finds.random(len(boxes)) < share_found]
        near = near + finds.normal(0, 1, near.shape)
        false = rng.uniform(300, 400, (2, 4))
        false[:, 2:] += 200
        found = np.concatenate([near, false])
        yield boxes, rng.random(len(boxes)) < 0.1, np.column_stack([found, finds.random(len(found))])


@pytest.mark.parametrize("side_px", [0, 16])
def test_recounted_ap_is_that_of_the_pictures_repeated(side_px):
    samples = list(scenes(5, 0.8))
    count = recount(samples, side_px)
    plain = average_precision(samples, side_px)
    once = count(None)
    assert (once["ap"], once["faces"], once["recall"]) == pytest.approx(
        (plain.average_precision, plain.num_faces, plain.recall_max), abs=1e-12
    )
    weights = np.random.default_rng(6).integers(0, 3, (4, len(samples)))
    got = count(weights.astype(float))
    for row, times in enumerate(weights):
        want = average_precision([s for s, n in zip(samples, times, strict=True) for _ in range(n)], side_px)
        assert got["ap"][row] == pytest.approx(want.average_precision, abs=1e-12)
        assert got["recall"][row] == pytest.approx(want.recall_max, abs=1e-12)


def test_a_detector_is_not_better_than_itself_but_better_than_one_that_misses_faces():
    good, worse = list(scenes(7, 0.95)), list(scenes(7, 0.6))
    pictures = np.arange(len(good))
    same = paired_differences(recount(good, 10), recount(good, 10), pictures)["ap"]
    assert (same.value, same.interval.low, same.interval.high, same.resolved) == (0, 0, 0, False)
    found = paired_differences(recount(good, 10), recount(worse, 10), pictures)["ap"]
    want = average_precision(good, 10).average_precision - average_precision(worse, 10).average_precision
    assert found.value == pytest.approx(want)
    assert found.resolved
    assert found.interval.low < found.value < found.interval.high


def test_pictures_without_a_face_or_a_candidate_have_no_ap():
    empty = (np.zeros((0, 4)), np.zeros(0, bool), np.zeros((0, 5)))
    assert np.isnan(recount([empty], 10)(None)["ap"])
    unseen = (np.array([[0.0, 0, 20, 20]]), np.zeros(1, bool), np.zeros((0, 5)))
    assert recount([empty, unseen], 10)(None)["ap"] == 0
