"""Read results folders with broken files: ``python -m tests.faults.broken_results --count 3000 --seed 1``.

One file of a small results folder, a commit, `run.json` or a part of a table, is damaged byte by byte as by a disk, or
as JSON of the wrong shape as by other software. Then everything that reads results is called. Right: an answer, or one
clear error that names a file or folder; never a traceback. It prints what was wrong, and ends with 1 if anything was.
"""

import argparse
import io
import json
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from affectstream.app import run
from pipeline.errors import PipelineError
from pipeline.results.read import read_results
from pipeline.tables import TABLES
from tests.faults.mutate import MUTATIONS, mutated

FIXTURE = Path(__file__).parents[1] / "fixtures" / "results-0.1"
FORMATS = ("parquet", "csv", "jsonl")
WRONG_VALUES = (None, True, -1, 2**70, 1e308, "", "../x", "\0", [], {}, [None], {"": None})
COMMANDS = (["status"], ["status", "--json"], ["report"], ["compact"])


def break_one(folder: Path, rng: random.Random) -> str:
    """Damage one file of a results folder; which, and how."""
    path = rng.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    if path.suffix == ".json" and rng.random() < 0.7:
        content = json.loads(path.read_bytes())
        how = _misshape(content, rng)
        path.write_text(json.dumps(content))
    else:
        how = rng.choice(list(MUTATIONS))
        path.write_bytes(mutated(path.read_bytes(), how, rng))
    return f"{path.relative_to(folder)}, {how}"


def _misshape(content: Any, rng: random.Random) -> str:
    """Put a wrong value somewhere in JSON content, or take one away; where, and which."""
    place, inner = [], content
    while True:
        key = rng.choice(sorted(inner) if isinstance(inner, dict) else range(len(inner)))
        place.append(str(key))
        if isinstance(inner[key], dict | list) and inner[key] and rng.random() < 0.8:
            inner = inner[key]
        elif rng.random() < 0.2:
            del inner[key]
            return f"{'.'.join(place)} is gone"
        else:
            inner[key] = rng.choice(WRONG_VALUES)
            return f"{'.'.join(place)} = {inner[key]!r}"


def problems(out: Path) -> list[str]:
    """What is wrong with how a damaged folder is read."""
    found = []
    for table in TABLES:
        found += _problem(f"read_results {table}", lambda table=table: read_results(out, table), out)
    for command in COMMANDS:
        found += _problem(" ".join(command), lambda command=command: _call([*command, str(out)]), out)
    return found


def _call(arguments: list[str]) -> None:
    said = io.StringIO()
    with redirect_stdout(io.StringIO()), redirect_stderr(said):
        code = run(arguments)
    if code:
        raise PipelineError(said.getvalue())


def _problem(what: str, call: Callable[[], Any], out: Path) -> list[str]:
    try:
        call()
    except PipelineError as exc:
        return [] if out.name in str(exc).replace("\n", "") else [f"{what}: names no file: {exc}"]
    except Exception:  # noqa: BLE001 - that is what is looked for
        return [f"{what}: {traceback.format_exc()}"]
    return []


def fuzz(work: Path, count: int, seed: int) -> list[str]:
    """Break a folder `count` times, each afresh, in all formats by turns; what was wrong."""
    wrong = []
    for number in range(count):
        rng, out = random.Random(f"{seed} {number}"), work / f"results{number}"
        shutil.copytree(FIXTURE / FORMATS[number % len(FORMATS)], out)
        how = break_one(out, rng)
        wrong += [f"{number}: {FORMATS[number % len(FORMATS)]}: {how}: {problem}" for problem in problems(out)]
        shutil.rmtree(out)
    return wrong


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="affectstream-fuzz-") as folder:
        wrong = fuzz(Path(folder), options.count, options.seed)
    print("\n".join(wrong))  # noqa: T201
    kinds = Counter(text.strip().splitlines()[-1][:100] for text in wrong)
    print(f"{options.count} broken results folders, {len(wrong)} problems", *kinds.most_common(), sep="\n")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
