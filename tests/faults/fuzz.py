"""Analyse thousands of damaged files in one call: ``python -m tests.faults.fuzz --count 10000 --seed 1``.

Clips and pictures in eleven formats are flipped, cut, zeroed, doubled, filled with foreign bytes and extreme numbers
(`tests.faults.mutate`), analysed by one call of the command, and judged:

- no traceback, no hang, no crash of the run; exit code 3, or 0 if every file could be read;
- every file has rows or is named as failed with a cause, and what PyAV alone can decode has rows;
- no time is invented: no more frames than PyAV decodes, and no more missing ticks than frames were there to be lost.

It prints what was wrong with which file, and ends with 1 if anything was. ``--keep DIR`` keeps the files and results;
``--files DIR`` judges files that are there already.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

from pipeline.results.read import read_results
from tests.faults.bare_decode import decodable
from tests.faults.mutate import FRAMES, make_bases, mutate_all

HANG_S_MAX = 3600.0
LOST_FRAMES_MAX = 2 * FRAMES
"""Damage explains no more missing ticks: a stretch of the file may be in it twice."""
REFUSALS = ("video stream",)
"""What a file is refused for that PyAV would read."""


@dataclass
class Verdict:
    """What came of a folder of damaged files."""

    files: int = 0
    failed: int = 0
    rows: int = 0
    problems: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """What was wrong, and with which files."""

    def __str__(self) -> str:
        lines = [f"{self.files} files, {self.failed} named as failed, {self.rows} frames written"]
        for problem, where in sorted(self.problems.items()):
            lines += [f"{problem}: {len(where)}", *(f"  {one}" for one in where[:50])]
        return "\n".join(lines if self.problems else [*lines, "nothing wrong"])


def analyze(files: Path, out: Path) -> tuple[int, str]:
    """Exit code of the command over a folder, and all that it said."""
    command = [sys.executable, "-m", "affectstream.cli", "analyze", str(files), "-o", str(out), "--fps", "native"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=HANG_S_MAX,
        env={**os.environ, "COLUMNS": "400"},
    )
    return done.returncode, done.stdout + done.stderr


def judge(files: Sequence[Path], out: Path, exit_code: int, said: str) -> Verdict:
    """Compare what was written and said with what PyAV alone can decode."""
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    errors = {entry["stream_id"]: entry["error"] for entry in run["failed"]}
    streams = {Path(unquote(urlparse(entry["uri"]).path)): entry["stream_id"] for entry in run["index"]}
    frames = read_results(out, "frames")
    missing = frames["status"] == "decode_error"
    rows, lost = (
        frames[~missing].groupby("stream_id", observed=True).size(),
        frames[missing].groupby("stream_id", observed=True).size(),
    )
    verdict = Verdict(len(files), len(errors), len(frames))
    if exit_code != (3 if errors else 0):
        verdict.problems["exit code"].append(f"{exit_code} with {len(errors)} failed")
    if "Traceback" in said:
        verdict.problems["traceback in the output"].append(said[said.index("Traceback") :][-300:])
    for file, can_decode in decodable(files).items():
        stream = streams.get(file, "")
        error = errors.get(stream)
        written, holes = int(rows.get(stream, 0)), int(lost.get(stream, 0))
        came_of_it = f"{written} frames, {holes} missing" if error is None else error.strip().splitlines()[-1]
        for problem in _problems(file, error, written, holes, can_decode):
            verdict.problems[problem].append(f"{file.name}: {came_of_it}; PyAV decodes {can_decode}")
    return verdict


def _problems(file: Path, error: str | None, rows: int, lost: int, can_decode: int | None) -> Iterable[str]:
    if error is None:
        if not rows:
            yield "neither rows nor an error"
        if can_decode is not None and rows > max(can_decode, FRAMES):  # a second look past damage may find more
            yield "more frames than can be decoded"
        if lost > LOST_FRAMES_MAX:
            yield "invented time"
        return
    if "Traceback" in error:
        yield "traceback"
    elif "it hangs" in error or "did not answer" in error:
        yield "hang"
    elif "the worker died" in error:
        yield "crash of a worker"
    elif not error.startswith(f"{file}: "):
        yield "error that does not name the file"
    elif can_decode and not any(words in error for words in REFUSALS):
        yield "refused though it can be decoded"


def fuzz(folder: Path, count: int, seed: int) -> Verdict:
    """Make the files in `folder`, analyse and judge them."""
    files = list(mutate_all(make_bases(folder / "bases"), folder / "files", count, seed))
    return judge(files, folder / "out", *analyze(folder / "files", folder / "out"))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="empty folder for the files and the results")
    parser.add_argument("--files", type=Path, help="judge the files of this folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="affectstream-fuzz-") as temporary:
        folder, began = options.keep or Path(temporary), time.monotonic()
        if options.files:
            verdict = judge(sorted(options.files.iterdir()), folder / "out", *analyze(options.files, folder / "out"))
        else:
            verdict = fuzz(folder, options.count, options.seed)
        print(f"{verdict}\n{time.monotonic() - began:.0f} s")  # noqa: T201
    return 1 if verdict.problems else 0


if __name__ == "__main__":
    sys.exit(main())
