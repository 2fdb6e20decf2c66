"""Expressions follow valence and arousal smoothly, and their weights say which one it is."""

from dataclasses import astuple
from typing import get_args

import numpy as np
import pytest

from training.drawn import EXPRESSIONS, Negative, express

PLACES = {
    "neutral": (0.0, 0.0), "happiness": (0.81, 0.51), "sadness": (-0.63, -0.27), "surprise": (0.40, 0.67),
    "fear": (-0.64, 0.60), "disgust": (-0.60, 0.35), "anger": (-0.51, 0.59), "contempt": (-0.45, 0.25),
}  # fmt: skip


def test_expressions_are_in_the_project_s_order():
    assert EXPRESSIONS == ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_prototype_s_place_gives_that_expression_alone(name):
    negative = name if name in get_args(Negative) else "anger"
    weights = express(*PLACES[name], negative).weights
    assert weights[EXPRESSIONS.index(name)] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("negative", get_args(Negative))
def test_weights_are_shares_everywhere(negative):
    for valence in np.linspace(-1, 1, 9):
        for arousal in np.linspace(-1, 1, 9):
            weights = express(valence, arousal, negative).weights
            assert weights.dtype == np.float32
            assert weights.min() >= 0
            assert weights.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("negative", get_args(Negative))
def test_actions_change_by_little_for_a_small_step(negative):
    turns = np.linspace(0, 2 * np.pi, 721)
    for radius in (0.3, 0.65, 1.0):
        path = np.array([astuple(express(radius * np.cos(t), radius * np.sin(t), negative).actions) for t in turns])
        assert np.abs(np.diff(path, axis=0)).max() < 0.1


def test_half_way_to_joy_is_half_a_smile():
    full, half = express(0.81, 0.51).actions, express(0.405, 0.255).actions
    assert full.smile == 1.0
    assert 0.3 < half.smile < 0.7


def test_only_the_chosen_negative_expression_appears():
    weights = express(-0.6, 0.5, "disgust").weights
    others = [EXPRESSIONS.index(name) for name in ("anger", "fear", "contempt")]
    assert weights[others].sum() == 0
    assert weights[EXPRESSIONS.index("disgust")] > 0.5
