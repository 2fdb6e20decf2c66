"""The loop: resuming exactly, seeds that repeat, learning rates."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from training.errors import TrainingError
from training.trainer import LoopConfig, OptimizerConfig, learning_rate, train


class Line:
    """Learn y = 2 x + 1 with a tiny network, noise in the data and in the loss."""

    def network(self):
        return nn.Sequential(nn.Linear(1, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))

    def batch(self, rng):
        x = rng.uniform(-1, 1, (16, 1)).astype(np.float32)
        return {
            "x": torch.from_numpy(x),
            "y": torch.from_numpy(2 * x + 1 + 0.1 * rng.standard_normal(x.shape, np.float32)),
        }

    def losses(self, model, batch, rng):
        return {"loss": float(rng.uniform(0.5, 1.5)) * (model(batch["x"]) - batch["y"]).square().mean()}

    def validate(self, model):
        x = torch.linspace(-1, 1, 21)[:, None]
        with torch.no_grad():
            return {"score": -float((model.eval()(x) - 2 * x - 1).square().mean())}


def config(**changes):
    return LoopConfig(**{"steps": 60, "checkpoint_every": 10, "validate_every": 20, "ema_decay": 0.9, **changes})


def final(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("after", [1, 10, 25, 43, 59])
def test_resuming_after_a_kill_gives_the_same_weights(tmp_path, after):
    train(Line(), config(), tmp_path / "whole", log=lambda _: None)

    class Killer(Line):
        steps = 0

        def losses(self, model, batch, rng):
            Killer.steps += 1
            if Killer.steps > after:
                raise KilledError
            return super().losses(model, batch, rng)

    with pytest.raises(KilledError):
        train(Killer(), config(), tmp_path / "broken", log=lambda _: None)
    train(Line(), config(), tmp_path / "broken", log=lambda _: None)
    whole, broken = final(tmp_path / "whole"), final(tmp_path / "broken")
    assert same(whole["model"], broken["model"])
    assert same(whole["average"], broken["average"])
    assert whole["best"] == broken["best"]


def test_a_seed_repeats_and_another_does_not(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(Line(), config(seed=seed), tmp_path / name, log=lambda _: None)
    assert same(final(tmp_path / "a")["model"], final(tmp_path / "b")["model"])
    assert not same(final(tmp_path / "a")["model"], final(tmp_path / "c")["model"])


def test_it_learns_and_keeps_the_best(tmp_path):
    best = train(
        Line(),
        config(steps=400, optimizer=OptimizerConfig(learning_rate=0.02, warmup_steps=10)),
        tmp_path,
        log=lambda _: None,
    )
    model = Line().network()
    model.load_state_dict(torch.load(best, weights_only=True))
    assert Line().validate(model)["score"] > -0.05


def test_the_last_weights_are_kept_where_asked_for(tmp_path):
    class Worse(Line):
        """Seems best at its first validation."""

        seen = 0

        def validate(self, model):
            Worse.seen -= 1
            return {"score": float(Worse.seen)}

    for keep, same_as_last in (("best", False), ("last", True)):
        best = train(Worse(), config(keep=keep), tmp_path / keep, log=lambda _: None)
        assert same(torch.load(best, weights_only=True), final(tmp_path / keep)["average"]) is same_as_last


def test_frozen_layers_without_weights_to_begin_with_are_refused(tmp_path):
    class Frozen(Line):
        def network(self):
            model = super().network()
            model[0].requires_grad_(False)
            return model

    with pytest.raises(TrainingError, match="--start-from"):
        train(Frozen(), config(), tmp_path / "a", log=lambda _: None)
    torch.save({"3.weight": torch.zeros(1, 8)}, tmp_path / "other.pt")
    with pytest.raises(TrainingError, match="2 frozen layers"):
        train(Frozen(), config(), tmp_path / "b", start=tmp_path / "other.pt", log=lambda _: None)


def test_a_finished_run_stays_finished(tmp_path):
    train(Line(), config(), tmp_path, log=lambda _: None)
    before = final(tmp_path)
    train(Line(), config(), tmp_path, log=lambda _: None)
    assert same(before["model"], final(tmp_path)["model"])


def test_other_settings_do_not_go_on_with_a_run(tmp_path):
    train(Line(), config(), tmp_path, log=lambda _: None)
    with pytest.raises(TrainingError, match="other settings"):
        train(Line(), config(steps=90), tmp_path, log=lambda _: None)


def test_the_learning_rate_is_cut_by_ten_at_each_stage():
    loop = config(steps=100, optimizer=OptimizerConfig(learning_rate=1.0, schedule="steps", step_every=40))
    assert [learning_rate(step, loop) for step in (0, 39, 40, 80)] == pytest.approx([1, 1, 0.1, 0.01])


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle"])
def test_the_learning_rate_rises_and_ends_low(schedule):
    loop = config(steps=1000, optimizer=OptimizerConfig(learning_rate=1.0, schedule=schedule, warmup_steps=100))
    rates = [learning_rate(step, loop) for step in range(1000)]
    assert rates[0] < 0.1
    assert max(rates) == pytest.approx(1.0, abs=0.03)
    assert rates[-1] < 0.02


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's own, of its older compiler
def test_a_compiled_run_learns_the_same_and_can_go_on_uncompiled(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))  # traced, but not through a compiler

    def kill(line):
        if line.startswith("step 40 "):
            raise KilledError

    plain, compiled = (tmp_path / name for name in ("plain", "compiled"))
    train(Line(), config(), plain)
    with pytest.raises(KilledError):
        train(Line(), config(compile=True), compiled, log=kill)
    train(Line(), config(), compiled)
    ours, theirs = (final(folder)["model"] for folder in (plain, compiled))
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-3) for name in ours)
