"""What a run tells while it goes on: the bar's line, JSON lines, figures for Prometheus, `affectstream status`."""

import io
import json
import socket
import subprocess
import sys
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from affectstream.json_log import JsonLog
from affectstream.metrics import serving
from affectstream.progress import figures, progress_bar
from pipeline.errors import ConfigError
from pipeline.jobs.context import Progress
from pipeline.results.commits import StreamReport
from pipeline.runs.jobs import Failed, Job
from pipeline.runs.standing import Snapshot, Standing
from pipeline.sources.find import Source
from tests.media import squares, write_video

A = Source(path="/a.mp4", uri="file:///a.mp4", stream_id="a.mp4~0")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def follow(standing):
    """A small run."""
    standing.planned({A.stream_id: 30, "b": 10}, 5)
    standing.staffed(2)
    standing.progress(Job(A), Progress(stream_s=5.0, duration_s=10.0, frames=50, faces=4))
    standing.retried(Job(A), Failed("/a.mp4: the worker died", "lost"))
    standing.ended(StreamReport(stream_id=A.stream_id, source="/a.mp4", video_s=10.0, frames=100, points=8))
    standing.ended(StreamReport(stream_id="b", source="/b", error="/b: is not a video"))


def test_the_line_below_the_bar_says_how_much_and_how_fast():
    now = Snapshot(elapsed_s=10.0, video_s=7425.0, frames=1200, faces=3210)
    assert figures(now) == "2:03:45 of video · 742.5× real time · 120 fps · 3,210 faces"


def test_a_line_that_looks_like_markup_is_told_as_it_stands():
    console = Console(file=io.StringIO(), width=200)
    with progress_bar(console) as standing:
        standing.noted("a worker was lost: cannot open [/data/networks/x.onnx]")
    assert "cannot open [/data/networks/x.onnx]" in console.file.getvalue()


def test_every_line_of_the_json_log_is_an_event_with_its_time():
    stream = io.StringIO()
    log = JsonLog(stream, every_s=0.0)
    follow(log)
    log.noted("a word")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    told = ["run.planned", "source.retried", "source.analysed", "source.failed", "run.noted"]
    assert [line["event"] for line in lines if line["event"] != "run.progress"] == told
    assert sum(line["event"] == "run.progress" for line in lines) == 3
    lines = [line for line in lines if line["event"] != "run.progress"]
    assert all(line["time"].endswith("+00:00") for line in lines)
    assert [line["level"] for line in lines] == ["info", "warning", "info", "error", "info"]
    assert (lines[0]["sources"], lines[0]["pending"]) == (7, 2)
    assert (lines[2]["frames"], lines[3]["message"]) == (100, "/b: is not a video")


def test_prometheus_reads_the_figures_of_a_run():
    standing = Standing()
    follow(standing)
    port = free_port()
    with serving(standing, f"127.0.0.1:{port}"):
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    values = {
        (sample.name, sample.labels.get("outcome")): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    assert values["affectstream_sources_total", "analysed"] == 1
    assert values["affectstream_sources_total", "failed"] == 1
    assert values["affectstream_sources_total", "done_before"] == 5
    assert values["affectstream_frames_total", None] == 100
    assert values["affectstream_video_seconds_total", None] == 10.0
    assert values["affectstream_retries_total", None] == 1
    assert values["affectstream_workers", None] == 2
    assert values["affectstream_run_share", None] == 1.0


def test_counters_never_fall_although_a_lost_workers_frames_are_taken_back():
    standing, port = Standing(), free_port()
    standing.planned({A.stream_id: 30}, 0)

    def frames():
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        return next(
            float(line.split()[1]) for line in page.splitlines() if line.startswith("affectstream_frames_total")
        )

    with serving(standing, str(port)):
        standing.progress(Job(A), Progress(stream_s=5.0, duration_s=10.0, frames=50))
        assert frames() == 50
        standing.retried(Job(A), Failed("lost", "lost"))
        assert frames() == 50
        standing.ended(StreamReport(stream_id=A.stream_id, source="/a.mp4", frames=100))
        assert frames() == 100


@pytest.mark.parametrize("address", ["port", "0", "70000", "host:", "a..b:9100", "300.300.300.300:9100"])
def test_an_address_that_cannot_be_served_is_refused_in_one_line(address):
    with pytest.raises(ConfigError, match=f"--metrics {address}"), serving(Standing(), address):
        pass


def test_a_port_is_free_again_after_the_run():
    port = str(free_port())
    for _ in range(2):
        taken = pytest.raises(ConfigError, match="choose another")
        with serving(Standing(), port), taken, serving(Standing(), port):
            pass


def test_the_command_logs_json_and_status_tells_the_end(tmp_path):
    write_video(tmp_path / "clips" / "a.mp4", squares(40))
    (tmp_path / "clips" / "b.mp4").write_text("no video")
    out = tmp_path / "out"
    done = cli("analyze", tmp_path / "clips", "-o", out, "--log-json", "--metrics", free_port())
    assert done.returncode == 3
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert events[0] == "run.planned"
    assert sorted(events[-3:]) == ["run.finished", "source.analysed", "source.failed"]
    assert done.stdout == f"results: {out}\n"
    told = cli("status", out)
    assert told.returncode == 0
    assert f"{out}: finished" in told.stdout
    assert "1 of 2 sources done, 1 failed" in told.stdout
    assert "b.mp4: is not a video" in told.stdout
    assert json.loads(cli("status", out, "--json").stdout)["call"]["frames"] == 16
    assert cli("status", tmp_path).returncode == 2


def cli(*arguments):
    command = [sys.executable, "-m", "affectstream.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240)
