"""The training loop: one loop for every task.

A `Task` says what a batch is, what the loss is and how good a network is; the loop steps, averages, logs, validates and
saves. Everything random in step n comes from (seed, n), so on a CPU a run that was killed and resumed ends with the
weights of one that was not.
"""

import copy
import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from training.errors import TrainingError
from training.journal import Journal
from training.weights import WEIGHTS_FILE, file_digest, load_matching

Batch = dict[str, Any]

CHECKPOINT_FILE = "checkpoint.pt"
"""Where a run goes on from, in its folder."""


class Task(Protocol):
    """What is learnt. `batch` runs in another thread and must depend on `rng` alone."""

    def network(self) -> nn.Module:
        """A new network with fresh weights."""

    def batch(self, rng: np.random.Generator) -> Batch:
        """One training batch, on the CPU."""

    def losses(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """`loss`, to be minimised, and its parts for the log."""

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Figures on the validation set; `score` (higher is better) chooses the best weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """How the weights move."""

    name: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    """Not applied to biases and normalisation."""
    betas: tuple[float, float] = (0.9, 0.999)
    schedule: Literal["cosine", "one_cycle", "steps"] = "cosine"
    """cosine: warm-up, then down to 1 %; one_cycle: up for a quarter, then down; steps: a tenth every `step_every`."""
    warmup_steps: int = 500
    step_every: int = 0
    clip_norm: float = 10.0

    def __post_init__(self) -> None:
        for name in ("learning_rate", "clip_norm"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be 0 or more, got {self.weight_decay}")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be at least 0 and below 1, got {self.betas}")
        if self.schedule == "steps" and self.step_every < 1:
            raise ValueError("schedule 'steps' needs step_every of at least 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopConfig:
    """How long, and how carefully."""

    steps: int
    seed: int = 0
    optimizer: OptimizerConfig = OptimizerConfig()
    ema_decay: float = 0.999
    """Weights are averaged with this decay; the average is what is validated and exported. 0: no averaging."""
    precision: Literal["f32", "bf16"] = "f32"
    compile: bool = field(default=False, repr=False)  # other code for the same run: a checkpoint may change it
    """Compile the network with torch.compile: a minute or two at the start, then faster steps. Needs a C++ compiler."""
    keep: Literal["best", "last"] = "best"
    """Which weights are kept: those that do best on val, or the last. `last` where val is what is reported."""
    validate_every: int = 1000
    checkpoint_every: int = 500

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if self.seed < 0:
            raise ValueError(f"seed must be 0 or more, got {self.seed}")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must be at least 0 and below 1, got {self.ema_decay}")
        if self.validate_every < 1 or self.checkpoint_every < 1:
            raise ValueError("validate_every and checkpoint_every must be at least 1")


@dataclass(frozen=True, slots=True)
class Team:
    """Processes that share each step: all learn from batches of their own, and their gradients are averaged."""

    rank: int = 0
    """The first, 0, also measures, logs and saves."""
    size: int = 1

    def wrap(self, model: nn.Module) -> nn.Module:
        """`model` with gradients averaged over the team; torch.distributed must have been set up."""
        if self.size == 1:
            return model
        return nn.parallel.DistributedDataParallel(model, find_unused_parameters=True)

    def key(self, seed: int, step: int) -> tuple[int, ...]:
        """What the batch of one step is drawn from; the first one's is that of a run without a team."""
        return (seed, step) if self.rank == 0 else (seed, step, 0, self.rank)


ALONE = Team()


def train(
    task: Task,
    config: LoopConfig,
    run_dir: Path,
    *,
    identity: str = "",
    start: Path | None = None,
    device: str = "cpu",
    team: Team = ALONE,
    log: Callable[[str], None] = print,
    validated: Callable[[int, dict[str, float]], None] = lambda step, figures: None,
) -> Path:
    """Train until `config.steps` and return the path of the best weights; go on from a checkpoint in `run_dir`.

    `start`: weights of an earlier run to begin with; see `load_matching`. `identity` stands for all else that makes
    the run what it is. `validated` is called with each validation's step and figures. Raises TrainingError for a
    checkpoint of another run.
    """
    identity = f"{config!r} {identity}"
    run_dir.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(config.seed)
    model = task.network()
    if start is not None:
        taken, fresh = load_matching(model, start)
        identity += f" start {file_digest(start)}"
        log(f"{taken} tensors from {start}, {fresh} fresh")
    elif not all(value.requires_grad for value in model.parameters()):
        raise TrainingError("frozen layers must come from somewhere: say from which weights with --start-from")
    model.to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types do not know it
    average = copy.deepcopy(model).eval()
    optimizer = _optimizer(model, config.optimizer)
    step, best = 0, -math.inf
    latest = run_dir / CHECKPOINT_FILE
    if latest.exists():
        state = torch.load(latest, map_location=device, weights_only=True)
        if state["identity"] != identity:
            raise TrainingError(f"{run_dir} was started with other settings; use another folder or the same settings")
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step, best = state["step"], state["best"]
        log(f"going on from step {step}")

    def save() -> None:
        state = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict()}
        _save({**state, "step": step, "best": best, "identity": identity}, latest)

    journal = Journal(run_dir, step) if team.rank == 0 else None
    learner = team.wrap(model)
    if config.compile:
        # Each batch shape is compiled for itself: with symbolic shapes, torch 2.13's own range analysis of the
        # detector's grids fails (ValueRangeError) once a second canvas size comes.
        learner = torch.compile(learner, dynamic=False)  # type: ignore[assignment]  # torch types it as a callable
    started, seen = time.monotonic(), step
    for batch in _batches(task, config, step, team):
        learner.train()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, config)
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=config.precision == "bf16"):
            parts = task.losses(learner, _to(batch, device), np.random.default_rng((config.seed, step, 1)))
        optimizer.zero_grad(set_to_none=True)
        parts["loss"].backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.clip_norm)
        if torch.isfinite(norm):
            optimizer.step()
        _average(average, model, min(config.ema_decay, (1 + step) / (10 + step)))
        step += 1
        if journal is None:
            continue
        if step % 100 == 0:
            rate = (step - seen) / (time.monotonic() - started)
            values = {name: float(value.detach()) for name, value in parts.items()}
            journal.learnt(step, values, learning_rate(step, config))
            shown = " ".join(f"{name} {value:.4f}" for name, value in values.items())
            log(f"step {step}/{config.steps} {shown} lr {learning_rate(step, config):.2e} {rate:.1f} steps/s")
        if step % config.validate_every == 0 or step == config.steps:
            figures = task.validate(average)
            journal.validated(step, figures)
            validated(step, figures)
            log(f"step {step} " + " ".join(f"{name} {value:.4f}" for name, value in figures.items()))
            if step == config.steps if config.keep == "last" else figures["score"] > best:
                best = figures["score"]
                _save(average.state_dict(), run_dir / WEIGHTS_FILE)
        if step % config.checkpoint_every == 0 or step == config.steps:
            save()
    if journal is not None:
        journal.close()
    return run_dir / WEIGHTS_FILE


