"""How many workers fit, on which nodes, and what is refused before anything waits."""

import pytest

from pipeline.config import Worker
from pipeline.errors import ConfigError
from pipeline.runs.room import Node, Room, check_room, room


@pytest.mark.parametrize(
    ("worker", "nodes", "fits"),
    [
        (Worker(), [Node(10)], Room(0, 10)),
        (Worker(cpus=4), [Node(10)], Room(0, 2)),
        (Worker(cpus=2), [Node(3), Node(3)], Room(0, 2)),
        (Worker(cpus=0.5), [Node(2)], Room(0, 4)),
        (Worker(count=64), [Node(10)], Room(0, 10)),
        (Worker(count=3), [Node(10)], Room(0, 3)),
        (Worker(cpus=0.2), [Node(2)], Room(0, 10)),
        (Worker(gpus=0.1, feeders=1, cpus=0.1), [Node(1, gpus=1)], Room(10, 0)),
        (Worker(), [], Room(0, 0)),
        (Worker(), [Node(8, gpus=1)], Room(0, 8)),
        (Worker(gpus=1, feeders=4), [Node(8, gpus=1)], Room(1, 4)),
        (Worker(gpus=0.5, feeders=4), [Node(8, gpus=1)], Room(2, 0)),
        (Worker(gpus=1, feeders=4), [Node(2, gpus=1), Node(16)], Room(0, 18)),
        (Worker(gpus=1, feeders=2), [Node(4, gpus=8), Node(3)], Room(2, 3)),
        (Worker(gpus=1, feeders=4, count=6), [Node(16, gpus=4)], Room(1, 2)),
    ],
)
def test_workers_fit_on_nodes_and_not_across_them(worker, nodes, fits):
    assert room(worker, nodes) == fits


def test_more_workers_than_fit_are_refused():
    with pytest.raises(ConfigError, match="64 workers of 1 cores: the cluster has 10 cores, which is room for 10"):
        check_room(Worker(count=64), [Node(4), Node(6)])
    check_room(Worker(count=10), [Node(4), Node(6)])


def test_a_cluster_without_room_for_one_worker_is_refused():
    with pytest.raises(ConfigError, match="a worker of 8 cores: the cluster has 10 cores, which is room for 0"):
        check_room(Worker(cpus=8), [Node(4), Node(6)])


def test_fewer_workers_than_share_a_gpu_are_refused():
    with pytest.raises(ConfigError, match="2 workers are fewer than the 4 that share a GPU"):
        check_room(Worker(gpus=1, count=2), [Node(8, gpus=1)])


def test_a_gpu_without_the_cores_that_feed_it_is_refused():
    with pytest.raises(ConfigError, match="no node has 1 GPUs and 4 cores for 4 workers"):
        check_room(Worker(gpus=1), [Node(2, gpus=1), Node(64)])
