"""How many workers a cluster has room for, and of which kind. No Ray: nodes are given."""

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.config import Worker
from pipeline.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Node:
    """What a machine of the cluster has, in use or not."""

    cores: float
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """How many may be started."""

    groups: int
    """Groups of `worker.feeders` workers that share the networks on a GPU."""
    alone: int
    """Workers that run the networks themselves."""


def room(worker: Worker, nodes: Iterable[Node]) -> Room:
    """GPUs first; what cores are left, and nodes without a GPU, take workers that run the networks themselves."""
    groups = alone = 0
    for node in nodes:
        here = 0
        if worker.gpus:
            here = min(_times(node.gpus, worker.gpus), _times(node.cores, group_cores(worker)))
        if worker.count is not None:
            here = min(here, worker.count // worker.feeders - groups)
        groups += here
        alone += _times(node.cores - here * group_cores(worker), worker.cpus)
    if worker.count is not None:
        alone = min(alone, worker.count - groups * worker.feeders)
    return Room(groups, alone)


def _times(what: float, each: float) -> int:
    """How many whole times `each` fits into `what`, tolerant of rounding: 0.1 fits ten times into 1."""
    return int(what / each + 1e-6)


def group_cores(worker: Worker) -> float:
    """Cores that a group takes."""
    return worker.cpus * worker.feeders


def check_room(worker: Worker, nodes: Iterable[Node]) -> None:
    """Raise ConfigError where what is asked for does not fit: Ray would wait for ever."""
    nodes = list(nodes)
    there = room(worker, nodes)
    if worker.gpus and worker.count is not None and worker.count < worker.feeders:
        raise ConfigError(
            f"{worker.count} workers are fewer than the {worker.feeders} that share a GPU; set worker.feeders lower, "
            "or worker.count higher"
        )
    if worker.gpus and not there.groups:
        raise ConfigError(
            f"no node has {worker.gpus:g} GPUs and {group_cores(worker):g} cores for {worker.feeders} workers that "
            "share them; set worker.feeders or worker.cpus lower, or worker.gpus to 0 for workers without a GPU"
        )
    fit = there.groups * worker.feeders + there.alone
    if fit < (worker.count or 1):
        count = "a worker" if worker.count is None else f"{worker.count} workers"
        cores = sum(node.cores for node in nodes)
        raise ConfigError(
            f"{count} of {worker.cpus:g} cores: the cluster has {cores:g} cores, which is room for {fit}; "
            "set worker.count and worker.cpus lower, or add nodes"
        )
