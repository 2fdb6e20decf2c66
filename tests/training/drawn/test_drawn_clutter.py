"""Clutter and backgrounds come from the seed, in colour or grey, and of every kind."""

import numpy as np
import pytest

from training.drawn import BACKGROUNDS, clutter
from training.drawn.backgrounds import paint_background
from training.drawn.clutter import CLUTTER


def test_a_seed_is_always_the_same_clutter():
    assert np.array_equal(clutter(7, (96, 64)), clutter(7, (96, 64)))
    assert not np.array_equal(clutter(7, (96, 64)), clutter(8, (96, 64)))


def test_clutter_is_colour_or_grey_of_the_size_asked_for():
    assert clutter(1, (96, 64)).shape == (64, 96, 3)
    assert clutter(1, (96, 64), grey=True).shape == (64, 96)


@pytest.mark.parametrize("name", CLUTTER)
def test_every_kind_of_clutter_changes_the_picture(name):
    image = np.full((80, 120, 3), 128, np.uint8)
    CLUTTER[name](np.random.default_rng(3), image)
    assert (image != 128).mean() > 0.003


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_every_background_has_some_structure(name):
    image = paint_background(np.random.default_rng(5), (120, 80), name)
    assert image.shape == (80, 120, 3)
    assert image.dtype == np.uint8
    assert image.std() > 2


def test_an_unknown_background_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown background 'moon': must be one of plain"):
        paint_background(np.random.default_rng(0), (20, 20), "moon")
