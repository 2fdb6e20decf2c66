"""The ladder: what each rung changes, paired differences against a hand calculation, a page that claims no more."""

from pathlib import Path

import pytest
import yaml

from tests.training.test_training_to_serving import EMOFAN
from training.ablation import ladder
from training.ablation.ladder import LADDER, LOSSES, climb
from training.ablation.page import STEPS, paired, write_page
from training.errors import TrainingError


def test_each_rung_adds_one_thing():
    base = yaml.safe_load((Path(__file__).parents[2] / "configs" / "train" / "ablation.yaml").read_text())
    changed = {rung.name: rung.config(base, 7, Path("runs")) for rung in LADDER}
    assert changed["F+R"]["loss"]["categories"] == 0
    assert changed["F+R+C"]["loss"]["categories"] == 1
    assert not changed["F+R+C"]["network"]["attention"]
    assert changed["F+R+C+A"]["network"]["attention"]
    assert changed["F+R+C+A"]["loss"]["affect_mix"] == "ccc"
    assert changed["F+R+C+A+S"]["loss"]["affect_mix"] == "shake_shake"
    assert changed["F+R+C+A+S+D"]["teacher"] == "runs/F+R+C+A+S-seed7"
    assert {config["loop"]["seed"] for config in changed.values()} == {7}
    assert [rung.affect_mix for rung in LOSSES] == ["ccc", "mse", "shake_shake"]


def test_paired_differences_are_students():
    step = paired({0: 0.5, 1: 0.6, 2: 0.7}, {0: 0.53, 1: 0.62, 2: 0.74, 3: 0.9})
    # differences .03 .02 .04: mean .03, sd .01, 4.303 * .01 / sqrt(3) = .02484
    assert (step.mean, step.low, step.high) == pytest.approx((0.03, 0.00516, 0.05484), abs=1e-5)
    assert step.resolved
    assert not paired({0: 0.5, 1: 0.6}, {0: 0.53, 1: 0.59}).resolved
    assert paired({0: 0.5}, {0: 0.6}) is None


def test_the_page_says_not_resolved_where_it_is_not():
    figures = dict.fromkeys(ladder.FIGURES, 0.5) | {"minutes": 1.0}
    results = {rung.name: dict.fromkeys(range(3), figures) for rung in (*LADDER, *LOSSES)}
    better = {seed: figures | {"ccc_valence": 0.6 + 0.001 * seed} for seed in range(3)}
    page = write_page({**results, "F+R+C+A": better}, config="ablation.yaml")
    reading = page[page.index("## Reading") :].splitlines()
    attention = next(line for line in reading if "ttention by heatmaps" in line)
    assert "raises CCC of valence" in attention
    assert "not resolved: accuracy and CCC of arousal" in attention
    assert next(line for line in reading if "MSE" in line).endswith(
        "not resolved: accuracy and CCC of valence and CCC of arousal."
    )
    assert page.count("| +0.01 +0.00 |") == 2  # attention and shake-shake in the paper
    assert len([line for line in reading if line.startswith("- ")]) == len(STEPS)


@pytest.mark.slow
def test_a_ladder_is_trained_run_by_run_and_not_twice(data, tmp_path, monkeypatch):
    base = tmp_path / "base.yaml"
    base.write_text(EMOFAN.replace("  - {set: scenes, share: 0.125}\n", "").replace("steps: 3", "steps: 3, keep: last"))
    monkeypatch.setattr(ladder, "LADDER", (LADDER[2], LADDER[4]))
    monkeypatch.setattr(ladder, "LOSSES", ())
    lines = []
    results = climb(base, data, tmp_path / "runs", seeds=[0, 1], jobs=2, log=lines.append)
    assert {rung: sorted(runs) for rung, runs in results.items()} == {"F+R+C+A": [0, 1], "F+R+C+A+D": [0, 1]}
    assert len(lines) == 4
    assert climb(base, data, tmp_path / "runs", seeds=[0, 1], jobs=2, log=lines.append) == results
    assert len(lines) == 4
    base.write_text(base.read_text().replace("steps: 3", "steps: 4"))
    with pytest.raises(TrainingError, match="another configuration"):
        climb(base, data, tmp_path / "runs", seeds=[0, 1], jobs=2, log=lines.append)
    base.write_text(EMOFAN)
    with pytest.raises(TrainingError, match="keep must be last"):
        climb(base, data, tmp_path / "other", seeds=[0, 1], jobs=2, log=lines.append)
    assert "not measured yet" in write_page(results, config="base.yaml")
