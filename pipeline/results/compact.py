"""Small Parquet files become few: those of many streams are merged.

A group is some streams whose rows lie together: for each table in one file, or in several where rows are many,
``DIR/<table>/merged/<16 hex>-<streams>-<number>.parquet``. The name says how many streams were put into it. As long as
so many commits name it, every row in it counts; otherwise it is written again, without the rows that do not.

What is committed can be read at every moment: a group is written whole, then the commits of its streams are rewritten
to name it, then what they named before is removed. Wherever that is ended, the next call goes on.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from pathlib import Path, PurePosixPath

from pipeline.errors import ConfigError
from pipeline.results import run_folder
from pipeline.results.commits import Commit, read_commits, write_commit
from pipeline.results.merged import RowGroup, row_groups, together, write_merged
from pipeline.sinks.files import MERGED, Part, stream_folder
from pipeline.storage.base import COMPACTING
from pipeline.storage.store import Store, open_store
from pipeline.tables import TABLES

ROWS_FULL = 500_000
"""From so many rows on a group, or a file, is full: about 85 MB of points, 350 MB with landmarks ..."""
STREAM_ROWS_MIN = 500
"""... where a stream counts as at least this many: a file of more than a thousand row groups is slow to open."""
WRITERS = 16
"""Commits that are written, and folders that are removed, at a time."""


@dataclass(slots=True)
class Compacted:
    """What was done."""

    streams: int = 0
    files_before: int = 0
    files_after: int = 0
    bytes: int = 0
    """Of the files after."""
    damaged: list[str] = field(default_factory=list)
    """A line for each file that is missing, or is not as long as when it was committed; its stream stays as it is."""


def compact(folder: str | Path, shown: Callable[[int, int], None] = lambda done, total: None) -> Compacted:
    """Merge the small files of a results folder, or of its address; remove what no commit names.

    Full groups are left alone, and so is what would not become fewer files: a second call changes nothing. Streams of
    which a file is missing or truncated stay as they are, too, and are in the result.
    `shown(done, total)` is told as it goes. Raises ResultsError where there are no results, they cannot be read or a
    run goes on there, ConfigError where they are not Parquet, SinkError where something cannot be written.
    """
    store = open_store(folder)
    run_folder.require_run(store)
    with store.locked(COMPACTING):
        commits = read_commits(store)
        _refuse_other_formats(store, commits)
        files = run_folder.list_files(store)
        run_folder.delete_all(store, run_folder.unnamed(files, commits))
        chosen = _choose(commits, files)
        result = Compacted(streams=sum(map(len, chosen)), files_before=len(_paths(chain.from_iterable(chosen))))
        result.damaged = run_folder.damaged(store, commits, files)
        done, total = 0, sum(len(groups) for group in chosen for _, _, groups in _plan(group))

        def wrote() -> None:
            nonlocal done
            done += 1
            shown(done, total)

        now = {commit.stream_id: commit for commit in commits}
        for group in chosen:
            now |= _merge(store, group, result, wrote)
        _drop_merged(store, files, now.values())
    return result


def mend(store: Store, commits: Sequence[Commit], files: Mapping[str, int]) -> set[str]:
    """Leave no rows in merged files that no commit names; `files` are those of the folder.

    Such are the rows of a stream that has lost its commit because it is to be analysed again, and of a group that was
    being made when `compact` was ended. The merged files that still hold some are returned: a stream in them has lost
    other files, and so cannot be moved. Raises ResultsError or SinkError.
    """
    now = {commit.stream_id: commit for commit in commits}
    unmended: set[str] = set()
    for name, members in _groups(commits).items():
        if _is_intact(name, members):
            continue
        whole = [commit for commit in members if run_folder.is_whole(commit, files)]
        if whole:
            now |= _merge(store, whole, Compacted(), lambda: None)
        unmended |= _paths(commit for commit in members if commit not in whole) & files.keys()
    _drop_merged(store, files, now.values())
    return unmended


def _choose(commits: Sequence[Commit], files: Mapping[str, int]) -> list[list[Commit]]:
    """Groups that are to be made. Streams of which files are missing stay as they are: the next run does them again."""
    groups = _groups(commits)
    broken = {name for name, members in groups.items() if not _is_intact(name, members)}
    full = {name for name, members in groups.items() if name not in broken and sum(map(_size, members)) >= ROWS_FULL}
    whole = [commit for commit in commits if run_folder.is_whole(commit, files) and _group_of(commit) not in full]
    whole.sort(key=lambda commit: commit.stream_id)
    return [
        group
        for group in together(whole, _size, ROWS_FULL)
        if len(_paths(group)) > len(_plan(group)) or any(_group_of(commit) in broken for commit in group)
    ]


def _plan(group: Sequence[Commit]) -> list[tuple[str, str, list[RowGroup]]]:
    """(table, path, row groups) of the files of a group that is to be made."""
    identity = json.dumps([[commit.stream_id, [asdict(part) for part in commit.parts]] for commit in group])
    name = f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}-{len(group)}"
    plan = []
    for table in TABLES:
        wanted = (each for commit in group for each in row_groups(commit, table))
        for number, groups in enumerate(together(wanted, lambda each: each.rows, ROWS_FULL)):
            plan.append((table, f"{table}/{MERGED}/{name}-{number}.parquet", groups))
    return plan


def _merge(store: Store, group: Sequence[Commit], result: Compacted, wrote: Callable[[], None]) -> dict[str, Commit]:
    """Make a group: its files, then the commits of its streams, which are returned, then away with their own files.

    The merged files that they were in may hold rows of other streams, and are left to the caller.
    """
    parts: dict[str, list[Part]] = {commit.stream_id: [] for commit in group}
    for table, path, groups in _plan(group):

        def fill(half: Path, table: str = table, groups: list[RowGroup] = groups) -> None:
            write_merged(store, half, table, groups, wrote)
            result.bytes += half.stat().st_size

        written = store.write(path, fill)
        result.files_after += 1
        for number, each in enumerate(groups):
            parts[each.stream_id].append(Part(table, path, each.rows, written.sha256, (number,), written.bytes))
    own = {
        f"{part.table}/{stream_folder(commit.stream_id)}"
        for commit in group
        if _group_of(commit) is None
        for part in commit.parts
    }
    commits = [replace(commit, parts=tuple(parts[commit.stream_id])) for commit in group]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda commit: write_commit(store, commit), commits))
        list(pool.map(store.delete_folder, sorted(own)))
    return {commit.stream_id: commit for commit in commits}


def _group_of(commit: Commit) -> str | None:
    """The name of the group that a stream's rows lie in; None: they have files of their own."""
    name = next((PurePosixPath(path).stem for path in _paths([commit]) if is_merged(path)), None)
    return name and name.rpartition("-")[0]


