"""The network as one more annotator: by hand, and where the truth is known because the annotators were made up."""

import numpy as np
import pytest

from pipeline.stats import metrics
from training.evaluation.agreement import rating_agreement, vote_agreement


def test_two_faces_worked_out_by_hand():
    votes = np.zeros((2, 10), int)
    votes[0, [0, 1]] = 6, 4
    votes[1, [2, 8]] = 2, 6  # six could not tell: no network can agree with them
    found = vote_agreement(votes, np.array([0, 2]))
    assert found["annotators"] == pytest.approx(((6 * 5 + 4 * 3) / 90 + (2 * 1 + 6 * 5) / 56) / 2)
    assert found["network"] == pytest.approx((6 / 10 + 2 / 8) / 2)
    twice = vote_agreement(votes, np.array([0, 2]), np.array([[1.0, 0.0], [1.0, 3.0]]))
    assert twice["network"] == pytest.approx([0.6, (0.6 + 3 * 0.25) / 4])


def test_votes_that_stand_alone_count():
    votes = np.zeros((1, 10), int)
    votes[0, [1, 3, 8]] = 8, 1, 1
    found = vote_agreement(votes, np.array([1]))
    assert (found["annotators"], found["network"]) == (pytest.approx(8 * 7 / 90), pytest.approx(0.8))


def test_faces_with_fewer_than_two_votes_do_not_count():
    votes = np.array([[1] + [0] * 9, [-1] * 10, [2] + [0] * 9])
    found = vote_agreement(votes, np.zeros(3, int))
    assert (found["annotators"], found["network"], found["faces_voted"]) == (1, 1, 1)
    assert vote_agreement(votes[:2], np.zeros(2, int)) == {}


def test_a_network_that_answers_like_an_annotator_agrees_like_one():
    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.full(8, 0.5), 20_000)
    answers = (chances.cumsum(1)[:, None] < rng.random((20_000, 11, 1))).sum(2).clip(0, 7)
    votes = np.stack([(answers[:, :10] == c).sum(1) for c in range(10)], 1)
    found = vote_agreement(votes, answers[:, 10])
    assert found["network"] == pytest.approx(found["annotators"], abs=0.01)


def made_up_ratings(num_annotators=4, num_faces=200):
    rng = np.random.default_rng(1)
    truth = rng.uniform(-0.7, 0.7, (num_faces, 2))
    return truth, truth + rng.normal(0, 0.2, (num_annotators, num_faces, 2))


def test_annotators_agree_as_the_average_over_pairs_says():
    truth, ratings = made_up_ratings()
    found = rating_agreement(ratings, truth)
    for name, measure in {"rmse": metrics.rmse, "sagr": metrics.sagr, "pcc": metrics.pcc, "ccc": metrics.ccc}.items():
        for axis, value in enumerate(("valence", "arousal")):
            series = ratings[:, :, axis]
            pairs = [measure(series[i], series[j]) for i in range(4) for j in range(4) if i != j]
            assert found["annotators"][f"{name}_{value}"] == pytest.approx(np.mean(pairs))
            alone = [measure(one, truth[:, axis]) for one in series]
            assert found["network"][f"{name}_{value}"] == pytest.approx(np.mean(alone))
    assert found["network"]["ccc_valence"] > found["annotators"]["ccc_valence"]  # it has no noise of its own


def test_only_faces_that_both_rated_count():
    truth, ratings = made_up_ratings(3)
    ratings[0, 50:] = np.nan
    ratings[1, :50] = np.nan  # the first two share no face
    found = rating_agreement(ratings, truth)["annotators"]["rmse_valence"]
    with_third = [
        metrics.rmse(ratings[0, :50, 0], ratings[2, :50, 0]),
        metrics.rmse(ratings[1, 50:, 0], ratings[2, 50:, 0]),
    ]
    assert found == pytest.approx(np.mean([*with_third, np.mean(with_third)]))


def test_one_annotator_agrees_with_nobody():
    truth, ratings = made_up_ratings(1)
    found = rating_agreement(ratings, truth)
    assert np.isnan(found["annotators"]["ccc_valence"])
    assert found["network"]["ccc_valence"] == pytest.approx(metrics.ccc(ratings[0, :, 0], truth[:, 0]))
