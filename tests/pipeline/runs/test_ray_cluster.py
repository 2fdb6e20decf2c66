"""A cluster of several nodes, all on this machine: the whole command against its address."""

import subprocess
import sys
import time

import pandas as pd
import pytest

from pipeline.config import load_config
from pipeline.results.read import read_results
from pipeline.runs.progress_file import read_status
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from pipeline.tables import TABLES
from tests.media import squares, write_video

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray warns of its own functions
cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed: pip install 'affectstream[ray]'")


@pytest.fixture
def cluster(monkeypatch):
    """A head that does nothing, and a node of one core."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    small = {"object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **small})
    cluster.first = cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    yield cluster
    cluster.shutdown()


def test_a_node_that_joins_is_used_and_one_that_is_lost_costs_no_row(cluster, tmp_path):
    clips, out = tmp_path / "clips", tmp_path / "out"
    for i in range(12):
        write_video(clips / f"{i:02d}.mp4", squares(120), fps=25)
    run(find_sources([clips]), tmp_path / "whole", load_config(None, {"networks.threads": 1}), in_process=True)
    command = [
        sys.executable,
        "-m",
        "affectstream.cli",
        "analyze",
        str(clips),
        "-o",
        str(out),
        "--ray",
        cluster.address,
    ]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(process, lambda: any(out.glob("_commits/[!_]*")))
        cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
        cluster.remove_node(cluster.first, allow_graceful=False)
        code = process.wait(timeout=240)
    assert code == 0, (tmp_path / "log").read_text()
    status = read_status(out)
    assert (status.state, status.done) == ("finished", 12)
    for table in TABLES:
        one, other = (read_results(folder, table).drop(columns="run_id") for folder in (tmp_path / "whole", out))
        pd.testing.assert_frame_equal(other, one, check_exact=False, atol=1e-3, check_categorical=False)


def wait_for(process, ripe):
    """Until something is so; the process must not end before."""
    while not ripe():
        assert process.poll() is None
        time.sleep(0.05)