def _groups(commits: Iterable[Commit]) -> dict[str, list[Commit]]:
    groups: dict[str, list[Commit]] = {}
    for commit in commits:
        if (name := _group_of(commit)) is not None:
            groups.setdefault(name, []).append(commit)
    return groups


def _is_intact(name: str, members: Sequence[Commit]) -> bool:
    """Whether the commits of all streams that were put into a group still name it."""
    return name.rpartition("-")[2] == str(len(members))


def _size(commit: Commit) -> int:
    return max(sum(part.rows for part in commit.parts), STREAM_ROWS_MIN)


def _paths(commits: Iterable[Commit]) -> set[str]:
    return {part.path for commit in commits for part in commit.parts}


def is_merged(path: str) -> bool:
    """Whether a file of rows is a merged one."""
    return PurePosixPath(path).parent.name == MERGED


def _drop_merged(store: Store, files: Collection[str], commits: Iterable[Commit]) -> None:
    """Remove merged files that no commit names any more, of those that were there."""
    run_folder.delete_all(store, filter(is_merged, run_folder.unnamed(files, commits)))


def _refuse_other_formats(store: Store, commits: Iterable[Commit]) -> None:
    others = {PurePosixPath(path).suffix for path in _paths(commits)} - {".parquet"}
    if others:
        raise ConfigError(
            f"{store}: has tables as {', '.join(sorted(others))}; only Parquet is merged, and nothing was changed"
        )
