"""A disk that fills up while a run writes to it: a real one, small."""

import shutil
import subprocess

import pandas as pd
import pytest

from pipeline.results.read import read_results
from pipeline.tables import TABLES
from tests.media import squares, write_video

PAGE = 4096


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here (that needs root)")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.filterwarnings("ignore")  # Ray warns of its own functions
def test_what_does_not_fit_on_the_disk_is_told_and_the_same_call_goes_on_when_there_is_room(
    small_disk, tmp_path, analyze_all, monkeypatch
):
    monkeypatch.setattr("pipeline.runs.schedule.SINK_PAUSES_S", (0.1, 0.1))
    clips = tmp_path / "clips"
    for i in range(4):
        write_video(clips / f"{i}.mp4", squares(40))
    analyze_all([clips], tmp_path / "whole")
    out = small_disk / "out"
    analyze_all([clips / "0.mp4"], out)
    filler = small_disk / "filler"
    free = shutil.disk_usage(small_disk).free
    done = read_results(out, "frames")
    video_pages = sum(-(-path.stat().st_size // PAGE) for path in out.rglob("*.mp4*/*.parquet"))
    filler.write_bytes(b"x" * (free - video_pages * PAGE))  # room for the rows of a video and not for its commit
    failed = analyze_all([clips], out).failed
    assert len(failed) == 3
    assert all("No space left on device" in report.error for report in failed)
    pd.testing.assert_frame_equal(read_results(out, "frames"), done)
    assert len(pd.read_parquet(out / "frames")) == len(done), "rows that do not count are left to see"
    filler.unlink()
    assert not analyze_all([clips], out).failed
    for table in TABLES:
        one, other = (read_results(folder, table).drop(columns="run_id") for folder in (tmp_path / "whole", out))
        pd.testing.assert_frame_equal(other, one, check_exact=False, atol=1e-3, check_categorical=False)
    assert not [path for table in TABLES for path in (out / table).rglob("_*")]
