"""Signs of life: what makes progress or waits for a bounded time is no hang."""

from contextlib import suppress

import numpy as np

from pipeline.config import load_config
from pipeline.heartbeat import beat, beats, waiting
from pipeline.runs.networks import load_engines


def test_beats_stand_still_while_nothing_is_done():
    assert beats() == beats()
    before = beats()
    beat()
    assert beats() == before + 1


def test_a_wait_that_is_bounded_is_progress_also_if_it_fails():
    with waiting(), waiting():
        assert beats() < beats()
    with suppress(OSError), waiting():
        raise OSError("no answer")
    assert beats() == beats()


def test_a_wait_that_nobody_else_bounds_may_be_a_hang_after_its_limit():
    with waiting(60.0):
        assert beats() < beats()
    with waiting(0.0):
        assert beats() == beats()


def test_a_crowd_beats_with_every_batch_of_its_faces():
    _, affect = load_engines(load_config(None, {"networks.threads": 1}))
    crops = np.zeros((80, 64, 64, 1), np.uint8)
    affect.run(crops)  # compiling beats, too
    before = beats()
    affect.run(crops)
    assert beats() - before == 5  # of 16 crops each
