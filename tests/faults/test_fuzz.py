"""A few hundred damaged files in every format; `python -m tests.faults.fuzz` judges as many as are asked for."""

import pytest

from tests.faults.broken_results import fuzz as fuzz_results
from tests.faults.fuzz import analyze, fuzz, judge
from tests.faults.mutate import MUTATIONS, make_bases, mutate_all


@pytest.mark.slow
def test_damaged_videos_and_pictures_cost_neither_the_run_nor_the_truth(tmp_path):
    verdict = fuzz(tmp_path, count=242, seed=11)
    assert not verdict.problems, str(verdict)
    assert 20 < verdict.failed < 200
    assert verdict.rows > 1000


@pytest.mark.slow
def test_files_that_once_crashed_hung_or_grew_are_read_or_named(shared, tmp_path):
    files = sorted((shared / "faults" / "fuzz").glob("*"))
    if not files:
        pytest.skip(f"no files in {shared}/faults/fuzz")
    verdict = judge(files, tmp_path, *analyze(shared / "faults" / "fuzz", tmp_path))
    assert not verdict.problems, str(verdict)


def test_mutated_files_depend_on_their_number_and_the_seed_alone(tmp_path):
    bases = make_bases(tmp_path / "bases")
    few, more, other = (
        [path.read_bytes() for path in mutate_all(bases, tmp_path / name, count, seed)]
        for name, count, seed in (("few", 22, 1), ("more", 44, 1), ("other", 22, 2))
    )
    assert more[:22] == few != other
    kinds = {path.name.partition("_")[2].partition(".")[0] for path in (tmp_path / "more").iterdir()}
    assert kinds == set(MUTATIONS)
    intact = [base.read_bytes() for base in bases]
    assert not set(more) & set(intact)


@pytest.mark.slow
def test_broken_results_are_read_or_refused_with_their_place(tmp_path):
    assert fuzz_results(tmp_path, count=60, seed=3) == []
