"""The results folder: who may write to it, what is committed, what is left over from an earlier try.

``run.json`` says what the run is; what is committed there is said by `pipeline.results.commits`.
"""

import json
import os
import time
import uuid
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from pipeline.errors import ResultsError
from pipeline.results.commits import COMMITS, Commit, commit_path, damage, is_half, parsed
from pipeline.sinks.files import Format, stream_folder
from pipeline.storage.store import Store, write_json
from pipeline.tables import TABLES

RUN_FILE, PROGRESS_FILE, CHECKPOINTS = "run.json", "progress.json", "_segments"
OLD_CHECKPOINTS = "_stretches"
"""Where version 0.1 kept segment checkpoints, which no later one reads."""
REPORT_MARK = "AffectStream report"
"""What the index of every report says of itself: only such a folder is replaced or removed."""
DELETERS = 16
"""Files that are removed at a time."""


class DamagedRecordError(ResultsError):
    """`run.json` is there, but is no JSON, or has values of the wrong types."""


@dataclass(frozen=True, kw_only=True)
class _Entry:
    stream_id: str


@dataclass(frozen=True, kw_only=True)
class _Network:
    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class _Record:
    """Types of what is read of `run.json`. Any of it may be missing: a record outlives versions."""

    run_id: str
    config_hash: str
    state: Literal["running", "finished", "interrupted", "broken"] | None = None
    message: str | None = None
    started_utc: str | None = None
    ended_utc: str | None = None
    context: str | None = None
    index: list[_Entry] = field(default_factory=list)
    failed: list[_Entry] | None = None
    networks: dict[str, _Network] | None = None
    config: dict[str, Any] | None = None


_RECORD = TypeAdapter(_Record)


def read_run(out: Store) -> dict[str, Any] | None:
    """The content of `run.json`, or None where there is none.

    Raises DamagedRecordError where it is damaged, another ResultsError where it is of something else or cannot be read.
    """
    content_bytes = out.read(RUN_FILE)
    if content_bytes is None:
        return None
    try:
        content = json.loads(content_bytes)
        if isinstance(content, dict) and "run_id" in content:
            parsed(_RECORD, content_bytes)
    except (ValueError, RecursionError) as exc:
        raise DamagedRecordError(
            f"{out}/{RUN_FILE}: cannot be read ({exc}); move the folder away or start over with --fresh"
        ) from exc
    if not isinstance(content, dict) or not {"run_id", "config_hash"} <= content.keys():
        raise ResultsError(f"{out}/{RUN_FILE}: is not the record of a run; choose another --out")
    return content


def require_run(out: Store) -> dict[str, Any]:
    """The content of `run.json`. Raises ResultsError where there are no results, or as `read_run`."""
    run = read_run(out)
    if run is None:
        raise ResultsError(f"{out}: no results there (no run.json); `affectstream analyze` makes some")
    return run


def write_run(out: Store, content: dict[str, Any]) -> None:
    """Write `run.json`, whole or not at all."""
    write_json(out, RUN_FILE, content)


def checkpoint_path(stream_id: str, name: str) -> str:
    """Where a segment's checkpoint is kept until its stream is committed; without suffix."""
    return f"{CHECKPOINTS}/{stream_folder(stream_id)}/{name}"


def drop_checkpoints(out: Store, stream_id: str) -> None:
    """Remove a stream's segment checkpoints. Raises SinkError."""
    out.delete_folder(f"{CHECKPOINTS}/{stream_folder(stream_id)}")


def drop_all_checkpoints(out: Store, stream_ids: Iterable[str]) -> None:
    """Remove the segment checkpoints of many streams, and of no others. Raises ResultsError or SinkError."""
    out.delete_folder(OLD_CHECKPOINTS)
    kept = {path.split("/")[1] for path in out.files(CHECKPOINTS)}
    for stream_id in stream_ids:
        if stream_folder(stream_id) in kept:
            drop_checkpoints(out, stream_id)


def list_files(out: Store) -> dict[str, int]:
    """The bytes of every file of tables and commits, by path, from one listing each.

    To ask for each would cost a bucket a request a file.
    """
    return {path: size for folder in (COMMITS, *TABLES) for path, size in out.files(folder).items()}


def is_whole(commit: Commit, files: Mapping[str, int]) -> bool:
    """Whether all files of a commit are there, and as long as when they were committed."""
    return not any(damage(part, files) for part in commit.parts)


def damaged(out: Store, commits: Iterable[Commit], files: Mapping[str, int]) -> list[str]:
    """A line for each file of these commits that is missing, or is not as long as when it was committed."""
    parts = {part.path: part for commit in commits for part in commit.parts}
    lines = [(path, damage(part, files)) for path, part in sorted(parts.items())]
    return [f"{out}/{path}: committed, but {why}" for path, why in lines if why]


def unnamed(files: Iterable[str], commits: Iterable[Commit]) -> set[str]:
    """Files of rows, of those there, that no commit names, and half-written ones."""
    endings = tuple(f".{format}" for format in get_args(Format))
    found = {
        path
        for path in files
        if (path.partition("/")[0] in TABLES and path.endswith(endings))
        or (path.startswith(f"{COMMITS}/") and is_half(path))
    }
    return found - {part.path for commit in commits for part in commit.parts}


def delete_all(out: Store, paths: Iterable[str]) -> None:
    """Remove many files; several at a time, as in a bucket each waits for the network. Raises SinkError."""
    with ThreadPoolExecutor(DELETERS) as pool:
        list(pool.map(out.delete, sorted(paths)))


def sweep(
    out: Store, pending: Collection[str], commits: Iterable[Commit], files: Mapping[str, int], *, alone: bool = False
) -> list[Commit]:
    """Take back the commits of streams that are to be done, then remove all that no commit names.

    `commits` and `files` are those there; the commits that are left are returned. `alone`: other streams have commits
    that cannot be read, so only files below the folders of the `pending` ones are removed. Raises SinkError.
    """
    left = [commit for commit in commits if commit.stream_id not in pending]
    delete_all(out, {commit_path(stream_id) for stream_id in pending} & files.keys())
    folders = {stream_folder(stream_id) for stream_id in pending}
    own = [path for path in files if path.split("/")[1] in folders] if alone else files
    delete_all(out, unnamed(own, left))
    return left


def sweep_failed(out: Store, stream_id: str) -> None:
    """Remove the rows of a stream that was given up, unless a try has committed them after all.

    For whoever holds the folder's lock, not for a try: another one of the same stream, on a node that was taken for
    dead, may be about to commit what it would remove. Raises ResultsError or SinkError.
    """
    commit = commit_path(stream_id)
    if out.exists(commit):
        return
    folder = stream_folder(stream_id)
    delete_all(out, unnamed(chain.from_iterable(out.files(f"{table}/{folder}") for table in TABLES), ()))
    if out.exists(commit):  # put since we looked: it names what was removed
        out.delete(commit)


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
    for name in (COMMITS, CHECKPOINTS, OLD_CHECKPOINTS, *TABLES):
        out.delete_folder(name)
    for name in (RUN_FILE, PROGRESS_FILE):
        out.delete(name)


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
