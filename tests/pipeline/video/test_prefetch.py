"""Decoding ahead in another thread."""

import threading
import time

import pytest

from pipeline.video.prefetch import prefetch


@pytest.mark.parametrize("depth", [1, 2, 7, 64])
def test_order_is_kept_at_any_depth(depth):
    assert list(prefetch(range(50), depth, lambda _: 1)) == list(range(50))


def test_no_more_than_depth_items_lie_ready():
    made = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    ahead = prefetch(items(), 3, lambda _: 1)
    assert next(ahead) == 0
    time.sleep(0.1)
    assert len(made) <= 1 + 3 + 1  # taken, ready, being handed over
    ahead.close()


def test_bytes_bound_what_lies_ready_but_one_item_always_passes():
    assert list(prefetch(range(5), 10, lambda _: 100, bytes_max=10)) == list(range(5))


def test_an_error_comes_in_its_turn():
    def items():
        yield 1
        raise ValueError("broken")

    got = []
    ahead = prefetch(items(), 2, lambda _: 1)
    with pytest.raises(ValueError, match="broken"):
        got.extend(ahead)
    assert got == [1]


def test_leaving_early_stops_the_thread():
    before = threading.active_count()
    ahead = prefetch(iter(range(10_000)), 2, lambda _: 1)
    next(ahead)
    ahead.close()
    assert threading.active_count() == before
