"""The results folder: who may write to it, what is committed, what is left over from an earlier try.

``run.json`` says what the run is; ``_commits/<unit>.json``, put last, is what makes a unit's rows count.
"""

import json
import os
import time
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import chain
from pathlib import PurePosixPath
from typing import Any, get_args

from pipeline.errors import ResultsError
from pipeline.sinks.files import Format, Part, stream_folder
from pipeline.storage.store import Store, write_json
from pipeline.tables import TABLES

RUN_FILE, PROGRESS_FILE, COMMITS, SPOOLS = "run.json", "progress.json", "_commits", "_stretches"
DELETERS = 16
"""Files that are removed at a time."""


class DamagedRecordError(ResultsError):
    """`run.json` is there, but is no JSON."""


def read_run(out: Store) -> dict[str, Any] | None:
    """The content of `run.json`, or None where there is none.

    Raises DamagedRecordError where it is damaged, another ResultsError where it is of something else or cannot be read.
    """
    content_bytes = out.read(RUN_FILE)
    if content_bytes is None:
        return None
    try:
        content = json.loads(content_bytes)
    except ValueError as exc:
        raise DamagedRecordError(
            f"{out}/{RUN_FILE}: cannot be read ({exc}); move the folder away or start over with --fresh"
        ) from exc
    if not isinstance(content, dict) or not all(isinstance(content.get(key), str) for key in ("run_id", "config_hash")):
        raise ResultsError(f"{out}/{RUN_FILE}: is not the record of a run; choose another --out")
    return content


def write_run(out: Store, content: dict[str, Any]) -> None:
    """Write `run.json`, whole or not at all."""
    write_json(out, RUN_FILE, content)


def commit(
    out: Store,
    stream_id: str,
    parts: Sequence[Part],
    *,
    source: dict[str, Any],
    labels: Mapping[str, Any] | None = None,
    report: dict[str, Any],
    engines: dict[str, str],
    context: dict[str, Any],
) -> None:
    """Make a unit's rows count. Everything in `parts` is durable. Raises SinkError.

    `source` is the state of the file that was read (`Source.state`), `labels` what a list says of it,
    `context` the deployment it was read for.
    """
    content = {
        "stream_id": stream_id,
        "parts": [asdict(part) for part in parts],
        "rows": {name: sum(part.rows for part in parts if part.table == name) for name in TABLES},
        "checkpoint": {"complete": True},
        "source": source,
        "labels": dict(labels or {}),
        "context": context,
        **engines,
        "report": report,
    }
    write_json(out, commit_path(stream_id), content)


def commit_path(stream_id: str) -> str:
    """Where the commit of a stream lies."""
    return f"{COMMITS}/{stream_folder(stream_id)}.json"


def spool_path(stream_id: str, name: str) -> str:
    """Where the analysis of a stretch is kept until its stream is committed; without suffix."""
    return f"{SPOOLS}/{stream_folder(stream_id)}/{name}"


def drop_spools(out: Store, stream_id: str | None = None) -> None:
    """Remove what is kept of a stream's stretches; None: of all."""
    out.delete_folder(SPOOLS if stream_id is None else f"{SPOOLS}/{stream_folder(stream_id)}")


def recommit(out: Store, commit: Mapping[str, Any], parts: Sequence[Part]) -> dict[str, Any]:
    """Say anew where the rows of a committed unit lie; the new commit. Raises SinkError."""
    content = {**commit, "parts": [asdict(part) for part in parts]}
    write_json(out, commit_path(commit["stream_id"]), content)
    return content


def read_commits(out: Store) -> list[dict[str, Any]]:
    """All commits, by stream. Raises ResultsError where one is damaged."""
    # Twice, as some file systems (tmpfs) leave out of a listing what is replaced meanwhile, as `compact` does once.
    listed = out.files(COMMITS) | out.files(COMMITS)
    paths = sorted(path for path in listed if path.endswith(".json") and not _is_half(path))
    # One that is gone was removed since it was listed: a run began to do it again.
    found = zip(paths, out.read_all(paths), strict=True)
    return [_parse(out, path, content_bytes) for path, content_bytes in found if content_bytes is not None]


