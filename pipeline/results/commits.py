"""Commits: ``_commits/<unit>.json``, put last, is what makes a unit's rows count.

`read_commits`, `read_commit` and `scan` are the only readers. What they return has the declared types, names no file
outside the tables, and lies under its own stream's name; anything else is damage.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from pipeline.errors import ResultsError
from pipeline.sinks.files import Part, stream_folder
from pipeline.storage.store import Store, write_json
from pipeline.tables import TABLES
from pipeline.text import well_formed

T = TypeVar("T")
_Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]
"""What Arrow has a type for; a larger number is read as a float."""

COMMITS = "_commits"
AGAIN = "run `affectstream analyze` on its source again"
"""What to do about damage."""


def _check_source(state: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(state.get("uri"), str):
        raise ValueError("has no uri")
    return state


def _check_info(info: dict[str, Any]) -> dict[str, Any]:
    for name, kind in (("is_picture", bool), ("period_ns", int | None)):  # what readers use
        if name in info and not isinstance(info[name], kind):
            raise ValueError(f"{name} is {info[name]!r}")
    return info


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamReport:
    """What came of a unit."""

    stream_id: str
    source: str
    error: str | None = None
    """Why it failed; None: it did not."""
    our_fault: bool = False
    """It failed for a mistake of ours; `error` ends with the traceback."""
    video_s: float = 0.0
    """Stream time from the start asked for to the end of the last analysed frame."""
    wall_s: float = 0.0
    first_row_s: float | None = None
    """From the start of the unit to its first point."""
    frames: int = 0
    frames_with_faces: int = 0
    decode_errors: int = 0
    corrupt_frames: int = 0
    scene_cuts: int = 0
    points: int = 0
    good_points: int = 0
    tracks: int = 0
    """Without brief ones."""
    brief_tracks: int = 0
    valence_mean: float | None = None
    """Of the smooth values of all faces, weighted by time."""
    arousal_mean: float | None = None
    info: Annotated[dict[str, Any], AfterValidator(_check_info)] = field(default_factory=dict)
    """What the container says of the video (`pipeline.video.decode.VideoInfo`)."""

    time_notes: tuple[str, ...] = ()
    """What people should know about the recording's clock: jumps, gaps, a length that cannot be."""

    @property
    def error_line(self) -> str:
        """Why it failed, in one line."""
        return self.error.splitlines()[-1 if self.our_fault else 0] if self.error else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """What makes the rows of a unit count, and what they were made from."""

    stream_id: Annotated[str, Field(min_length=1)]
    parts: tuple[Part, ...]
    """Its files. All of them are durable before the commit is written."""
    source: Annotated[dict[str, Any], AfterValidator(_check_source)]
    """State of the file that was read (`pipeline.sources.find.Source.state`); always has a `uri`."""
    report: StreamReport
    labels: dict[str, str | _Int64 | float | bool | None] = field(default_factory=dict)
    """What a list says of the source."""
    context: dict[str, Any] = field(default_factory=dict)
    """The deployment that it was read for."""
    engine: str = ""
    precision: str = ""
    detector_engine: str = ""
    rows: dict[str, int] | None = None
    """Of each table in all parts, to notice parts that got lost; set when it is written."""

    def of(self, table: str) -> list[Part]:
        """The parts of a table."""
        return [part for part in self.parts if part.table == table]


_COMMIT = TypeAdapter(Commit)


@dataclass(frozen=True, slots=True)
class Scan:
    """All commits of a folder."""

    good: list[Commit]
    """By stream."""
    damaged: dict[str, str]
    """Path of a commit that does not count -> what is wrong with it, in one line that names the file."""


def commit_path(stream_id: str) -> str:
    """Where the commit of a stream lies."""
    return f"{COMMITS}/{stream_folder(stream_id)}.json"


def write_commit(out: Store, commit: Commit) -> None:
    """Make a unit's rows count, or say anew where they lie. Raises SinkError."""
    content = asdict(commit) | {"rows": _rows(commit), "checkpoint": {"complete": True}}
    write_json(out, commit_path(commit.stream_id), content)


def _rows(commit: Commit) -> dict[str, int]:
    return {table: sum(part.rows for part in commit.of(table)) for table in TABLES}


def scan(out: Store, *, skipped: Collection[str] = ()) -> Scan:
    """Read all commits, but for those at the `skipped` paths. Raises ResultsError where the store cannot be read."""
    # Twice, as some file systems (tmpfs) leave out of a listing what is replaced meanwhile, as `compact` does once.
    listed = out.files(COMMITS) | out.files(COMMITS)
    paths = sorted(path for path in listed if path.endswith(".json") and not is_half(path) and path not in skipped)
    good, damaged = [], {}
    for path, content in zip(paths, out.read_all(paths), strict=True):
        if content is None:
            continue  # removed since it was listed: a run began to do it again
        try:
            good.append(_parse(path, content))
        except ValueError as exc:
            damaged[path] = _damaged(out, path, exc)
    return Scan(good, damaged)


def read_commits(out: Store) -> list[Commit]:
    """All commits, by stream. Raises ResultsError where one is damaged."""
    found = scan(out)
    for line in found.damaged.values():
        raise ResultsError(f"{line}; {AGAIN}")
    return found.good


def read_commit(out: Store, stream_id: str) -> Commit | None:
    """The commit of a stream, or None where there is none. Raises ResultsError where it is damaged."""
    path = commit_path(stream_id)
    if (content := out.read(path)) is None:
        return None
    try:
        return _parse(path, content)
    except ValueError as exc:
        raise ResultsError(f"{_damaged(out, path, exc)}; {AGAIN}") from exc


def damage(part: Part, files: Mapping[str, int]) -> str | None:
    """What is wrong with a part, given the bytes of the files that are there; None: nothing."""
    if part.path not in files:
        return "is missing"
    size = files[part.path]
    # Commits up to version 0.1 do not say how many bytes; what they name is at least not empty.
    return None if size == part.bytes or (part.bytes is None and size) else wrong_size(part, size)


def wrong_size(part: Part, size: int) -> str:
    """How to say that a file is longer or shorter than when it was committed."""
    return f"has {size:,} bytes" + ("" if part.bytes is None else f", {part.bytes:,} were committed")


def is_half(path: str) -> bool:
    """Whether a file is one that was being written when its run was ended."""
    return PurePosixPath(path).name.startswith("_")


def parsed(adapter: TypeAdapter[T], content: bytes) -> T:
    """JSON as a value of declared types. Raises ValueError, which says in one line what is wrong, and where."""
    try:
        return adapter.validate_json(well_formed(content), strict=True)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}" if where else first["msg"]) from exc


def _parse(path: str, content: bytes) -> Commit:
    """Raises ValueError, which says in one line what is wrong."""
    commit = parsed(_COMMIT, content)
    if not commit.stream_id or commit_path(commit.stream_id) != path:
        raise ValueError(f"stream_id: belongs to {commit.stream_id!r}, whose commit has another name")
    for part in commit.parts:
        steps = PurePosixPath(part.path).parts
        if part.table not in TABLES or len(steps) < 2 or steps[0] != part.table or ".." in steps:
            raise ValueError(f"parts: {part.path!r} is no file of a table")
    if commit.rows not in (None, _rows(commit)):
        raise ValueError(f"rows: parts have {_rows(commit)}, not {commit.rows}")
    return commit


def _damaged(out: Store, path: str, exc: ValueError) -> str:
    return f"{out}/{path}: damaged commit ({exc})"
