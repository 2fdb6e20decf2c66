"""`progress.json` in a results folder: how the run there stands, for whoever asks from whatever machine."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from pipeline.errors import SinkError
from pipeline.logs import passing_over
from pipeline.repeating import repeating
from pipeline.results.commits import COMMITS, commit_path, parsed, scan
from pipeline.results.marks import read_marks
from pipeline.results.run_folder import PROGRESS_FILE, require_run, utc_now
from pipeline.results.source_state import source_states
from pipeline.runs.standing import Snapshot, Standing
from pipeline.storage.base import ANALYSING
from pipeline.storage.store import Store, open_store, write_json

logger = logging.getLogger(__name__)

WRITE_S = 10.0
"""How often it is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How a run stands, as far as its folder tells."""

    out: str
    run_id: str
    state: Literal["running", "finished", "interrupted", "broken", "killed"]
    """`interrupted`: it was asked to end; `broken`: it could not go on; `killed`: it ended without a word."""
    message: str | None
    """Why it could not go on."""
    started_utc: str
    updated_utc: str
    """When the run said so."""
    sources: int
    done: int
    """Committed, of these."""
    call: Snapshot
    """What the latest call has done so far."""
    gone: list[str]
    """Streams that were analysed, and whose files are no longer there as seen from this machine."""
    forgotten: int
    """Sources that were erased, and are left out."""
    half_forgotten: list[str]
    """Streams whose erasure was interrupted."""


@contextmanager
def written(store: Store, standing: Standing, *, every_s: float = WRITE_S) -> Iterator[None]:
    """Keep the file true from a thread of its own, and once more at the end. What cannot be written stops nothing."""

    def write() -> None:
        content = {"updated_utc": utc_now(), "call": asdict(standing.snapshot())}
        with passing_over(logger, f"writing {store}/{PROGRESS_FILE}", SinkError):
            write_json(store, PROGRESS_FILE, content)

    write()
    try:
        with repeating(write, every_s, name="progress file"):
            yield
    finally:
        write()


def read_status(folder: str | Path) -> Status:
    """How the run in a results folder, or at its address, stands. Raises ResultsError where there is none."""
    store = open_store(folder)
    doing = store.doing()  # before what it says: a run that ends meanwhile has said so
    run = require_run(store)
    updated_utc, call = _read_progress(store)
    state = run.get("state", "finished")
    if state == "running" and doing != ANALYSING:
        state = "killed"
    index = {commit_path(entry["stream_id"]): entry for entry in run.get("index", [])}
    committed = store.files(COMMITS)
    done = {path: entry for path, entry in index.items() if path in committed}
    # Only the commits of earlier calls have to be read: a bucket would be asked for each.
    earlier = {each.stream_id: each.source for each in scan(store, skipped=done.keys()).good}
    sources = {entry["stream_id"]: {"uri": entry.get("uri", "")} for entry in done.values()} | earlier
    marks = read_marks(store)
    return Status(
        out=str(store),
        run_id=run["run_id"],
        state=state,
        message=run.get("message") if state == "broken" else None,
        started_utc=str(run.get("started_utc")),
        updated_utc=str(updated_utc or run.get("ended_utc") or run.get("started_utc")),
        sources=len(index),
        done=len(done),
        call=call,
        gone=[name for name, state in zip(sources, source_states(sources.values()), strict=True) if state == "gone"],
        forgotten=marks.num_forgotten,
        half_forgotten=list(marks.erasing),
    )


@dataclass(frozen=True)
class _Said:
    """What `progress.json` says."""

    updated_utc: str | None = None
    call: Snapshot = field(default_factory=Snapshot)


_SAID = TypeAdapter(_Said)


def _read_progress(store: Store) -> tuple[str | None, Snapshot]:
    """When the latest call last said how it stands, and what. A file that is damaged says nothing."""
    try:
        said = parsed(_SAID, store.read(PROGRESS_FILE) or b"{}")
    except ValueError:
        said = _Said()
    return said.updated_utc, said.call
