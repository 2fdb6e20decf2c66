"""Workers that hang, die, or cannot be had, and runs that are killed: what it costs, and what is left."""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest

from engines import EngineError
from pipeline.config import load_config
from pipeline.jobs.context import Progress, RunContext
from pipeline.results import run_folder
from pipeline.results.read import read_results
from pipeline.runs.jobs import Job
from pipeline.runs.run import run
from pipeline.runs.standing import Standing
from pipeline.runs.worker import attempt
from pipeline.sources.find import find_sources
from pipeline.storage.store import open_store
from pipeline.tables import TABLES
from tests.fakes import BrightnessAffect, SquareDetector
from tests.media import squares, write_video


def test_a_decoder_that_hangs_costs_its_video(clips, tmp_path):
    pipe = clips / "hangs.mp4"
    os.mkfifo(pipe)  # opening it blocks for ever: nobody writes
    config = load_config(None, {"worker.hang_s": 1.5, "networks.threads": 1})
    result = run(find_sources([pipe, clips / "good.mp4"]), tmp_path / "out", config)
    (failed,) = result.failed
    assert "no progress for 1.5 s" in failed.error
    assert "tried 3 times" in failed.error
    assert len(read_results(tmp_path / "out", "frames")) == 16


def test_a_disk_that_is_slower_than_a_decoder_may_be_is_no_hang(clips, tmp_path, monkeypatch):
    slow = """
import os, time
fsync = os.fsync
def slow(file):
    path = os.readlink(f"/proc/self/fd/{file}")
    if "/frames/" in path and path.endswith(".parquet"):
        time.sleep(5)
    fsync(file)
os.fsync = slow
"""
    (tmp_path / "slow").mkdir()
    (tmp_path / "slow" / "sitecustomize.py").write_text(slow)  # which the worker's Python imports as it starts
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'slow'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    config = load_config(None, {"worker.hang_s": 4.0, "worker.attempts": 1, "networks.threads": 1})
    began = time.monotonic()
    result = run(find_sources([clips / "good.mp4"]), tmp_path / "out", config)
    assert not result.failed, result.failed[0].error
    assert time.monotonic() - began > 5, "the disk was not slow"


def test_a_worker_that_dies_is_replaced(clips, tmp_path):
    """Kill the first worker in the middle of a video, as the kernel would; the second does it."""
    killed = []

    class Killer(Standing):
        def progress(self, job, progress):
            if progress.frames and not killed:
                (worker,) = multiprocessing.active_children()
                os.kill(worker.pid, signal.SIGKILL)
                killed.append(worker.pid)

    config = load_config(None, {"sampling.fps": "native", "networks.threads": 1})
    long = write_video(clips / "long.mp4", squares(2500))
    result = run(find_sources([long]), tmp_path / "out", config, standing=Killer())
    assert killed
    assert not result.failed
    assert len(read_results(tmp_path / "out", "frames")) == 2500


def test_a_worker_that_is_killed_as_it_loads_is_replaced(clips, tmp_path):
    """Kill the first worker before its first word."""
    killed = []

    def kill():
        while not (workers := multiprocessing.active_children()):
            time.sleep(0.01)
        killed.extend(worker.pid for worker in workers)
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    result = run(find_sources([clips / "good.mp4"]), tmp_path / "out", load_config(None, {"networks.threads": 1}))
    thread.join()
    assert not result.failed
    assert len(killed) == 1


@pytest.mark.parametrize(
    ("signal_", "told"),
    [
        (signal.SIGKILL, "killed by SIGKILL, as when memory runs out"),
        (signal.SIGSEGV, "killed by SIGSEGV, a crash of a library"),
    ],
)
def test_a_video_that_kills_every_worker_is_given_up_and_leaves_no_row(clips, tmp_path, signal_, told):
    class Killer(Standing):
        def progress(self, job, progress):
            if "poison" in job.source.stream_id:
                part = tmp_path / "out" / "points" / job.source.stream_id / "0.parquet"
                part.parent.mkdir(parents=True, exist_ok=True)
                part.touch()
                for worker in multiprocessing.active_children():
                    os.kill(worker.pid, signal_)

    config = load_config(None, {"sampling.fps": "native", "networks.threads": 1})
    write_video(clips / "poison.mp4", squares(2500))
    result = run(find_sources([clips / "poison.mp4", clips / "good.mp4"]), tmp_path / "out", config, standing=Killer())
    (failed,) = result.failed
    assert failed.error.startswith(f"{clips / 'poison.mp4'}: the worker died")
    assert told in failed.error
    assert "tried 3 times" in failed.error
    assert len(result.reports) == 2
    assert not list((tmp_path / "out" / "points").rglob("0.parquet"))


def test_a_network_that_fails_at_its_work_costs_a_worker_and_is_not_taken_for_our_mistake(clips, tmp_path):
    class Full(SquareDetector):
        def run(self, images):
            raise EngineError("out of memory")

    (good,) = find_sources([clips / "good.mp4"])
    run_folder.write_run(open_store(tmp_path), {"run_id": "r", "config_hash": "c"})
    context = RunContext(run_id="r", out=str(tmp_path), config=load_config(None), metadata={"config_hash": "c"})
    answer = attempt(Job(good), context, Full(), BrightnessAffect(), Progress())
    assert (answer.kind, answer.message) == ("lost", f"{good.shown}: out of memory")


def test_a_machine_without_room_for_a_worker_is_told_so(clips, tmp_path, monkeypatch):
    def full(*arguments, **details):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(EngineError, match="no worker can be started on this machine: No space left on device"):
        run(find_sources([clips / "good.mp4"]), tmp_path / "out", load_config(None))


@pytest.mark.slow
def test_a_run_killed_at_ten_moments_ends_with_the_rows_of_an_unbroken_one(tmp_path):
    folder = tmp_path / "clips"
    for i in range(6):
        write_video(folder / f"{i}.mp4", squares(250 + 50 * i), fps=25)
    settings = {"sampling.fps": "native", "networks.threads": 1}
    run(find_sources([folder]), tmp_path / "whole", load_config(None, settings), in_process=True)
    command = [
        sys.executable,
        "-m",
        "affectstream.cli",
        "analyze",
        str(folder),
        "-o",
        str(tmp_path / "broken"),
        "--fps",
        "native",
    ]
    rng = np.random.default_rng(0)
    for _ in range(10):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(rng.uniform(0.5, 5.0))
        os.killpg(process.pid, 9)
        process.wait()
    assert subprocess.run(command, capture_output=True).returncode == 0
    for table in TABLES:
        broken, whole = (read_results(tmp_path / name, table).drop(columns="run_id") for name in ("broken", "whole"))
        pd.testing.assert_frame_equal(broken, whole, check_exact=False, atol=1e-3, check_categorical=False)
    assert not [path for path in (tmp_path / "broken").rglob("_*") if path.name not in ("_commits", "_lock")]