def learning_rate(step: int, config: LoopConfig) -> float:
    """The learning rate of one step (0-based)."""
    peak, done = config.optimizer.learning_rate, step / config.steps
    match config.optimizer.schedule:
        case "steps":
            return peak * 0.1 ** (step // config.optimizer.step_every)
        case "one_cycle":
            rising = done / 0.25
            return peak * (0.04 + 0.96 * rising) if rising < 1 else peak * max(_cosine((done - 0.25) / 0.75), 1e-3)
        case _:
            warm = min((step + 1) / max(config.optimizer.warmup_steps, 1), 1.0)
            return peak * warm * max(_cosine(done), 0.01)


def _cosine(done: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def _optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.Optimizer:
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    plain = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    cls = torch.optim.Adam if config.name == "adam" else torch.optim.AdamW
    return cls(groups, lr=config.learning_rate, betas=config.betas)


def _batches(task: Task, config: LoopConfig, first: int, team: Team) -> Iterator[Batch]:
    """Batches from step `first` on; the next ones are made in another thread while this one is learnt."""
    with ThreadPoolExecutor(1) as pool:
        ahead: deque[Future[Batch]] = deque()
        for step in range(first, config.steps + 3):
            if step < config.steps:
                ahead.append(pool.submit(task.batch, np.random.default_rng(team.key(config.seed, step))))
            if step >= first + 3 and ahead:
                yield ahead.popleft().result()


def _to(batch: Batch, device: str) -> Batch:
    """The batch on `device`: tensors, and lists of tensors."""
    return {k: [x.to(device) for x in v] if isinstance(v, list) else v.to(device) for k, v in batch.items()}


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, decay: float) -> None:
    theirs = model.state_dict()
    for name, value in average.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(theirs[name], 1 - decay)
        else:
            value.copy_(theirs[name])


def _save(state: Any, path: Path) -> None:
    half = path.with_name(f"_{path.name}")
    torch.save(state, half)
    half.replace(path)
