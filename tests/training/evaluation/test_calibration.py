"""Calibration error by hand, and temperatures that are known because the logits were scaled by them."""

import numpy as np
import pytest

from training.errors import TrainingError
from training.evaluation.calibration import TEMPERATURE_MAX, TEMPERATURE_MIN, ece, fit_temperature, reliability


def softmax(logits):
    scaled = np.exp(logits - logits.max(1, keepdims=True))
    return scaled / scaled.sum(1, keepdims=True)


def drawn_faces(count, seed=0):
    """Logits (F, 8), and true classes drawn as the logits say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 8))
    truth = (softmax(logits).cumsum(1) < rng.random((count, 1))).sum(1)
    return logits, np.minimum(truth, 7)


def two_classes(confidence):
    return np.array([[c, 1 - c, 0, 0, 0, 0, 0, 0] for c in confidence])


def test_the_error_of_four_faces_worked_out_by_hand():
    probabilities, truth = two_classes([0.95, 0.95, 0.55, 0.55]), np.array([0, 1, 0, 0])
    assert ece(probabilities, truth) == pytest.approx(0.5 * abs(0.5 - 0.95) + 0.5 * abs(1 - 0.55))
    found = reliability(probabilities, truth)
    assert found.faces.tolist() == [0] * 8 + [2] + [0] * 5 + [2]
    assert found.accuracy[[8, 14]].tolist() == [1, 0.5]


def test_the_error_is_that_of_a_plain_loop_over_bins():
    logits, truth = drawn_faces(500)
    probabilities = softmax(1.7 * logits)
    sure, right = probabilities.max(1), probabilities.argmax(1) == truth
    want = 0.0
    for k in range(15):
        inside = (sure > k / 15) & (sure <= (k + 1) / 15)
        if inside.any():
            want += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    assert ece(probabilities, truth) == pytest.approx(want, abs=1e-12)


def test_a_network_that_is_right_as_often_as_it_says_has_hardly_an_error():
    logits, truth = drawn_faces(20_000)
    assert ece(softmax(logits), truth) < 0.012
    assert ece(softmax(3 * logits), truth) > 0.1


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0])
def test_scaled_logits_recover_their_scale(scale):
    logits, truth = drawn_faces(20_000)
    assert fit_temperature(softmax(scale * logits), truth) == pytest.approx(scale, rel=0.03)


def test_no_other_temperature_is_more_likely():
    logits, truth = drawn_faces(300, seed=5)
    best = fit_temperature(softmax(2 * logits).astype(np.float32), truth)

    def loss(temperature):
        return -np.log(softmax(2 * logits / temperature)[np.arange(300), truth]).mean()

    assert min(loss(best * 1.01), loss(best / 1.01)) > loss(best)


def test_where_the_answers_are_all_right_or_all_wrong_the_temperature_ends_at_its_bounds():
    probabilities = two_classes([0.7, 0.8, 0.9])
    assert fit_temperature(probabilities, np.zeros(3, int)) == pytest.approx(TEMPERATURE_MIN)
    assert fit_temperature(probabilities, np.full(3, 7)) == pytest.approx(TEMPERATURE_MAX)


def test_unknown_truth_and_classes_that_the_network_lacks_do_not_count():
    logits, truth = drawn_faces(400)
    probabilities = softmax(logits[:, :5])
    known = truth < 5
    five = np.full((400, 8), np.nan)
    five[:, [0, 1, 2, 3, 6]] = probabilities
    names = np.array([0, 1, 2, 3, 6, 4, 5, 7])[truth]  # of the last three the network knows nothing
    names[::7] = -1
    counted = known & (np.arange(400) % 7 != 0)
    assert ece(five, names) == pytest.approx(ece(probabilities[counted], truth[counted]), abs=1e-12)
    assert fit_temperature(five, names) == pytest.approx(fit_temperature(probabilities[counted], truth[counted]))


def test_faces_without_truth_are_refused():
    with pytest.raises(TrainingError, match="no face has a true class"):
        ece(two_classes([0.6]), np.array([-1]))
