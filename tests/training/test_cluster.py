"""Several processes share each step of a run; a search draws settings from the paper's ranges. Starts a small Ray."""

import pytest
import torch
import yaml

from tests.training.test_training_to_serving import DETECTOR
from training.errors import TrainingError
from training.runs import train_run

pytestmark = [  # Ray warns of its own functions
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.usefixtures("local_ray"),
]


@pytest.fixture
def run(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(DETECTOR.replace("steps: 3, validate_every: 3", "steps: 4, validate_every: 2, checkpoint_every: 2"))
    return path


@pytest.mark.slow
def test_two_workers_train_one_network_which_is_not_that_of_one(run, data, tmp_path):
    from training.cluster import train_on_workers

    where = {"start": None, "workers": 2, "address": None, "device": "cpu"}
    weights = train_on_workers(run, data, tmp_path / "team", **where)
    state = torch.load(tmp_path / "team" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 4
    assert weights.is_file()
    assert train_on_workers(run, data, tmp_path / "team", **where) == weights  # it is finished, and stays so
    assert torch.load(tmp_path / "team" / "checkpoint.pt", weights_only=True)["step"] == 4
    train_run(run, data, tmp_path / "alone", log=lambda line: None)
    alone = torch.load(tmp_path / "alone" / "checkpoint.pt", weights_only=True)
    assert not torch.equal(state["model"]["stem.0.0.weight"], alone["model"]["stem.0.0.weight"])
    with pytest.raises(TrainingError, match="other settings"):
        train_run(run, data, tmp_path / "team", log=lambda line: None)  # a run of two is not one of one


def test_more_workers_than_the_cluster_has_are_refused_at_once(run, data, tmp_path):
    from training.cluster import train_on_workers

    with pytest.raises(TrainingError, match="the cluster has 2"):
        train_on_workers(run, data, tmp_path / "a", start=None, workers=3, address=None, device="cpu")
    with pytest.raises(TrainingError, match="2 workers need 2 GPUs, the cluster has 1"):  # it says so: see `local_ray`
        train_on_workers(run, data, tmp_path / "a", start=None, workers=2, address=None, device="cuda")


@pytest.mark.slow
def test_a_search_draws_from_the_papers_ranges_keeps_the_best_and_is_not_done_twice(run, data, tmp_path):
    from training.cluster import SEARCH, search

    lines = []
    asked = {"trials": 2, "seed": 0, "address": None, "device": "cpu", "log": lines.append}
    best = yaml.safe_load(search(run, data, tmp_path / "search", **asked).read_text())
    drawn = [yaml.safe_load(path.read_text()) for path in (tmp_path / "search").glob("*/run.yaml")]
    assert len(drawn) == 2
    optimizers = [each["loop"]["optimizer"] for each in drawn]
    assert best["loop"]["optimizer"] in optimizers
    for each in optimizers:
        assert SEARCH["learning_rate"][0] <= each["learning_rate"] <= SEARCH["learning_rate"][1]
        assert 0 <= each["weight_decay"] <= 0.01
        assert all(0 <= beta <= 0.999 for beta in each["betas"])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "search").glob("*/best.pt")}
    search(run, data, tmp_path / "search", **asked)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "search").glob("*/best.pt")}
