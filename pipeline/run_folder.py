"""The results folder: who may write to it, what is committed, what is left over from an earlier try.

``DIR/run.json`` says what the run is; ``DIR/_commits/<unit>.json``, put last, is what makes a unit's rows count.
"""

import fcntl
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, ResultsError
from pipeline.sinks.files import Part, stream_folder, write_json
from pipeline.tables import TABLES

RUN_FILE, COMMITS, SPOOLS = "run.json", "_commits", "_stretches"


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Make the folder and hold it: one run at a time writes there. Raises ConfigError, ResultsError."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = (out / "_lock").open("w")
    except OSError as exc:
        raise ConfigError(f"{out}: cannot write results there: {exc.strerror}; choose another --out") from exc
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ResultsError(f"{out}: another run is writing there; wait for it, or choose another --out") from None
        yield


def read_run(out: Path) -> dict[str, Any] | None:
    """The content of `run.json`, or None where there is none. Raises ResultsError where it cannot be read."""
    path = out / RUN_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise ResultsError(f"{path}: cannot be read ({exc}); move the folder away or start over with --fresh") from exc
    if not isinstance(content, dict) or not all(isinstance(content.get(key), str) for key in ("run_id", "config_hash")):
        raise ResultsError(f"{path}: is not the record of a run; choose another --out")
    return content


def write_run(out: Path, content: dict[str, Any]) -> None:
    """Write `run.json`, whole or not at all."""
    write_json(out / RUN_FILE, content)


def commit(
    out: Path,
    stream_id: str,
    parts: Sequence[Part],
    *,
    source: dict[str, Any],
    report: dict[str, Any],
    engines: dict[str, str],
    context: dict[str, Any],
) -> None:
    """Make a unit's rows count. Everything in `parts` is on disk. Raises SinkError.

    `source` is the state of the file that was read (`Source.state`), `context` the deployment it was read for.
    """
    content = {
        "stream_id": stream_id,
        "parts": [asdict(part) for part in parts],
        "rows": {name: sum(part.rows for part in parts if part.table == name) for name in TABLES},
        "checkpoint": {"complete": True},
        "source": source,
        "context": context,
        **engines,
        "report": report,
    }
    write_json(commit_path(out, stream_id), content)


def commit_path(out: Path, stream_id: str) -> Path:
    """Where the commit of a stream lies."""
    return out / COMMITS / f"{stream_folder(stream_id)}.json"


def spool_path(out: Path, stream_id: str, name: str) -> Path:
    """Where the analysis of a stretch is kept until its stream is committed."""
    return out / SPOOLS / stream_folder(stream_id) / f"{name}.zip"


def drop_spools(out: Path, stream_id: str) -> None:
    """Remove what is kept of a stream's stretches."""
    shutil.rmtree(out / SPOOLS / stream_folder(stream_id), ignore_errors=True)


def read_commits(out: Path) -> list[dict[str, Any]]:
    """All commits, by stream. Raises ResultsError where one is damaged."""
    commits = []
    for path in sorted((out / COMMITS).glob("[!_]*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise ResultsError(f"{path}: damaged commit ({exc}); delete it and run again") from exc
        if missing := {"stream_id", "parts", "source", "report"} - set(content):
            raise ResultsError(f"{path}: damaged commit (no {sorted(missing)[0]}); delete it and run again")
        commits.append(content)
    return commits


def is_whole(out: Path, commit: dict[str, Any]) -> bool:
    """Whether all files of a commit are there."""
    return all((out / part["path"]).is_file() for part in commit["parts"])


def sweep(out: Path, pending: Sequence[str]) -> None:
    """Remove what earlier tries of streams that are to be done left behind; the commit first."""
    for stream_id in pending:
        commit_path(out, stream_id).unlink(missing_ok=True)
        for table in TABLES:
            shutil.rmtree(out / table / stream_folder(stream_id), ignore_errors=True)
    for half in out.glob("_*.json"):
        half.unlink(missing_ok=True)
    for half in (out / COMMITS).glob("_*"):
        half.unlink(missing_ok=True)


def erase(out: Path) -> None:
    """Start over: remove what a run has written, the commits first, and nothing else."""
    if read_run(out) is None and not (out / COMMITS).is_dir():
        return
    for name in (COMMITS, SPOOLS, *TABLES):
        shutil.rmtree(out / name, ignore_errors=True)
    (out / RUN_FILE).unlink(missing_ok=True)


def new_run_id() -> str:
    """A UUIDv7 (RFC 9562): ordered by time of creation."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (
        (milliseconds << 80) | (0x7 << 76) | ((random >> 68 & 0xFFF) << 64) | (0b10 << 62) | (random & (1 << 62) - 1)
    )
    return str(uuid.UUID(int=value))
