"""Ray against the local runner, and memory over many files. Writes cluster.json beside this file.

python -m benchmarks.cluster [speed] [memory]

Speed is steady state: from the first video that is done to the last, without `ray.init` and loading the networks.
Threads: the local runner's networks run on all cores; one worker on Ray is given all cores and as many threads; of two,
each is given half of them. Nothing is pinned to a core. Each round measures all, in turns.
"""

import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmarks.clips import clip
from pipeline.config import load_config
from pipeline.results.commits import StreamReport
from pipeline.runs.run import run
from pipeline.runs.standing import Standing
from pipeline.sources.find import find_sources
from training.drawn import make_scene
from training.drawn.footage import write_footage

HERE = Path(__file__).parent
WORK = HERE / "work"
ROUNDS, VIDEOS, MANY = 5, 12, 1000
CORES = len(os.sched_getaffinity(0))
WAYS: dict[str, dict[str, Any] | None] = {
    "local": None,
    "ray_1": {"worker.count": 1, "worker.cpus": CORES},
    "ray_2": {"worker.count": 2, "worker.cpus": CORES / 2},
}


class _Pace(Standing):
    """When videos end, and what the processes of the run then take."""

    def __init__(self, *, memory: bool = False):
        super().__init__()
        self.ends_s: list[float] = []
        self.driver_mb: list[float] = []
        self.workers_mb: list[float] = []
        self.workers = 1
        self._memory = memory

    def staffed(self, workers: int) -> None:
        self.workers = max(self.workers, workers)

    def ended(self, report: StreamReport) -> None:
        self.ends_s.append(time.monotonic())
        if self._memory and len(self.ends_s) % 10 == 0:
            self.driver_mb.append(_rss_mb(os.getpid()))
            self.workers_mb.append(max(map(_rss_mb, _workers()), default=0.0))

    @property
    def videos_per_s(self) -> float:
        """Once every worker has done one: each of the others came to its end in the time that is counted."""
        return (len(self.ends_s) - self.workers) / (self.ends_s[-1] - self.ends_s[self.workers - 1])


def speed() -> dict[str, Any]:
    """Videos a second, each way; medians, and the medians of the rounds' ratios to the local runner."""
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        clips = Path(folder) / "clips"
        clips.mkdir()
        for i in range(VIDEOS):
            os.link(clip(WORK, "720p", 1), clips / f"{i:02d}.mp4")
        rounds = [
            {name: _pace(clips, settings) for name, settings in WAYS.items()} for _ in track(range(ROUNDS), "speed")
        ]
    ratios = {name: [each[name] / each["local"] for each in rounds] for name in WAYS if name != "local"}
    return {
        "cores": CORES,
        "videos_per_s": {name: round(statistics.median(each[name] for each in rounds), 3) for name in WAYS},
        "of_local": {name: round(statistics.median(values), 3) for name, values in ratios.items()},
        "of_local_each_round": {name: [round(value, 3) for value in values] for name, values in ratios.items()},
    }


def _pace(clips: Path, settings: dict[str, Any] | None) -> float:
    pace = _Pace()
    with tempfile.TemporaryDirectory(dir=WORK) as out:
        config = load_config(None, settings or {})
        result = run(find_sources([clips]), out, config, ray=None if settings is None else "local", standing=pace)
    assert not result.failed
    return pace.videos_per_s


def memory() -> dict[str, Any]:
    """Resident memory over many short videos on Ray: of the driver, and of the largest worker."""
    pace = _Pace(memory=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        clips = Path(folder) / "clips"
        clips.mkdir()
        write_footage(make_scene(1, size_px=(320, 240), fps=12, duration_s=1.0, num_people=1), clips / "0000.mp4")
        for i in range(1, MANY):
            shutil.copyfile(clips / "0000.mp4", clips / f"{i:04d}.mp4")
        config = load_config(None, {"worker.count": 2, "worker.cpus": CORES / 2})
        result = run(find_sources([clips]), Path(folder) / "out", config, ray="local", standing=pace)
    assert not result.failed
    tenth = len(pace.driver_mb) // 10
    return {
        "files": MANY,
        **{
            f"{who}_mb_{when}": round(max(values[part]), 1)
            for who, values in (("driver", pace.driver_mb), ("worker", pace.workers_mb))
            for when, part in (("second_tenth", slice(tenth, 2 * tenth)), ("last_tenth", slice(-tenth, None)))
        },
    }


def _workers() -> list[int]:
    """The processes that decode."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"multiprocessing.spawn" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def _rss_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def main() -> None:
    """Measure what is named, or all."""
    path = HERE / "cluster.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in sys.argv[1:] or ["speed", "memory"]:
        content[name] = {"speed": speed, "memory": memory}[name]()
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    Console().print_json(json.dumps(content))


if __name__ == "__main__":
    main()
