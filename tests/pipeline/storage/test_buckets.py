"""Results and sources in a bucket, over a good network and a bad one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import pandas as pd
import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError, ResultsError, SinkError
from pipeline.jobs.analyze import analyze_segment
from pipeline.jobs.context import Progress, RunContext
from pipeline.jobs.segments import plan_segments
from pipeline.remote import network
from pipeline.report import write_report
from pipeline.results.commits import StreamReport
from pipeline.results.read import read_results
from pipeline.runs.jobs import Job
from pipeline.runs.run import run
from pipeline.runs.supervisor import Keeper
from pipeline.sources.find import find_sources
from pipeline.storage import bucket as bucket_module
from pipeline.storage.store import open_store, write_json
from pipeline.tables import TABLES
from tests.bad_network import Fault
from tests.fakes import BrightnessAffect, SquareDetector
from tests.media import squares, write_video

ONE_THREAD = {"networks.threads": 1}


def analyse(sources, out, fresh=False, **settings):
    config = load_config(None, ONE_THREAD | {key.replace("__", "."): value for key, value in settings.items()})
    return run(find_sources(sources, out=out), out, config, in_process=True, fresh=fresh)


def same(one, other):
    """All rows of all tables, but for the id of the run and the name of the stream."""
    for table in TABLES:
        a, b = (read_results(where, table).drop(columns=["run_id", "stream_id"]) for where in (one, other))
        assert len(a)
        pd.testing.assert_frame_equal(a, b, check_exact=False, atol=1e-3, check_categorical=False)


@pytest.fixture(scope="module")
def on_disk(drawn_video, tmp_path_factory):
    """Results of the small video on a disk."""
    out = tmp_path_factory.mktemp("results")
    assert not analyse([drawn_video], out).failed
    return out


@pytest.fixture
def patience(monkeypatch):
    """Fewer tries than users get."""
    monkeypatch.setattr(network, "TRIES", 2)


def is_write(request):
    return request.startswith(("PUT", "POST"))


def test_rows_through_a_bucket_are_those_on_a_disk(bucket, analyze_all, drawn_video, on_disk):
    result = analyze_all([drawn_video], f"{bucket.url}/results")
    assert not result.failed
    same(f"{bucket.url}/results", on_disk)
    assert bucket.keys("results/run")
    assert not bucket.keys("results/_lock")


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_other_formats_are_read_from_a_bucket(bucket, drawn_video, on_disk, format):
    analyse([drawn_video], f"{bucket.url}/r", output__format=format)
    assert len(read_results(f"{bucket.url}/r")) == len(read_results(on_disk))


def test_a_second_run_goes_on_and_asks_little(bucket, drawn_video):
    out = f"{bucket.url}/deep/down/results"
    first = analyse([drawn_video], out)
    bucket.network.seen.clear()
    second = analyse([drawn_video], out)
    assert (second.resumed, second.run_id) == (1, first.run_id)
    assert not [request for request in bucket.network.seen if "/points/" in request or "/frames/" in request]


def test_a_run_that_was_killed_is_gone_on_with(bucket, drawn_video, on_disk, tmp_path):
    for i in range(3):
        shutil.copyfile(drawn_video, tmp_path / f"{i}.mp4")
    out = f"{bucket.url}/r"

    def is_second_commit(request):
        return is_write(request) and "/_commits/" in request and bool(bucket.keys("r/_commits/"))

    bucket.network.faults = [Fault("slow", 99, is_second_commit, pause_s=60.0)]
    command = [sys.executable, "-m", "affectstream.cli", "analyze", str(tmp_path), "-o", out]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    while not bucket.keys("r/_commits/") and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    bucket.network.faults = []
    assert len(bucket.keys("r/_commits/")) == 1
    with pytest.raises(ResultsError, match="counts as dead after 120 s"):
        analyse([tmp_path], out)
    bucket.put("r/_lock", json.dumps(json.loads(bucket.read("r/_lock")) | {"time": 0}).encode())
    assert analyse([tmp_path], out).resumed == 1
    assert len(read_results(out)) == 3 * len(read_results(on_disk))


def test_what_was_committed_and_is_lost_is_done_again(bucket, drawn_video, on_disk):
    out = f"{bucket.url}/r"
    analyse([drawn_video], out)
    (part,) = bucket.keys("r/points/")
    open_store(out).delete(part.removeprefix("r/"))
    assert not bucket.keys("r/points/")
    assert analyse([drawn_video], out).resumed == 0
    same(out, on_disk)


def test_fresh_removes_what_is_ours_and_nothing_else(bucket, drawn_video):
    out = f"{bucket.url}/r"
    analyse([drawn_video], out)
    bucket.put("r/mine.txt", b"mine")
    bucket.put("rest/points/x", b"not below r/")
    with pytest.raises(ResultsError, match=r"sampling.fps was 10"):
        analyse([drawn_video], out, sampling__fps=5)
    assert not analyse([drawn_video], out, fresh=True, sampling__fps=5).failed
    assert len(read_results(out, "frames")) == 20
    assert {"r/mine.txt", "rest/points/x"} <= set(bucket.keys())


def test_results_of_something_else_are_not_touched(bucket, drawn_video):
    bucket.put("r/points/x.parquet", b"not ours")
    with pytest.raises(ResultsError, match=r"no run.json"):
        analyse([drawn_video], f"{bucket.url}/r")


def test_a_bucket_that_answers_503_for_a_while_is_waited_out(bucket, drawn_video, on_disk):
    bucket.network.faults = [Fault("503", 3, is_write), Fault("503", 2)]
    assert not analyse([drawn_video], f"{bucket.url}/r").failed
    assert bucket.network.met == 5
    same(f"{bucket.url}/r", on_disk)


def test_a_worker_that_waits_for_a_bucket_is_not_taken_for_hanging(bucket, drawn_video, tmp_path):
    slow = Fault("slow", 1, lambda request: "PUT" in request and "/points/" in request, pause_s=5.0)
    bucket.network.faults = [slow]
    config = load_config(None, ONE_THREAD | {"worker.hang_s": 2.0, "worker.attempts": 1})
    result = run(find_sources([drawn_video]), f"{bucket.url}/r", config)
    assert slow.times == 0
    assert not result.failed, result.failed


def test_a_worker_that_joins_segments_from_a_slow_bucket_is_not_taken_for_hanging(bucket, tmp_path):
    (source,) = find_sources([write_video(tmp_path / "long.mp4", squares(150), fps=10)])
    config = load_config(None, ONE_THREAD | {"worker.hang_s": 2.0})
    context = RunContext(run_id="0", out=f"{bucket.url}/r", config=config, metadata={"config_hash": "0"})
    segments = plan_segments(source.path, config.sampling, 5.0)
    for segment in segments:
        analyze_segment(source, segment, context, SquareDetector(), BrightnessAffect(), Progress())
    slow = Fault("slow", 2, lambda request: request.startswith("GET") and ".npz" in request, pause_s=5.0)
    bucket.network.faults = [slow]
    with Keeper(context) as keeper:
        answer = keeper.do(Job(source, segments), lambda progress: None)
    assert slow.times == 0
    assert isinstance(answer, StreamReport), answer
    assert answer.frames == 150
    assert not bucket.keys("r/_segments/")


def test_a_bucket_that_is_dead_ends_in_an_error(bucket, drawn_video, patience, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    with pytest.raises(ResultsError, match=r"s3://.*cannot be reached .*127\.0\.0\.1 port 1|Could not connect"):
        analyse([drawn_video], f"{bucket.url}/r")


def test_rows_that_cannot_be_written_are_told_and_none_counts(bucket, drawn_video, patience):
    bucket.network.faults = [Fault("503", 99, lambda request: is_write(request) and "/points/" in request)]
    (failed,) = analyse([drawn_video], f"{bucket.url}/r").failed
    assert "overloaded" in failed.error
    assert f"{bucket.url}/r/points/" in failed.error
    assert "\n" not in failed.error
    assert not bucket.keys("r/_commits/")
    assert not bucket.keys("r/points/")
    assert not bucket.keys("r/frames/"), "rows that do not count are left to see"


@pytest.mark.parametrize("step", ["uploads", "partNumber", "uploadId"])
@pytest.mark.parametrize("size", [100, 12_000_000])
def test_an_upload_that_fails_at_any_step_leaves_nothing_new_to_see(bucket, patience, step, size):
    store = open_store(f"{bucket.url}/r")
    write_json(store, "a.json", {"old": 1})
    bucket.network.faults = [Fault("403", 99, lambda request: step in request)]
    with pytest.raises(SinkError, match=r"r/a.json: cannot be written: access denied"):
        write_json(store, "a.json", {"new": "x" * size})
    with pytest.raises(SinkError):
        write_json(store, "b.json", {"new": "x" * size})
    del store
    assert json.loads(bucket.read("r/a.json")) == {"old": 1}
    assert bucket.keys() == ["r/a.json"]


def test_a_wrong_bucket_is_one_clear_line(bucket, drawn_video):
    for call in (lambda out: analyse([drawn_video], out), read_results):
        with pytest.raises((ConfigError, ResultsError), match="there is no such bucket") as raised:
            call("s3://no-such-bucket-at-all/r")
        assert "\n" not in str(raised.value)


def test_no_credentials_are_one_clear_line(bucket, drawn_video, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    bucket.network.faults = [Fault("403", 99)]  # what S3 answers to whom it does not know
    with pytest.raises(ResultsError, match="access denied; are the credentials right") as raised:
        analyse([drawn_video], f"{bucket.url}/r")
    assert "\n" not in str(raised.value)


def test_two_runs_cannot_write_to_one_folder(bucket, drawn_video):
    out = f"{bucket.url}/r"
    with open_store(out).locked(), pytest.raises(ResultsError, match=r"another run is writing there \(.+, process \d+"):
        analyse([drawn_video], out)
    assert not analyse([drawn_video], out).failed


def test_a_run_that_has_been_silent_for_long_counts_as_dead(bucket):
    held = {"host": "h", "pid": 1, "token": "x", "time": time.time() - bucket_module.DEAD_S - 1}
    bucket.put("r/_lock", json.dumps(held).encode())
    with open_store(f"{bucket.url}/r").locked():
        assert json.loads(bucket.read("r/_lock"))["token"] != "x"


def test_a_run_says_that_it_is_alive_until_another_has_taken_over(bucket, monkeypatch):
    repeated = {}
    monkeypatch.setattr(
        bucket_module,
        "repeating",
        lambda beat, every_s, *, name: repeated.update({every_s: beat}) or nullcontext(),
    )
    with open_store(f"{bucket.url}/r").locked():
        beat = repeated[bucket_module.HEARTBEAT_S]
        first = json.loads(bucket.read("r/_lock"))
        beat()
        second = json.loads(bucket.read("r/_lock"))
        assert second["time"] > first["time"]
        assert second["token"] == first["token"]
        theirs = json.dumps({"token": "theirs", "time": time.time()}).encode()
        bucket.put("r/_lock", theirs)
        beat()
        assert bucket.read("r/_lock") == theirs
    assert bucket.read("r/_lock") == theirs


def test_many_commits_are_read_at_a_time(bucket):
    store = open_store(f"{bucket.url}/r")
    for i in range(20):
        bucket.put(f"r/_commits/{i:02}.json", b"%d" % i)
    paths = sorted(store.files("_commits"))
    assert [int(content) for content in store.read_all(paths)] == list(range(20))
    assert store.read("_commits/99.json") is None
    assert store.files("nothing") == {}


def test_a_report_of_results_in_a_bucket_goes_to_a_folder(bucket, drawn_video, tmp_path):
    out = f"{bucket.url}/r"
    analyse([drawn_video], out)
    with pytest.raises(ConfigError, match="give one with --out"):
        write_report(out)
    assert write_report(out, tmp_path / "report").is_file()
