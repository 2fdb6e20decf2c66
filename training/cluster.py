"""Training on several processes or machines with Ray Train, and a random search with Ray Tune. The one file of training
that imports Ray.

The folder of a run must be one that every machine sees; each worker reads the data for itself.
"""

import json
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from training.errors import TrainingError
from training.runs import read_run, train_run
from training.trainer import Team
from training.weights import WEIGHTS_FILE

SEARCH = {"learning_rate": (1e-4, 1e-2), "weight_decay": (0.0, 0.01), "beta1": (0.0, 0.999), "beta2": (0.0, 0.999)}
"""The ranges of the paper's randomised search; the learning rate is drawn evenly over its logarithm."""
BEST_FILE, SEARCH_FILE = "best.yaml", "search.json"
"""The configuration of the best trial of a search, and what was searched."""


def train_on_workers(
    config: Path, data: Path, folder: Path, *, start: Path | None, workers: int, address: str | None, device: str
) -> Path:
    """Train with `workers` processes that share the work of each step; return the best weights.

    Each makes batches of the configured size, so a step learns from `workers` times as many faces. A worker that dies
    is started anew and goes on from the last checkpoint. Raises TrainingError where the cluster is too small.
    """
    read_run(config)  # what is wrong with it is said here, not by each worker
    _connect(address, workers=workers, gpus=device.startswith("cuda"))
    from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
    from ray.train.torch import TorchTrainer

    trainer = TorchTrainer(
        partial(_work, config.resolve(), data.resolve(), folder.resolve(), start and start.resolve(), device),
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=device.startswith("cuda")),
        run_config=RunConfig(
            name="train", storage_path=str((folder / "ray").resolve()), failure_config=FailureConfig(max_failures=3)
        ),
    )
    try:
        trainer.fit()
    except TrainingFailedError as exc:
        told = [error for error in getattr(exc, "worker_failures", {}).values() if isinstance(error, TrainingError)]
        raise (told[0] if told else TrainingError(f"the workers failed: {exc}")) from exc
    return folder / WEIGHTS_FILE


def _work(config: Path, data: Path, folder: Path, start: Path | None, device: str) -> None:
    """What each process does."""
    import ray.train

    context = ray.train.get_context()
    team = Team(rank=context.get_world_rank(), size=context.get_world_size())
    train_run(config, data, folder, start=start, device=device, team=team)


def search(
    config: Path,
    data: Path,
    folder: Path,
    *,
    trials: int,
    seed: int,
    address: str | None,
    device: str,
    log: Callable[[str], None],
) -> Path:
    """Train `trials` times with optimiser settings drawn from `SEARCH`; return the best one's configuration.

    A second call goes on with the trials that are not finished.
    """
    read_run(config)
    asked = {"config": config.read_text(encoding="utf-8"), "trials": trials, "seed": seed, "data": str(data.resolve())}
    _same_search(folder, asked)
    _connect(address, workers=1, gpus=device.startswith("cuda"))
    from ray import tune

    low_lr, high_lr = SEARCH["learning_rate"]
    space: dict[str, Any] = {name: tune.uniform(low, high) for name, (low, high) in SEARCH.items()}
    space["learning_rate"] = tune.loguniform(low_lr, high_lr)
    trial = partial(_try, config=config.resolve(), data=data.resolve(), folder=folder.resolve(), device=device)
    needs = {"cpu": 1.0, "gpu": float(device.startswith("cuda"))}
    kept = str((folder / "ray" / "search").resolve())
    if tune.Tuner.can_restore(kept):
        log("going on with an earlier search")
        tuner = tune.Tuner.restore(
            kept, tune.with_resources(trial, needs), resume_unfinished=True, restart_errored=True, param_space=space
        )
    else:
        tuner = tune.Tuner(
            tune.with_resources(trial, needs),
            param_space=space,
            tune_config=tune.TuneConfig(
                metric="score",
                mode="max",
                num_samples=trials,
                search_alg=tune.search.BasicVariantGenerator(random_state=seed),
            ),
            run_config=tune.RunConfig(name="search", storage_path=str((folder / "ray").resolve()), verbose=0),
        )
    results = tuner.fit()
    finished = [results[i] for i in range(len(results)) if results[i].error is None]
    done = sorted(((_best_score(each), each.config or {}) for each in finished), key=lambda pair: -pair[0])
    if not done:
        raise TrainingError(f"no trial of the search finished; see {kept}")
    if len(done) < trials:
        log(f"{trials - len(done)} of {trials} trials failed; see {kept}")
    for score, drawn in done:
        log(f"score {score:.4f} " + " ".join(f"{name} {value:.4g}" for name, value in drawn.items()))
    best = folder / BEST_FILE
    _write_config(config, done[0][1], best)
    return best


def _same_search(folder: Path, asked: dict[str, Any]) -> None:
    """Note what is searched. Raises TrainingError where the folder holds another search."""
    folder.mkdir(parents=True, exist_ok=True)
    noted = folder / SEARCH_FILE
    if noted.exists() and json.loads(noted.read_text(encoding="utf-8")) != asked:
        raise TrainingError(f"{folder}: holds a search of another configuration, seed or number of trials; use another")
    noted.write_text(json.dumps(asked), encoding="utf-8")


def _best_score(result: Any) -> float:
    """Of a trial: that of the weights it kept."""
    return float(result.metrics_dataframe["score"].max())


def _try(drawn: dict[str, float], *, config: Path, data: Path, folder: Path, device: str) -> None:
    """One trial of a search."""
    from ray import tune

    trial = folder / tune.get_context().get_trial_id()
    trial.mkdir(parents=True, exist_ok=True)
    _write_config(config, drawn, trial / "trial.yaml")
    train_run(trial / "trial.yaml", data, trial, device=device, validated=lambda step, figures: tune.report(figures))


def _write_config(config: Path, drawn: dict[str, float], path: Path) -> None:
    """`config` with other optimiser settings."""
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    optimizer = content.setdefault("loop", {}).setdefault("optimizer", {})
    optimizer |= {name: drawn[name] for name in ("learning_rate", "weight_decay")}
    optimizer["betas"] = [drawn["beta1"], drawn["beta2"]]
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def _connect(address: str | None, *, workers: int, gpus: bool) -> None:
    """Join a cluster, or start one on this machine. What it lacks is said at once: Ray would wait for it for ever."""
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")  # relative paths in a configuration stay what they are
    import ray

    if not ray.is_initialized():
        ray.init(address=address, include_dashboard=False, logging_level=logging.ERROR)
    kind = "GPU" if gpus else "CPU"
    there = int(ray.cluster_resources().get(kind, 0))
    if there < workers:
        raise TrainingError(f"{workers} workers need {workers} {kind}s, the cluster has {there}; ask for fewer workers")
