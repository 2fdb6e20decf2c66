"""``make bench``: speed and memory on this machine. Writes results.json beside this file and prints a table.

Every ratio is of figures measured in turns in one run: decoding, then analysing, three times over; medians.
"""

import json
import platform
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.clips import clip, repeated

HERE = Path(__file__).parent
WORK = HERE / "work"
ROUNDS = 3
CASES = [(size, people, fps) for size in ("720p", "1080p") for people in (1, 4) for fps in ("10", "native")]
MINUTE, TEN_MINUTES = 3, 30
"""Repetitions of the 20 s clip."""


def main() -> None:
    """Measure all cases."""
    WORK.mkdir(exist_ok=True)
    clips = {(size, people): clip(WORK, size, people) for size, people, _ in CASES}
    cases = [_case(clips[size, people], size, people, fps) for size, people, fps in track(CASES, "measuring")]
    memory = _memory(clips["720p", 1])
    content = {"machine": {"processor": _processor(), "python": platform.python_version()}, "cases": cases, **memory}
    (HERE / "results.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    _print(cases, memory)


def _case(path: Path, size: str, people: int, fps: str) -> dict[str, Any]:
    rounds = [(_measure("decode", path), _measure("analyze", path, fps)) for _ in range(ROUNDS)]
    middle = {key: statistics.median(analysed[key] for _, analysed in rounds) for key in rounds[0][1]}
    share = statistics.median(decoded["wall_s"] / analysed["wall_s"] for decoded, analysed in rounds)
    decode_fps = statistics.median(decoded["fps"] for decoded, _ in rounds)
    bit_rate = path.stat().st_size * 8 / 20 / 1e6
    return {
        "clip": size,
        "faces": people,
        "fps": fps,
        "mbit_per_s": round(bit_rate, 2),
        "decode_only_fps": round(decode_fps, 1),
        "share_of_decode_only": round(share, 3),
        **{key: round(value, 3) for key, value in middle.items() if key not in ("faces", "wall_s")},
    }


def _memory(path: Path) -> dict[str, float]:
    """Peak memory for one minute and for ten."""
    short = _measure("analyze", repeated(path, MINUTE), "10")["peak_rss_mb"]
    long = _measure("analyze", repeated(path, TEN_MINUTES), "10")["peak_rss_mb"]
    return {"rss_mb_1_min": round(short, 1), "rss_mb_10_min": round(long, 1), "rss_ratio": round(long / short, 3)}


def _measure(what: str, path: Path, *rest: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.measure", what, str(path), *rest]
    result = subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent)
    figures: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return figures


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {sum(line.startswith('processor') for line in lines)} cores"


def _print(cases: list[dict[str, Any]], memory: dict[str, float]) -> None:
    table = Table(box=None)
    names = ("clip", "faces", "fps", "analysed fps", "× real time", "of decode-only", "first row s", "peak MB")
    for name in names:
        table.add_column(name, justify="right")
    for case in cases:
        table.add_row(
            case["clip"],
            str(case["faces"]),
            case["fps"],
            f"{case['analysed_fps']:.0f}",
            f"{case['times_real_time']:.1f}",
            f"{case['share_of_decode_only']:.2f}",
            f"{case['first_row_s']:.2f}",
            f"{case['peak_rss_mb']:.0f}",
        )
    console = Console()
    console.print(table)
    console.print(
        f"peak memory: 1 min {memory['rss_mb_1_min']:.0f} MB, 10 min {memory['rss_mb_10_min']:.0f} MB, "
        f"ratio {memory['rss_ratio']:.3f}"
    )


if __name__ == "__main__":
    main()
