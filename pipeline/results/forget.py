"""Erasing all that a results folder holds of some streams, so that a crash never leaves the job half done.

First the streams are written down (`pipeline.results.marks`), then reports, commits, files and merged rows go, in this
order, and the records are cleaned last. Readers get exact rows throughout: a stream's rows count until its commit is
removed. The next process to lock the folder completes an interrupted erasure.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from pipeline.errors import ResultsError, SinkError
from pipeline.results import compact, run_folder
from pipeline.results.commits import COMMITS, Commit, Scan, commit_path, is_half, scan
from pipeline.results.marks import FORGOTTEN_FILE, Marks, read_marks, write_marks
from pipeline.results.run_folder import CHECKPOINTS, PROGRESS_FILE, REPORT_MARK, RUN_FILE
from pipeline.sinks.files import stream_folder
from pipeline.storage.base import FORGETTING, LOCK
from pipeline.storage.store import Store, open_store, write_json
from pipeline.tables import TABLES


@dataclass(slots=True)
class Held:
    """What a results folder holds of a stream."""

    stream_id: str
    uri: str | None
    """Of its source; None: only files of the stream are left."""
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))
    """Committed ones, by table."""


@dataclass(slots=True)
class Erased:
    """What was removed, and what was not."""

    streams: list[str]
    rows: dict[str, int]
    """By table."""
    files: int = 0
    """Tables, commits and checkpoints of the streams alone."""
    merged: int = 0
    """Merged files that were rewritten without the streams."""
    reports: list[str] = field(default_factory=list)
    """Paths of reports, below the folder, that were removed as a whole: their pages lead to each other."""
    other_files: list[str] = field(default_factory=list)
    """Paths of files in the folder that AffectStream does not know, and has left alone."""


def held(folder: str | Path) -> dict[str, Held]:
    """All streams that a results folder holds anything of, by `stream_id`.

    Raises ResultsError where there are no results, or they cannot be read.
    """
    return _held(_results(folder))


def erase(folder: str | Path, stream_ids: Collection[str]) -> Erased:
    """Erase streams from a results folder or its address, and mark their sources as forgotten.

    Streams that are not there are passed over. What an earlier call has left half done is finished, too. Raises
    ResultsError where there are no results, a run or another command is at work there, or merged rows cannot be taken
    out; SinkError where something cannot be removed. Then the next call goes on.
    """
    store = _results(folder)
    if (doing := store.doing()) is not None:
        raise ResultsError(
            f"{store}: nothing can be forgotten while something is {doing} there; wait for it, or end it"
        )
    with store.locked(FORGETTING):
        there, marks = _held(store), read_marks(store)
        wanted = [there[stream_id] for stream_id in sorted(stream_ids) if stream_id in there]
        for each in wanted:
            if each.stream_id in marks.erasing:
                continue  # it is marked already
            marks = marks.with_mark(each.uri or each.stream_id, run_folder.utc_now(), each.rows)
        rows = {table: sum(each.rows[table] for each in wanted) for table in TABLES}
        names = sorted({*marks.erasing, *(each.stream_id for each in wanted)})
        return finish(store, replace(marks, erasing=tuple(names)), rows) if names else Erased([], rows)


def finish(store: Store, marks: Marks, rows: Mapping[str, int] | None = None) -> Erased:
    """Erase the streams that `marks` names, under the folder's lock; `rows` is what they had. Raises as `erase`."""
    write_marks(store, marks)
    try:
        return _finish(store, marks, rows)
    except (ResultsError, SinkError) as exc:
        raise type(exc)(f"{exc}; not everything is erased yet: run affectstream forget again to finish") from exc


def _finish(store: Store, marks: Marks, rows: Mapping[str, int] | None) -> Erased:
    gone = set(marks.erasing)
    erased = Erased(sorted(gone), dict(rows or {}))
    _remove_reports(store, gone, erased)
    found, files = scan(store), run_folder.list_files(store)
    left = [commit for commit in found.good if commit.stream_id not in gone]
    own = _own_files(store, gone, files)
    erased.files = len(own)
    run_folder.delete_all(store, (path for path in own if path.startswith(f"{COMMITS}/")))
    folders = {stream_folder(stream_id) for stream_id in gone}
    there = [f"{parent}/{name}" for parent in (*TABLES, CHECKPOINTS) for name in store.folders(parent) & folders]
    with ThreadPoolExecutor(run_folder.DELETERS) as pool:
        list(pool.map(store.delete_folder, sorted(there)))
    _take_out_of_merged(store, found, left, gone, erased)
    _clean_progress(store, gone)
    _clean_run(store, gone, left)
    write_marks(store, replace(marks, erasing=()))
    return erased


def _results(folder: str | Path) -> Store:
    store = open_store(folder)
    run_folder.require_run(store)
    return store


