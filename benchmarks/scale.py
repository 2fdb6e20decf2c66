"""What a file costs the driver when there are many, with 1,000 workers that are only pretended: no pixels, no Ray.

python -m benchmarks.scale

The whole driver is run: finding sources, the plan, the schedule, the progress file, the record of the run. In place of
Ray stands a stub whose actors answer at once, so that what is measured is the driver's own processor time.
"""

import json
import platform
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from pipeline.config import load_config
from pipeline.jobs.context import Progress
from pipeline.results.commits import StreamReport
from pipeline.runs import ray_runner
from pipeline.runs.run import run
from pipeline.sources.find import find_sources

FILES = (1_000, 10_000, 100_000)
WORKERS = 1_000
HERE = Path(__file__).parent


class _Reference:
    """Of a call; `ready` says whether its answer is there."""

    __slots__ = ("answer",)

    def __init__(self, answer: Any):
        self.answer = answer


class _Method:
    def __init__(self, answer: Any):
        self._answer = answer

    def remote(self, *arguments: Any) -> _Reference:
        return _Reference(self._answer(*arguments))


class _Actor:
    """Says that each video is analysed, with the figures of a short one."""

    load = _Method(lambda version: None)
    progress = _Method(lambda key: Progress(frames=40, stream_s=4.0, duration_s=5.0, faces=40))
    do = _Method(
        lambda job: StreamReport(
            stream_id=job.source.stream_id, source=job.source.shown, video_s=5.0, frames=50, points=50
        )
    )


class _Ray:
    """As much of Ray as the driver uses. Of the calls on the way, some hundredth has come back when it looks."""

    def __init__(self) -> None:
        self._random = random.Random(0)

    def remote(self, cls: type) -> Any:
        return SimpleNamespace(options=lambda **options: SimpleNamespace(remote=lambda *a, **k: _Actor()))

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 100.0}}] * (WORKERS // 100)

    def wait(self, references: list[Any], *, num_returns: int = 1, timeout: float) -> tuple[list[Any], list[Any]]:
        if num_returns == 1:
            return references[:1], references[1:]
        return self._random.sample(references, max(len(references) // 100, 1)), []

    def get(self, reference: _Reference) -> Any:
        return reference.answer

    def kill(self, actor: Any) -> None:
        pass


@contextmanager
def _pretended() -> Iterator[None]:
    """The driver with the stub for Ray."""

    @contextmanager
    def connected(address: str) -> Iterator[None]:
        yield None

    with patch.object(ray_runner, "ray", _Ray()), patch.object(ray_runner, "connected", connected):
        yield


def measure(files: int) -> dict[str, float]:
    """The driver's processor time, and what it holds at most, for so many files."""
    with tempfile.TemporaryDirectory() as folder:
        clips = Path(folder) / "clips"
        for i in range(files):
            path = clips / f"{i // 1000:03d}" / f"{i:06d}.mp4"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * (i % 100))
        with _pretended():
            began = time.process_time()
            sources = find_sources([clips])
            found_s = time.process_time() - began
            result = run(sources, Path(folder) / "out", load_config(None), ray="local")
            cpu_s = time.process_time() - began
    assert len(result.reports) == files
    assert not result.failed
    return {
        "files": files,
        "workers": WORKERS,
        "found_ms": round(1000 * found_s / files, 4),
        "driver_ms": round(1000 * cpu_s / files, 4),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def main() -> None:
    """Measure all sizes, each after the others have warmed what is to be warm."""
    measure(FILES[0])
    rows = [measure(files) for files in FILES]
    content = {"python": platform.python_version(), "rows": rows}
    (HERE / "scale.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    table = Table("files", "workers", "driver, ms a file", "of which finding it", "peak memory so far, MB", box=None)
    for row in rows:
        table.add_row(
            f"{row['files']:,}",
            f"{WORKERS:,}",
            f"{row['driver_ms']:.3f}",
            f"{row['found_ms']:.3f}",
            f"{row['peak_rss_mb']:.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
