"""One process that runs the networks for several workers: same answers, whoever asks, and what happens when it dies."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import numpy as np
import pandas as pd
import pytest

from engines import EngineError, FixedShapeEngine
from pipeline.config import load_config
from pipeline.heartbeat import beats
from pipeline.jobs.context import RunContext
from pipeline.results import run_folder
from pipeline.results.commits import StreamReport
from pipeline.results.read import read_results
from pipeline.runs.engine_host import EngineHost, _answer, _Request
from pipeline.runs.jobs import Failed, Job
from pipeline.runs.networks import HostAddress, HostLostError, hosted_engines
from pipeline.runs.run import run
from pipeline.runs.station import Station
from pipeline.sources.find import find_sources
from pipeline.storage.store import open_store
from pipeline.tables import TABLES
from pipeline.version import software_version

CONFIG = load_config(None, {"networks.threads": 1})


@pytest.fixture(scope="module")
def host(engine_cache):
    host = EngineHost(CONFIG)
    host.load()
    yield host
    host.close()


@pytest.fixture
def crops():
    return np.random.default_rng(0).integers(0, 255, (19, 64, 64, 1), np.uint8)


def test_a_hosted_engine_answers_as_the_engine_does(host, crops, affect, detector):
    for hosted, own in zip(hosted_engines(host.address), (detector, affect), strict=True):
        assert (hosted.spec, hosted.info) == (own.spec, own.info)
    for count in (0, 1, 19):
        answer, expected = hosted.run(crops[:count]), affect.run(crops[:count])
        assert set(answer) == set(expected)
        for name in expected:
            np.testing.assert_allclose(answer[name], expected[name], atol=1e-4)


def test_what_several_ask_at_once_is_told_apart(host, crops, affect):
    expected = affect.run(crops)["landmarks"]

    def ask(i):
        _, hosted = hosted_engines(host.address)
        return [hosted.run(crops[i : i + 3])["landmarks"] for _ in range(20)]

    with ThreadPoolExecutor(6) as pool:
        for i, answers in enumerate(pool.map(ask, range(6))):
            for answer in answers:
                np.testing.assert_allclose(answer, expected[i : i + 3], atol=1e-3)


def test_an_asker_hears_of_every_batch_on_the_way_to_its_answer(host, crops):
    _, hosted = hosted_engines(host.address)
    before = beats()
    hosted.run(np.resize(crops, (64, *crops.shape[1:])))
    assert beats() - before >= 4  # of 16 crops each


def test_pictures_that_do_not_fit_are_the_askers_error_and_the_host_lives_on(host, crops):
    _, hosted = hosted_engines(host.address)
    with pytest.raises(EngineError, match="does not fit"):
        hosted.run(crops[:, :32])
    assert len(hosted.run(crops)["valence"]) == 19


def test_what_a_runtime_raises_is_the_askers_error_and_the_host_lives_on(crops):
    class Broken:
        def run(self, images):
            raise RuntimeError("out of memory")

    ours, theirs = multiprocessing.Pipe()
    _answer({"affect": Broken()}, [_Request("affect", crops, theirs)], {theirs})
    assert ours.recv() == "RuntimeError: out of memory"


def test_requests_of_several_workers_fill_the_batches_that_a_runtime_has(detector):
    """As on a GPU, whose runtime takes several pictures for the detector at a time."""
    compiled = []

    def compile_shape(shape):
        compiled.append(shape[0])
        return lambda images: {
            "boxes": np.zeros((len(images), 1, 4), np.float32),
            "scores": images[:, :1, 0, 0].astype(np.float32),
        }

    engine = FixedShapeEngine(detector.spec, detector.info, (8, 4, 1), compile_shape)
    askers = [multiprocessing.Pipe() for _ in range(8)]
    pictures = [np.full((1, 64, 64, 1), level, np.uint8) for level in range(8)]
    requests = [_Request("detector", image, ours) for image, (ours, _) in zip(pictures, askers, strict=True)]
    _answer({"detector": engine}, requests, {ours for ours, _ in askers})
    assert compiled == [8]
    assert [theirs.recv()["scores"].item() for _, theirs in askers] == list(range(8))


def test_a_host_that_hangs_does_not_answer(host):
    assert host.answers(10.0)
    os.kill(host._process.pid, signal.SIGSTOP)
    try:
        assert not host.answers(0.5)
    finally:
        os.kill(host._process.pid, signal.SIGCONT)
    assert host.answers(10.0)


def test_nobody_without_the_key_is_answered(host, crops):
    with pytest.raises((HostLostError, multiprocessing.AuthenticationError)):
        hosted_engines(HostAddress(host.address.socket, b"guessed"))
    _, hosted = hosted_engines(host.address)
    assert len(hosted.run(crops)["valence"]) == 19


def test_a_host_that_cannot_load_says_why():
    host = EngineHost(load_config(None, {"networks.runtime": "onnxruntime-gpu"}))
    with pytest.raises(EngineError, match="pip install onnxruntime-gpu"):
        host.load()
    host.close()


@contextmanager
def station(out, feeders=2):
    out.mkdir()
    run_folder.write_run(open_store(out), {"run_id": "r", "config_hash": "c"})
    context = RunContext(run_id="r", out=str(out), config=CONFIG, metadata={"config_hash": "c"})
    here = Station(context, feeders, share=True)
    assert here.load(software_version()) is None
    with closing(here):
        yield here


def test_a_station_with_a_host_gives_the_rows_of_a_worker_alone(drawn_video, tmp_path):
    sources = find_sources([drawn_video])
    run(sources, tmp_path / "alone", CONFIG, in_process=True)
    with station(tmp_path / "shared") as here:
        assert isinstance(here.do(Job(sources[0])), StreamReport)
    for table in TABLES:
        one, other = (read_results(tmp_path / name, table).drop(columns="run_id") for name in ("alone", "shared"))
        assert len(one)
        pd.testing.assert_frame_equal(other, one, check_exact=False, atol=1e-3, check_categorical=False)


def test_a_host_that_dies_costs_the_station_and_is_not_the_jobs_fault(drawn_video, tmp_path):
    sources = find_sources([drawn_video])

    def kill(here):
        while here.progress(Job(sources[0]).key) is None:
            time.sleep(0.01)
        os.kill(here._host._process.pid, signal.SIGKILL)

    with station(tmp_path / "shared", feeders=1) as here:
        (worker,) = (child for child in multiprocessing.active_children() if child.name == "affectstream-worker")
        thread = threading.Thread(target=kill, args=(here,))
        thread.start()
        answer = here.do(Job(sources[0]))
        thread.join()
        assert not worker.is_alive()  # it could not do any job from now on
    assert isinstance(answer, Failed)
    assert answer.kind == "machine"
