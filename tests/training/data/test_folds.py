"""Folds share nobody, are about equally large, and are always the same."""

import numpy as np
import pytest

from training.data.folds import Fold, fold_of_rows
from training.errors import TrainingError


def people(*counts):
    rows = [f"p{i}" for i, count in enumerate(counts) for _ in range(count)]
    return np.array(rows, str)[np.random.default_rng(0).permutation(len(rows))]


def test_the_largest_person_comes_first_and_goes_where_fewest_are():
    persons = people(5, 9, 3, 4, 4)
    parts = fold_of_rows(persons, 2)
    of = {name: set(parts[persons == name].tolist()) for name in np.unique(persons).tolist()}
    # 9 -> 1, 5 -> 2, 4 (p3) -> 2, 4 (p4) -> 1 or 2 at 9 : 9, the first; 3 -> 2
    assert of == {"p1": {1}, "p0": {2}, "p3": {2}, "p4": {1}, "p2": {2}}


def test_folds_share_nobody_and_differ_by_no_more_than_one_person():
    rng = np.random.default_rng(1)
    persons = people(*rng.integers(1, 120, 240))
    parts = fold_of_rows(persons)
    assert sorted(set(parts)) == [1, 2, 3, 4, 5]
    for name in np.unique(persons):
        assert len(set(parts[persons == name])) == 1
    sizes = np.bincount(parts)[1:]
    assert sizes.max() - sizes.min() <= 5


def test_the_order_of_rows_does_not_matter():
    persons = people(*range(1, 30))
    turned = np.random.default_rng(2).permutation(len(persons))
    assert (fold_of_rows(persons)[turned] == fold_of_rows(persons[turned])).all()


def test_rows_without_a_person_and_too_few_people_are_refused():
    with pytest.raises(TrainingError, match="1 of 3 rows name no person"):
        fold_of_rows(np.array(["a", "", "b"]), 2)
    with pytest.raises(TrainingError, match="3 persons cannot be cut into 5 folds"):
        fold_of_rows(np.array(["a", "b", "c"]))


def test_a_fold_is_written_as_it_is_read():
    assert Fold.parse("2/5") == Fold(2)
    assert str(Fold.parse("3/10")) == "3/10"
    for wrong in ("0/5", "6/5", "1/1", "2", "a/5", "", "-1/5", "1/5/5"):
        with pytest.raises(TrainingError, match="expected like"):
            Fold.parse(wrong)
