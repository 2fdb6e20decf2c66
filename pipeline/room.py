"""How many workers a cluster has room for, and of which kind. No Ray: nodes are given."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

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
    most = inf if worker.count is None else worker.count
    groups = alone = 0
    for node in nodes:
        here = 0
        if worker.gpus:
            wanted = most // worker.feeders - groups
            here = int(min(node.gpus // worker.gpus, node.cores // group_cores(worker), wanted))
        groups += here
        alone += int((node.cores - here * group_cores(worker)) // worker.cpus)
    return Room(groups, int(min(alone, most - groups * worker.feeders)))


def group_cores(worker: Worker) -> float:
    """Cores that a group takes."""
    return worker.cpus * worker.feeders


def check_room(worker: Worker, nodes: Iterable[Node]) -> None:
    """Raise ConfigError where what is asked for does not fit: Ray would wait for ever."""
    nodes = list(nodes)
    there = room(worker, nodes)
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