def _held(store: Store) -> dict[str, Held]:
    run, found = run_folder.read_run(store) or {}, scan(store)
    there: dict[str, Held] = {}
    for commit in found.good:
        there[commit.stream_id] = Held(commit.stream_id, commit.source["uri"])
        for part in commit.parts:
            there[commit.stream_id].rows[part.table] += part.rows
    for entry in (*_entries(run, "index"), *_entries(run, "failed")):
        there.setdefault(entry["stream_id"], Held(entry["stream_id"], entry.get("uri")))
    # Damaged commits, what a run has left behind that no record names any more, an erasure that was ended half way.
    names = {_folder_of(path) for path in store.files(COMMITS)}
    names |= {name for parent in (*TABLES, CHECKPOINTS) for name in store.folders(parent)}
    streams = {unquote(name) for name in names if stream_folder(unquote(name)) == name}
    uris = {_hash(each.stream_id): each.uri for each in there.values()}
    for stream_id in streams | {*read_marks(store).erasing}:
        there.setdefault(stream_id, Held(stream_id, uris.get(_hash(stream_id))))  # the same source by another name
    return there


def _hash(stream_id: str) -> str:
    """Of the source's URI, as a stream's name ends."""
    return stream_id.rpartition("~")[2]


def _folder_of(path: str) -> str:
    """The stream's folder, escaped, that a file of a table or a checkpoint lies in, or a commit is named after."""
    parent, name = path.split("/")[:2]
    return name.removesuffix(".json") if parent == COMMITS else name


def _own_files(store: Store, gone: Collection[str], files: Iterable[str]) -> list[str]:
    folders = {stream_folder(stream_id) for stream_id in gone}
    return [path for path in (*files, *store.files(CHECKPOINTS)) if _folder_of(path) in folders]


def remove_reports(store: Store) -> tuple[list[str], list[str]]:
    """Remove every report in the folder: their paths, and those of all files there that no run has written."""
    ours = {RUN_FILE, PROGRESS_FILE, FORGOTTEN_FILE, LOCK, COMMITS, CHECKPOINTS, *TABLES}
    files = sorted(path for path in store.files("") if path.partition("/")[0] not in ours)
    indexes = [PurePosixPath(path) for path in files if PurePosixPath(path).name == "index.html"]
    reports = [str(index.parent) for index in indexes if _is_report(store, str(index)) and index.parent.name]
    for report in reports:
        store.delete_folder(report)
    return reports, files


def _remove_reports(store: Store, gone: Collection[str], erased: Erased) -> None:
    """Remove every report in the folder, and half-written pages of the streams; note what else lies there."""
    reports, files = remove_reports(store)
    pages = {f"{stream_folder(stream_id)}.html" for stream_id in gone}
    others = [path for path in files if not any(path.startswith(f"{report}/") for report in reports)]
    halves = [path for path in others if PurePosixPath(path).name in pages]
    run_folder.delete_all(store, halves)
    erased.reports = reports
    erased.other_files = [path for path in others if path not in halves]


def _is_report(store: Store, index: str) -> bool:
    return REPORT_MARK.encode() in (store.read(index) or b"")[:2000]


def _take_out_of_merged(store: Store, found: Scan, left: list[Commit], gone: Collection[str], erased: Erased) -> None:
    """Write merged files anew without the rows of the streams. Raises ResultsError where that cannot be done."""
    files = run_folder.list_files(store)
    before = {path for path in files if compact.is_merged(path) and not is_half(path)}
    damaged = found.damaged.keys() - {commit_path(stream_id) for stream_id in gone}
    if before and damaged:
        raise ResultsError(
            f"{found.damaged[min(damaged)]}; rows cannot be taken out of merged files as long as commits are damaged: "
            "analyse that source again, or forget it, too"
        )
    unmended = compact.mend(store, left, files)
    if unmended:
        raise ResultsError(
            f"{store}/{min(unmended)}: still holds rows to erase, and cannot be rewritten, because other files of the "
            "same streams are missing or truncated; analyse those sources again, or forget them, too"
        )
    if not damaged:
        run_folder.delete_all(store, run_folder.unnamed(run_folder.list_files(store), scan(store).good))
    erased.merged = len(before - set(run_folder.list_files(store)))


def _clean_progress(store: Store, gone: Collection[str]) -> None:
    try:
        progress = json.loads(store.read(PROGRESS_FILE) or b"")
        for key in ("failed", "at_work"):
            progress["call"][key] = {name: value for name, value in progress["call"][key].items() if name not in gone}
    except (ValueError, LookupError, TypeError, AttributeError):  # there is none, or nobody can read it
        store.delete(PROGRESS_FILE)
    else:
        write_json(store, PROGRESS_FILE, progress)


def _clean_run(store: Store, gone: Collection[str], left: Iterable[Commit]) -> None:
    run = run_folder.read_run(store)
    if run is None:  # the run was started over since
        return
    for key in ("index", "failed"):
        run[key] = [entry for entry in _entries(run, key) if entry["stream_id"] not in gone]
    indexed = {entry["stream_id"] for entry in run["index"]}
    reports = [commit.report for commit in left if commit.stream_id in indexed]
    if "totals" in run:
        run["totals"] = {name: sum(getattr(report, name, 0) for report in reports) for name in run["totals"]}
        run["sources"] = len(reports) + len(run["failed"])
    if run.get("message"):
        run["message"] = "not kept, as it may have named a source that was forgotten since"
    run_folder.write_run(store, run)


def _entries(run: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The sources that `run.json` lists as analysed (`index`) or as `failed`."""
    return [
        entry for entry in run.get(key) or () if isinstance(entry, dict) and isinstance(entry.get("stream_id"), str)
    ]
