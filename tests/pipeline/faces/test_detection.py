"""Which of the detector's candidates are faces."""

import numpy as np

from pipeline.faces.detection import inside_better, suppress

FACE = [100, 100, 300, 340]
EYE = [120, 150, 190, 210]
BESIDE = [320, 100, 520, 340]
CHILD_IN_FRONT = [250, 250, 380, 420]


def kept(*candidates, scores=None):
    scores = scores or [0.9 - 0.1 * k for k in range(len(candidates))]
    boxes, _ = suppress(np.array(candidates, np.float32), np.array(scores, np.float32), 0.3, 0.45, 300)
    return boxes[~inside_better(boxes)].astype(int).tolist()


def test_a_part_of_a_better_face_is_no_face():
    assert kept(FACE, EYE) == [FACE]


def test_a_face_that_only_touches_a_better_one_stays():
    assert kept(FACE, BESIDE, CHILD_IN_FRONT) == [FACE, BESIDE, CHILD_IN_FRONT]


def test_a_better_part_does_not_hide_the_whole_face():
    assert kept(EYE, FACE) == [EYE, FACE]


def test_of_overlapping_candidates_the_best_is_kept():
    near = [105, 102, 306, 338]
    assert kept(near, FACE, scores=[0.5, 0.8]) == [FACE]


def test_no_candidates_give_no_faces():
    assert kept(FACE, scores=[0.1]) == []
