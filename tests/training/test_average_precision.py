"""Our AP against the definition that counts, on made-up detections."""

import importlib.util

import numpy as np
import pytest

from training.face_detector.average_precision import average_precision


@pytest.fixture(scope="module")
def reference(shared):
    spec = importlib.util.spec_from_file_location("detector_ap", shared / "tools" / "detector_ap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.average_precision


def pictures(seed, count=20):
    """Faces, some invalid, and candidates: jittered faces, doubles and false ones."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        low = rng.uniform(0, 300, (rng.integers(0, 12), 2))
        boxes = np.concatenate([low, low + rng.uniform(4, 60, low.shape)], 1)
        invalid = rng.random(len(boxes)) < 0.2
        near = boxes[rng.random(len(boxes)) < 0.8]
        near = np.concatenate([near, near[: len(near) // 3]]) + rng.normal(0, 3, (len(near) + len(near) // 3, 4))
        false = rng.uniform(0, 300, (rng.integers(0, 6), 2))
        false = np.concatenate([false, false + rng.uniform(5, 50, false.shape)], 1)
        found = np.concatenate([near, false])
        yield boxes, invalid, np.column_stack([found, rng.random(len(found))])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("side_px", [0, 10, 16, 32])
def test_it_is_the_reference(reference, seed, side_px):
    want = reference(list(pictures(seed)), side_px)
    got = average_precision(pictures(seed), side_px)
    assert (got.average_precision, got.num_faces, got.recall_max) == pytest.approx(want, abs=1e-12)


def test_perfect_detections_score_one():
    boxes = np.array([[0.0, 0, 20, 20], [50, 50, 90, 90]])
    sample = (boxes, np.zeros(2, bool), np.column_stack([boxes, [0.9, 0.8]]))
    assert average_precision([sample], 16).average_precision == 1


def test_nothing_found_scores_nothing():
    sample = (np.array([[0.0, 0, 20, 20]]), np.zeros(1, bool), np.zeros((0, 5)))
    assert average_precision([sample], 16).average_precision == 0
