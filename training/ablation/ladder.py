"""Does the paper hold on open data? The ladder of its tables 5 and 6, in small, on FER+: several seeds a rung.

Without shake-shake the affect loss is the CCC term alone: the paper's tables 5 and 6 share that row. Each run has a
folder of its own and its figures in `figures.json` there, so a ladder that was stopped goes on run by run.
"""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import yaml

from training.config import load_yaml
from training.emofan.figures import expression_figures
from training.emofan.network import EmoFAN
from training.errors import TrainingError
from training.evaluation.evaluate import answer
from training.export import ServedEmoFAN, TorchEngine, affect_spec
from training.runs import EmoFANRun, read_run, train_run
from training.trainer import CHECKPOINT_FILE
from training.weights import load_strictly, read_weights

FIGURES_FILE = "figures.json"
FIGURES = (
    "accuracy",
    *(f"{measure}_{value}" for value in ("valence", "arousal") for measure in ("rmse", "sagr", "pcc", "ccc")),
)
"""The columns of the paper's tables."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One row of a table: what it changes in the base configuration."""

    name: str
    classes: bool = True
    attention: bool = False
    affect_mix: str = "ccc"
    teacher: str | None = None
    """The rung whose run with the same seed is the teacher."""

    def config(self, base: dict[str, Any], seed: int, folder: Path) -> dict[str, Any]:
        """The run's configuration."""
        loss = {**base.get("loss", {}), "affect_mix": self.affect_mix, "categories": float(self.classes)}
        content = {**base, "loss": loss, "network": {**base.get("network", {}), "attention": self.attention}}
        content["loop"] = {**base["loop"], "seed": seed}
        if self.teacher is not None:
            loss["distillation"] = 1.0
            content["teacher"] = str(run_folder(folder, self.teacher, seed))
        return content


LADDER = (
    Rung("F+R", classes=False),
    Rung("F+R+C"),
    Rung("F+R+C+A", attention=True),
    Rung("F+R+C+A+S", attention=True, affect_mix="shake_shake"),
    Rung("F+R+C+A+D", attention=True, teacher="F+R+C+A"),
    Rung("F+R+C+A+S+D", attention=True, affect_mix="shake_shake", teacher="F+R+C+A+S"),
)
"""Table 5: landmarks of a face-alignment network, regression, classes, attention, shake-shake, distillation."""
LOSSES = (Rung("F+R+C"), Rung("MSE", affect_mix="mse"), Rung("shake-shake", affect_mix="shake_shake"))
"""Table 6; its CCC row is the ladder's F+R+C."""


def climb(
    config: Path, data: Path, folder: Path, *, seeds: Sequence[int], jobs: int, log: Callable[[str], None]
) -> dict[str, dict[int, dict[str, float]]]:
    """Train what is not trained yet, `jobs` runs at a time with one thread each; return rung -> seed -> figures.

    `log` is called in the processes of the runs too, so it must be picklable.
    Raises TrainingError, also where the folder holds runs of another configuration.
    """
    run = read_run(config)
    if not isinstance(run, EmoFANRun):
        raise TrainingError(f"{config}: an ablation needs a run of an EmoFAN")
    if run.loop.keep != "last":
        raise TrainingError(f"{config}: loop.keep must be last, so that no rung chooses its weights on val")
    base = load_yaml(config)
    rungs = {rung.name: rung for rung in (*LADDER, *LOSSES)}
    for taught in (False, True):  # teachers first
        todo = [(rung, seed) for rung in rungs.values() if bool(rung.teacher) == taught for seed in seeds]
        configs = {f"{rung.name}, seed {seed}": _prepare(rung, seed, base, folder) for rung, seed in todo}
        waiting = {name: path for name, path in configs.items() if not path.with_name(FIGURES_FILE).exists()}
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            running = {pool.submit(train_and_measure, path, data, name, log): name for name, path in waiting.items()}
            try:
                for done, future in enumerate(as_completed(running), 1):
                    told = " ".join(f"{name} {value:.3f}" for name, value in future.result().items())
                    log(f"{running[future]} ({done}/{len(running)}): {told}")
            except BaseException:
                pool.shutdown(cancel_futures=True)  # what runs ends, what waits does not begin
                raise
    return read_results(folder, list(rungs), seeds)


def _prepare(rung: Rung, seed: int, base: dict[str, Any], folder: Path) -> Path:
    """Write the configuration of one run; raise TrainingError where its folder holds another one's."""
    path = run_folder(folder, rung.name, seed) / "rung.yaml"
    wanted = yaml.safe_dump({"version": 1, **rung.config(base, seed, folder)}, sort_keys=False)
    if path.exists() and path.read_text(encoding="utf-8") != wanted:
        raise TrainingError(f"{path.parent}: holds a run of another configuration; use another --out")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(wanted, encoding="utf-8")
    return path


def run_folder(folder: Path, rung: str, seed: int) -> Path:
    """Where one run lives."""
    return folder / f"{rung}-seed{seed}"


def train_and_measure(config: Path, data: Path, name: str, log: Callable[[str], None]) -> dict[str, float]:
    """Train one run in the folder of its configuration, measure its averaged weights on val, keep the figures there.

    `name` stands before each line of its log.
    """
    torch.set_num_threads(1)
    run, folder = read_run(config), config.parent
    assert isinstance(run, EmoFANRun)
    resumed, began = (folder / CHECKPOINT_FILE).exists(), time.process_time()
    weights = train_run(config, data, folder, log=lambda line: log(f"{name}: {line}"))
    model = EmoFAN(run.network)
    load_strictly(model, read_weights(weights))
    spec = affect_spec(run.crop.size_px, run.crop.factor, channels=run.network.input_channels)
    _, _, val = run.first_set(data)
    figures = expression_figures(val, answer(TorchEngine(ServedEmoFAN(model), spec), val))
    kept = {name: figures[name] for name in FIGURES if run.loss.categories or name != "accuracy"}
    if not resumed:
        kept["minutes"] = (time.process_time() - began) / 60  # of one core: what else runs does not count
    half = folder / f"_{FIGURES_FILE}"
    half.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    half.replace(folder / FIGURES_FILE)
    return kept


def read_results(folder: Path, rungs: Sequence[str], seeds: Sequence[int]) -> dict[str, dict[int, dict[str, float]]]:
    """rung -> seed -> figures, of all runs that are done."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for rung in rungs:
        for seed in seeds:
            path = run_folder(folder, rung, seed) / FIGURES_FILE
            if path.exists():
                found.setdefault(rung, {})[seed] = json.loads(path.read_text(encoding="utf-8"))
    return found