def read_commit(out: Store, stream_id: str) -> dict[str, Any] | None:
    """The commit of a stream, or None where there is none. Raises ResultsError where it is damaged."""
    path = commit_path(stream_id)
    content_bytes = out.read(path)
    return None if content_bytes is None else _parse(out, path, content_bytes)


def _parse(out: Store, path: str, content_bytes: bytes) -> dict[str, Any]:
    try:
        content = json.loads(content_bytes)
    except ValueError as exc:
        raise ResultsError(f"{out}/{path}: damaged commit ({exc}); delete it and run again") from exc
    if missing := {"stream_id", "parts", "source", "report"} - set(content):
        raise ResultsError(f"{out}/{path}: damaged commit (no {sorted(missing)[0]}); delete it and run again")
    return dict(content)


def list_files(out: Store) -> set[str]:
    """Every file of tables and commits, by one listing each: asking for each would cost a bucket a request a file."""
    return {path for folder in (COMMITS, *TABLES) for path in out.files(folder)}


def is_whole(commit: Mapping[str, Any], files: Collection[str]) -> bool:
    """Whether all files of a commit are among those that are there."""
    return all(part["path"] in files for part in commit["parts"])


def unnamed(files: Collection[str], commits: Iterable[Mapping[str, Any]]) -> set[str]:
    """Files of rows, of those there, that no commit names, and half-written ones."""
    endings = tuple(f".{format}" for format in get_args(Format))
    rows = {path for path in files if path.partition("/")[0] in TABLES and path.endswith(endings)}
    halves = {path for path in files if path.startswith(f"{COMMITS}/") and _is_half(path)}
    return (rows | halves) - {part["path"] for commit in commits for part in commit["parts"]}


def delete_all(out: Store, paths: Iterable[str]) -> None:
    """Remove many files; several at a time, as in a bucket each waits for the network. Raises SinkError."""
    with ThreadPoolExecutor(DELETERS) as pool:
        list(pool.map(out.delete, sorted(paths)))


def sweep(
    out: Store, pending: Collection[str], commits: Iterable[dict[str, Any]], files: Collection[str]
) -> list[dict[str, Any]]:
    """Take back the commits of streams that are to be done, then remove all that no commit names.

    `commits` and `files` are those there; the commits that are left are returned. Raises SinkError.
    """
    left = [commit for commit in commits if commit["stream_id"] not in pending]
    delete_all(out, {commit_path(stream_id) for stream_id in pending} & set(files))
    delete_all(out, unnamed(files, left))
    return left


def sweep_failed(out: Store, stream_ids: Iterable[str]) -> None:
    """Remove the rows of streams that failed, unless they have a commit. Raises ResultsError or SinkError."""

    def left(stream_id: str) -> set[str]:
        if out.exists(commit_path(stream_id)):
            return set()
        folder = stream_folder(stream_id)
        return unnamed({path for table in TABLES for path in out.files(f"{table}/{folder}")}, ())

    with ThreadPoolExecutor(DELETERS) as pool:
        delete_all(out, chain.from_iterable(pool.map(left, stream_ids)))


def erase(out: Store) -> None:
    """Start over: remove what a run has written, the commits first, and nothing else.

    A folder is a run's if it has commits, or a record that can be read. Raises ResultsError where the record is damaged
    and there are no commits, or where it is of something else.
    """
    committed = out.exists(COMMITS)
    try:
        if read_run(out) is None and not committed:
            return
    except DamagedRecordError as exc:
        if not committed:
            raise ResultsError(
                f"{out}/{RUN_FILE}: cannot be read, and nothing is committed there: it may not be a run's; "
                "remove it, or choose another --out"
            ) from exc
    for name in (COMMITS, SPOOLS, *TABLES):
        out.delete_folder(name)
    for name in (RUN_FILE, PROGRESS_FILE):
        out.delete(name)


def _is_half(path: str) -> bool:
    """Whether a file is one that was being written when its run was ended."""
    return PurePosixPath(path).name.startswith("_")


def utc_now() -> str:
    """The moment, as `run.json` and `progress.json` say it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_run_id() -> str:
    """A UUIDv7 (RFC 9562): ordered by time of creation."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (
        (milliseconds << 80) | (0x7 << 76) | ((random >> 68 & 0xFFF) << 64) | (0b10 << 62) | (random & (1 << 62) - 1)
    )
    return str(uuid.UUID(int=value))
