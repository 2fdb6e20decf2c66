"""Comparing a results folder with what its commits say: every file's length and SHA-256."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import ResultsError
from pipeline.remote.network import cause
from pipeline.results.commits import AGAIN, Commit, damage, read_commit, scan
from pipeline.results.run_folder import list_files, require_run
from pipeline.sinks.files import Part
from pipeline.storage.store import Store, open_store

READERS = 8
"""Files that are read at a time: in a bucket each waits for the network."""
CHUNK_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared, and what differs."""

    streams: int
    files: int
    damaged: list[str] = field(default_factory=list)
    """A line for each commit or file that is not as it was written: which, what is wrong, what to do."""


def verify(folder: str | Path, shown: Callable[[int, int], None] = lambda done, total: None) -> Verified:
    """Read every committed file of a results folder, or of its address, and compare it with its commit.

    Changes nothing; may be called while a run goes on. `shown(done, total)` is told as it goes. Raises ResultsError
    where there are no results, or the folder cannot be read.
    """
    store = open_store(folder)
    require_run(store)
    found, files = scan(store), list_files(store)
    parts = {part.path: (commit, part) for commit in found.good for part in commit.parts}
    lines = [f"{line}; {AGAIN}" for line in found.damaged.values()]
    with ThreadPoolExecutor(READERS) as pool:
        compared = pool.map(lambda item: _compare(store, item[0], item[1], files), parts.values())
        for done, line in enumerate(compared, 1):
            shown(done, len(parts))
            if line is not None:
                lines.append(line)
    return Verified(len(found.good) + len(found.damaged), len(parts), lines)


def _compare(store: Store, commit: Commit, part: Part, files: dict[str, int]) -> str | None:
    """What is wrong with a part; None where nothing is."""
    why, remedy = damage(part, files), AGAIN
    if why is None:
        try:
            with store.open(part.path) as file:
                digest = hashlib.sha256()
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
        except OSError as exc:
            why = f"cannot be read: {cause(exc)}"
        else:
            if digest.hexdigest() != part.sha256:
                why, remedy = "has another SHA-256 than when it was written", f"remove that file, then {AGAIN}"
    if why is None or _has_moved(store, commit):
        return None
    return f"{store}/{part.path}: committed, but {why}; {remedy}"


def _has_moved(store: Store, commit: Commit) -> bool:
    """Whether a commit has changed since it was read: its rows were merged, or its stream is analysed again."""
    try:
        now = read_commit(store, commit.stream_id)
    except ResultsError:
        return False
    return now is None or now.parts != commit.parts
