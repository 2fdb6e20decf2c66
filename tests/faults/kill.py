"""Kill a run again and again and see that nothing is lost: ``python -m tests.faults.kill --count 100``.

Each round analyses 40 short videos on Ray, kills a worker, an actor, the raylet or the driver at a random moment, lets
the same command go on until it ends well, and compares all rows with those of an unbroken run: none missing, none
twice, no file unreadable, none half-written left behind. It prints what was killed, and how the broken run ended.
"""

import argparse
import operator
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.config import load_config
from pipeline.results.read import read_results
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from pipeline.tables import TABLES

MARK = "AFFECTSTREAM_KILL_ROUND"
VICTIMS = {"worker": "multiprocessing.spawn", "actor": "ray::Station", "raylet": "raylet/raylet", "driver": ""}
"""What the command lines of the processes hold."""
SEGMENT_S = 10
TRIES_MAX = 5
"""A run is started so often until it ends well: the first is killed, the second should do."""


def make_clips(folder: Path, count: int) -> None:
    """Short videos of drawn people, each seen once and then again under other names; the last is cut into segments."""
    from training.drawn import make_scene
    from training.drawn.footage import write_footage

    folder.mkdir(parents=True)
    kinds = 5
    for i in range(count):
        if i < kinds:
            scene = make_scene(i, size_px=(320, 240), fps=12, duration_s=1.0 + i % 3 / 2, num_people=1 + i % 2)
            write_footage(scene, folder / f"{i:02d}.mp4")
        elif i < count - 1:
            shutil.copyfile(folder / f"{i % kinds:02d}.mp4", folder / f"{i:02d}.mp4")
        else:
            scene = make_scene(i, size_px=(320, 240), fps=12, duration_s=1.6 * SEGMENT_S, num_people=1)
            write_footage(scene, folder / f"{i:02d}.mp4")


def unbroken(clips: Path, out: Path) -> dict[str, pd.DataFrame]:
    """The rows of all tables."""
    run(find_sources([clips]), out, load_config(None, {"networks.threads": 1}), in_process=True)
    return {table: read_results(out, table).drop(columns="run_id") for table in TABLES}


def one_round(
    clips: Path, reference: dict[str, pd.DataFrame], out: Path, victim: str, ripe: Callable[[float], bool]
) -> tuple[str, int]:
    """Break a run, let it go on, compare; what was killed, and the exit code of the broken run.

    `victim` is one of VICTIMS; it is killed when it is there and `ripe`, asked with the seconds so far, says so. Raises
    AssertionError if a run hangs or does not end well, or a row is not as it should be.
    """
    command = _command(clips, out)
    environment = {**os.environ, MARK: uuid.uuid4().hex}
    with (out.parent / f"{out.name}.log").open("w") as log:
        first = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            killed = _kill_one(first, VICTIMS[victim], ripe)
            first.wait(timeout=300)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{victim} killed: the run hangs") from None
        finally:
            _clear(environment[MARK])
        code, tries = first.returncode, 1
        while code != 0 and tries < TRIES_MAX:
            code = subprocess.run(command, env=environment, stdout=log, stderr=log, timeout=600, check=False).returncode
            tries += 1
    assert code == 0, f"{victim} killed: the run ends with {code} after {tries} tries"
    for table, whole in reference.items():
        broken = read_results(out, table).drop(columns="run_id")
        pd.testing.assert_frame_equal(broken, whole, check_exact=False, atol=1e-3, check_categorical=False)
    left = [path for table in TABLES for path in (out / table).rglob("_*")]
    assert not left, f"half-written files are left: {left}"
    return (victim if killed else "nobody"), first.returncode


def _command(clips: Path, out: Path) -> list[str]:
    settings = clips.with_suffix(".yaml")
    settings.write_text(f"version: 1\nworker: {{segment_s: {SEGMENT_S}}}\n")
    command = [sys.executable, "-m", "affectstream.cli", "analyze", str(clips), "-o", str(out)]
    return [*command, "--config", str(settings), "--ray"]


def _kill_one(run: subprocess.Popen[bytes], holds: str, ripe: Callable[[float], bool]) -> bool:
    """SIGKILL a process of a run; False: the run ended before."""
    began = time.monotonic()
    while run.poll() is None:
        if ripe(time.monotonic() - began) and (found := family(run.pid, holds)):
            os.kill(found[0], signal.SIGKILL)
            return True
        time.sleep(0.02)
    return False


def family(root: int, holds: str) -> list[int]:
    """A process and those below it whose command line holds a text."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ProcessLookupError):
            continue
    family, ahead = [], [root]
    while ahead:
        family.append(ahead.pop())
        ahead += [pid for pid, parent in parents.items() if parent == family[-1]]
    return [pid for pid in family if holds in _command_line(pid)]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (OSError, ProcessLookupError):
        return ""


def _marked(mark: str) -> list[int]:
    """Processes of a round, wherever they hang."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().decode(errors="replace"):
                found.append(int(folder.name))
        except (OSError, ProcessLookupError):
            continue
    return found


def _clear(mark: str) -> None:
    """End what Ray may have left running, as a machine's restart would. Workers end by themselves: AssertionError."""
    deadline = time.monotonic() + 30
    while any(VICTIMS["worker"] in _command_line(pid) for pid in _marked(mark)):
        assert time.monotonic() < deadline, "workers outlive their run"
        time.sleep(0.5)
    deadline = time.monotonic() + 30
    while (left := _marked(mark)) and time.monotonic() < deadline:
        time.sleep(1.0)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def main() -> None:
    """Run the rounds and print how many held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--videos", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="affectstream-kill-") as folder:
        _rounds(Path(folder), options.count, options.videos, options.seed)


def _rounds(work: Path, count: int, videos: int, seed: int) -> None:
    clips = work / "clips"
    make_clips(clips, videos)
    reference = unbroken(clips, work / "whole")
    began = time.monotonic()
    subprocess.run(_command(clips, work / "timed"), check=True, capture_output=True)
    span_s = time.monotonic() - began
    rng, ends = np.random.default_rng(seed), Counter[str]()
    for i in range(count):
        out = work / f"round{i:03d}"
        victim, moment_s = str(rng.choice(list(VICTIMS))), rng.uniform(1.0, 0.9 * span_s)
        killed, code = one_round(clips, reference, out, victim, partial(operator.le, moment_s))
        ends[f"{killed}, exit {code}"] += 1
        shutil.rmtree(out)
        print(f"{i + 1}/{count} held; killed: {dict(sorted(ends.items()))}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
