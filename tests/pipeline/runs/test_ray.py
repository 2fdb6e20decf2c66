"""Runs on Ray: rows, lost workers, what a cluster lacks. What holds on every runner is in test_run.py."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from engines import EngineError
from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.results.read import read_results
from pipeline.runs import ray_runner
from pipeline.runs.jobs import Failed, Job
from pipeline.runs.run import run
from pipeline.runs.standing import Standing
from pipeline.sources.find import Source, find_sources
from pipeline.tables import TABLES
from tests.faults.kill import family
from tests.media import squares, write_video

pytestmark = [pytest.mark.timeout(300), pytest.mark.filterwarnings("ignore")]  # Ray warns of its own functions
RayActorError = pytest.importorskip("ray.exceptions", reason="Ray is not installed").RayActorError
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'affectstream[ray]'")


@pytest.fixture
def footage(drawn_video, tmp_path):
    """Short videos, and a long one of the drawn people over and over."""
    import av

    folder = tmp_path / "clips"
    for i in range(3):
        write_video(folder / f"{i}.mp4", squares(40 + 10 * i))
    with av.open(str(drawn_video)) as video:
        pictures = [frame.to_ndarray(format="bgr24") for frame in video.decode(video=0)]
    write_video(folder / "long.mp4", pictures * 9, fps=20)
    return folder


@pytest.fixture
def drawn_rows(drawn_video, tmp_path):
    analyse(drawn_video, tmp_path / "here", ray=None)
    return read_results(tmp_path / "here")


def analyse(folder, out, standing=None, ray="local", **settings):
    config = load_config(None, {"networks.threads": 1, **settings})
    return run(find_sources([folder]), out, config, ray=ray, in_process=ray is None, standing=standing)


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "segment_s"), [(1, 10.0), (2, 600.0), (4, 10.0)])
def test_rows_do_not_depend_on_workers_or_segments(local_ray, footage, tmp_path, workers, segment_s):
    analyse(footage, tmp_path / "alone", ray=None)
    settings = {"worker.count": workers, "worker.cpus": 0.5, "worker.segment_s": segment_s}
    assert not analyse(footage, tmp_path / "ray", **settings).failed
    for table in TABLES:
        one, other = (read_results(tmp_path / name, table).drop(columns="run_id") for name in ("alone", "ray"))
        assert len(one)
        pd.testing.assert_frame_equal(other, one, check_exact=False, atol=1e-3, check_categorical=False)


@pytest.mark.slow
def test_a_killed_actor_costs_a_retry_and_no_row(local_ray, footage, tmp_path):
    killed = []

    class Killer(Standing):
        def progress(self, job, progress):
            if not killed and progress.frames:
                killed.append(_kill("ray::Station"))

    assert not analyse(footage, tmp_path / "out", Killer(), **{"worker.count": 2}).failed
    assert killed
    assert sorted(read_results(tmp_path / "out", "frames")["stream_id"].value_counts()) == [16, 20, 24, 360]


def test_more_workers_than_fit_are_refused_before_anything_waits(local_ray, footage, tmp_path):
    with pytest.raises(ConfigError, match="3 workers of 1 cores: the cluster has 2 cores, which is room for 2"):
        analyse(footage, tmp_path / "out", **{"worker.count": 3})


def test_an_address_where_nothing_listens_is_told_at_once():
    with pytest.raises(ConfigError, match=r"--ray 127\.0\.0\.1:1: no Ray there: Connection refused"):
        ray_runner._look_for_head("127.0.0.1:1")


@pytest.mark.slow
def test_ray_alone_reads_from_a_bucket_and_writes_to_it(bucket, drawn_video, drawn_rows):
    """The whole command, with a Ray of its own: workers take credentials from where the clouds' own tools do."""
    bucket.put("clips/a.mp4", drawn_video.read_bytes())
    command = [sys.executable, "-m", "affectstream.cli", "analyze", f"{bucket.url}/clips", "-o", f"{bucket.url}/out"]
    done = subprocess.run([*command, "--ray"], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "a-very-secret-key" not in done.stdout + done.stderr
    rows = read_results(f"{bucket.url}/out")
    for name in ("pts_ns", "track_id", "valence_smooth"):
        np.testing.assert_allclose(rows[name], drawn_rows[name], atol=1e-3)


@pytest.mark.slow
def test_workers_that_share_a_gpu_give_the_rows_of_those_that_do_not(local_ray, footage, tmp_path):
    """Ray only counts GPUs, so that the whole way can be gone without one: the networks run on the CPU."""
    analyse(footage, tmp_path / "alone", ray=None)
    settings = {"worker.gpus": 1, "worker.feeders": 2, "networks.runtime": "openvino", "worker.segment_s": 10.0}
    assert not analyse(footage, tmp_path / "shared", **settings).failed
    for table in TABLES:
        one, other = (read_results(tmp_path / name, table).drop(columns="run_id") for name in ("alone", "shared"))
        pd.testing.assert_frame_equal(other, one, check_exact=False, atol=1e-3, check_categorical=False)


def test_a_gpu_that_no_node_has_is_missed_before_anything_waits(local_ray, footage, tmp_path):
    with pytest.raises(ConfigError, match="no node has 2 GPUs and 1 cores for 1 workers"):
        analyse(footage, tmp_path / "out", **{"worker.gpus": 2, "worker.feeders": 1})


def _kill(holds: str) -> int:
    """SIGKILL one process below this one whose command line holds a text; its id."""
    found = family(os.getpid(), holds)
    assert found, f"no process {holds}"
    os.kill(found[0], signal.SIGKILL)
    return found[0]


def crew_of(monkeypatch, exc, *, starting, ready):
    """A crew whose actors all raise as they start, and some that are ready."""

    def lost(reference):
        raise exc

    monkeypatch.setattr(ray_runner.ray, "get", lost)
    monkeypatch.setattr(ray_runner.ray, "kill", lambda actor: None)
    members = [ray_runner._Member(None, 1, False) for _ in range(starting + ready)]
    return ray_runner._Crew(None, members, dict(enumerate(members[:starting])), members[starting:])


def test_actors_that_are_lost_as_they_start_are_borne_where_others_are_at_work(monkeypatch):
    crew = crew_of(monkeypatch, RayActorError(), starting=8, ready=1)
    for i in range(8):
        crew.started(i)
    assert len(crew.members) == 1
    assert crew.rests_until_s > time.monotonic()


def test_actors_that_are_lost_as_they_start_end_a_run_that_has_no_others(monkeypatch):
    crew = crew_of(monkeypatch, RayActorError(), starting=8, ready=0)
    for i in range(4):
        crew.started(i)
    with pytest.raises(EngineError, match="5 workers in a row were lost"):
        crew.started(4)


def test_a_node_that_cannot_load_ends_a_run_only_when_it_is_the_last(monkeypatch):
    crew = crew_of(monkeypatch, EngineError("here: no CUDA"), starting=2, ready=0)
    assert crew.started(0) == "a worker was lost as it started: here: no CUDA"
    with pytest.raises(EngineError, match="here: no CUDA"):
        crew.started(1)


def test_an_actor_whose_machine_is_unfit_is_given_no_other_job(monkeypatch):
    crew = crew_of(monkeypatch, RayActorError(), starting=0, ready=2)
    job = Job(Source("a.mp4", "a", "file:///a.mp4"))
    crew.working["here"] = (crew.idle.pop(), job)
    unfit = Failed("a.mp4: no worker can be started on this machine", "machine")
    monkeypatch.setattr(ray_runner.ray, "get", lambda reference: unfit)
    assert crew.answered("here") == (job, unfit)
    assert len(crew.members) == len(crew.idle) == 1


@pytest.mark.slow
def test_what_no_node_can_load_is_told_with_the_command_that_mends_it(local_ray, footage, tmp_path):
    with pytest.raises(EngineError, match="pip install onnxruntime-gpu"):
        analyse(footage, tmp_path / "out", **{"worker.gpus": 1, "worker.feeders": 2})
