"""`affectstream status`: what a results folder says of its run, while it goes on and after."""

import os
import signal
import subprocess
import sys
import time

import pytest

from engines import EngineError
from pipeline.config import load_config
from pipeline.errors import ResultsError
from pipeline.results.commits import StreamReport
from pipeline.runs.progress_file import read_status, written
from pipeline.runs.run import run
from pipeline.runs.standing import Standing
from pipeline.sources.find import find_sources
from pipeline.storage.base import COMPACTING
from pipeline.storage.store import open_store
from tests.media import squares, write_video

SETTINGS = load_config(None, {"networks.threads": 1})


@pytest.fixture
def clips(tmp_path):
    for i in range(2):
        write_video(tmp_path / "clips" / f"{i}.mp4", squares(40))
    (tmp_path / "clips" / "text.mp4").write_text("no video")
    return tmp_path / "clips"


def test_a_finished_run_says_what_was_done_and_what_failed(clips, tmp_path):
    run(find_sources([clips]), tmp_path / "out", SETTINGS, in_process=True)
    status = read_status(tmp_path / "out")
    assert (status.state, status.sources, status.done) == ("finished", 3, 2)
    ((name, why),) = status.call.failed.items()
    assert name.startswith("text.mp4~")
    assert "is not a video" in why
    assert (status.call.frames, status.call.share) == (32, pytest.approx(1.0))


def test_a_run_that_goes_on_is_seen_to_go_on(clips, tmp_path):
    seen = []

    class Looker(Standing):
        def ended(self, report):
            seen.append(read_status(tmp_path / "out"))

    run(find_sources([clips]), tmp_path / "out", SETTINGS, in_process=True, standing=Looker())
    assert [status.state for status in seen] == ["running"] * 3
    assert [status.done for status in seen] == [1, 2, 2]


def test_what_earlier_calls_did_counts_as_done(clips, tmp_path):
    for _ in range(2):
        run(find_sources([clips]), tmp_path / "out", SETTINGS, in_process=True)
    status = read_status(tmp_path / "out")
    assert (status.done, status.call.resumed, status.call.frames) == (2, 2, 0)


def test_a_run_that_was_killed_is_not_taken_for_one_that_goes_on(tmp_path):
    long = write_video(tmp_path / "long.mp4", squares(2500))
    command = [sys.executable, "-m", "affectstream.cli", "analyze", str(long), "-o", str(tmp_path / "out")]
    process = subprocess.Popen([*command, "--fps", "native"], stderr=subprocess.DEVNULL, start_new_session=True)
    while not (tmp_path / "out" / "progress.json").exists():
        assert process.poll() is None
        time.sleep(0.05)
    assert read_status(tmp_path / "out").state == "running"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    status = read_status(tmp_path / "out")
    assert (status.state, status.done) == ("killed", 0)
    with open_store(tmp_path / "out").locked(COMPACTING):
        assert read_status(tmp_path / "out").state == "killed"


def test_a_run_that_is_interrupted_says_so(clips, tmp_path):
    class Stop(Standing):
        def ended(self, report):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(find_sources([clips]), tmp_path / "out", SETTINGS, in_process=True, standing=Stop())
    status = read_status(tmp_path / "out")
    assert (status.state, status.done, status.sources) == ("interrupted", 1, 3)


def test_a_run_that_could_not_go_on_says_why(clips, tmp_path):
    class Stop(Standing):
        def ended(self, report):
            raise EngineError("no room")

    with pytest.raises(EngineError):
        run(find_sources([clips]), tmp_path / "out", SETTINGS, in_process=True, standing=Stop())
    status = read_status(tmp_path / "out")
    assert (status.state, status.message) == ("broken", "no room")


def test_the_status_of_a_run_in_a_bucket_is_read_from_there(bucket, square_video):
    run(find_sources([square_video]), f"{bucket.url}/out", SETTINGS, in_process=True)
    status = read_status(f"{bucket.url}/out")
    assert (status.state, status.done) == ("finished", 1)


def test_a_folder_without_results_has_no_status(tmp_path):
    with pytest.raises(ResultsError, match="no results there"):
        read_status(tmp_path)


def test_a_damaged_progress_file_costs_the_figures_and_no_more(clips, tmp_path):
    run(find_sources([clips]), tmp_path / "out", SETTINGS, in_process=True)
    for content in ("{", "[]", '{"call": {"nonsense": 1}}'):
        (tmp_path / "out" / "progress.json").write_text(content)
        assert read_status(tmp_path / "out").done == 2


def test_progress_is_written_while_a_run_goes_on_and_when_it_ends(tmp_path):
    store, standing = open_store(tmp_path), Standing()
    standing.planned({"a": 1, "b": 1}, done=0)
    path, seen = tmp_path / "progress.json", []
    with written(store, standing, every_s=0.01):
        while len(seen) < 2:
            text = path.read_text() if path.exists() else ""
            if text and (not seen or '"analysed": 1' in text):
                seen.append(text)
                name = "ab"[len(seen) - 1]
                standing.ended(StreamReport(stream_id=name, source=name))
    assert '"analysed": 2' in path.read_text()
