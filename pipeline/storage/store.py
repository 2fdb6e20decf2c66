"""Where results lie: a folder on a disk, or one in a bucket, behind one small interface.

Paths are relative to the folder, with slashes. A file appears whole or not at all.
"""

import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

import pyarrow as pa

from pipeline.errors import ConfigError, PipelineError, ResultsError, SinkError
from pipeline.heartbeat import waiting
from pipeline.logs import passing_over
from pipeline.remote.addresses import BUCKETS, is_address, redacted, scheme
from pipeline.storage.base import ANALYSING, LOCK, Written
from pipeline.storage.bucket import Bucket

logger = logging.getLogger(__name__)

Fill = Callable[[Path], None]
"""Writes a file of this machine's."""


class Store(Protocol):
    """A results folder. Reading raises ResultsError, writing and deleting SinkError. Its string names it to people."""

    def locked(self, doing: str = ANALYSING) -> AbstractContextManager[None]:
        """Make the folder and hold it: one at a time writes there. Raises ConfigError, ResultsError."""

    def doing(self) -> str | None:
        """What the current lock holder is doing; None if the folder is not locked."""

    def exists(self, path: str) -> bool:
        """Whether there is such a file or folder."""

    def files(self, folder: str) -> dict[str, int]:
        """The bytes of all files at any depth of a folder, by path, from one listing; empty where it is missing."""

    def folders(self, folder: str) -> set[str]:
        """Names of the folders in a folder, empty ones of a disk included; none where it is missing."""

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where there is none."""

    def read_all(self, paths: Iterable[str]) -> Iterator[bytes | None]:
        """The contents of many small files, in order."""

    def open(self, path: str) -> pa.NativeFile:
        """A file for reading here and there. Raises OSError, and so does reading it."""

    def write(self, path: str, fill: Fill) -> Written:
        """Let `fill` write a file, make it and its name durable, and put it in place."""

    def delete(self, path: str) -> None:
        """Remove a file, if it is there."""

    def delete_folder(self, path: str) -> None:
        """Remove a folder and all in it, if it is there."""


def open_store(where: str | Path) -> Store:
    """The store behind a path or an address. Nothing is asked of it yet. Raises ConfigError."""
    if not str(where).strip():
        raise ConfigError("no results folder is given; give a folder, s3://BUCKET/FOLDER or gs://BUCKET/FOLDER")
    try:
        str(where).encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{redacted(str(where))}: the name of a results folder must be valid UTF-8; choose another"
        ) from None
    if not is_address(str(where)):
        return Disk(Path(where))
    if scheme(str(where)) not in BUCKETS:
        raise ConfigError(f"{redacted(str(where))}: results lie in a folder, or in a bucket as s3://… or gs://…")
    return Bucket(str(where))


def write_json(store: Store, path: str, content: Mapping[str, Any]) -> None:
    """A small JSON file, whole or not at all. Raises SinkError."""
    content_bytes = (json.dumps(content, indent=2) + "\n").encode()

    def fill(half: Path) -> None:
        half.write_bytes(content_bytes)

    store.write(path, fill)


SLOW_S_MAX = 300.0
"""Time limit of one disk operation. Longer than `worker.hang_s`, because a network disk can stall while its server
restarts or others write to it."""
_HALF = "_" + "[0-9a-f]" * 32 + ".*"
"""Names of files that are being written."""


class Disk:
    """A folder on a disk. A file is written beside its place, under a name that begins with `_`, and renamed.

    That name is each writer's own: a node that counts as dead may still write what another has been given to do.
    """

    def __init__(self, root: Path):
        self._root = root

    def __str__(self) -> str:
        return str(self._root)

    @contextmanager
    def locked(self, doing: str = ANALYSING) -> Iterator[None]:
        with ExitStack() as held:
            try:
                _make_folder(self._root)
                file = held.enter_context((self._root / LOCK).open("ab", buffering=0))
                if not (_flocked(file) or _flocked(file, after_s=0.1)):  # `doing` may have looked at that moment
                    raise ResultsError(f"{self}: another run is writing there; wait for it, or choose another --out")
                file.truncate(0)
                file.write(doing.encode())
                for half in self._root.glob(_HALF):  # those of tables and commits are the run's to sweep
                    half.unlink(missing_ok=True)
            except OSError as exc:
                raise ConfigError(
                    f"{self}: cannot write results there: {exc.strerror or exc}; choose another --out"
                ) from exc
            yield

    def doing(self) -> str | None:
        try:
            with (self._root / LOCK).open("r") as file:
                return None if _flocked(file, fcntl.LOCK_SH) else file.read()
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        return (self._root / path).exists()

    def files(self, folder: str) -> dict[str, int]:
        def failed(exc: OSError) -> None:  # a folder that cannot be listed must not look empty
            if not isinstance(exc, FileNotFoundError | NotADirectoryError):
                raise exc

        found = {}
        with self._reading(folder):
            for parent, _, names in os.walk(self._root / folder, onerror=failed):
                for path in (Path(parent, name) for name in names):
                    try:
                        found[path.relative_to(self._root).as_posix()] = path.stat().st_size
                    except FileNotFoundError as exc:
                        logger.debug("removed since it was listed: %s", exc)
        return found

    def folders(self, folder: str) -> set[str]:
        with self._reading(folder):
            try:
                return {path.name for path in (self._root / folder).iterdir() if path.is_dir()}
            except (FileNotFoundError, NotADirectoryError):
                return set()

    def read(self, path: str) -> bytes | None:
        with self._reading(path):
            try:
                return (self._root / path).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def read_all(self, paths: Iterable[str]) -> Iterator[bytes | None]:
        return map(self.read, paths)

    def open(self, path: str) -> pa.NativeFile:
        return pa.OSFile(str(self._root / path), "rb")

    def write(self, path: str, fill: Fill) -> Written:
        place = self._root / path
        half = place.with_name(f"_{uuid.uuid4().hex}{place.suffix}")
        try:
            with self._asking(path, SinkError, "written"):
                _make_folder(place.parent)
                fill(half)
                with half.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                    size = os.fstat(file.fileno()).st_size
                    os.fsync(file.fileno())
                half.replace(place)
                _sync_folder(place.parent)  # the new name
        finally:
            with passing_over(logger, f"removing {half}", OSError):
                half.unlink(missing_ok=True)  # if it was not renamed
        return Written(digest, size)

    def delete(self, path: str) -> None:
        with self._deleting(path):
            (self._root / path).unlink(missing_ok=True)

    def delete_folder(self, path: str) -> None:
        failed: list[tuple[str, BaseException | None]] = []

        def note(_: Any, name: str, info: tuple[Any, BaseException | None, TracebackType | None]) -> None:
            failed.append((name, info[1]))

        with self._deleting(path):
            shutil.rmtree(self._root / path, onerror=note)
        for name, exc in failed:
            if isinstance(exc, OSError) and not isinstance(exc, FileNotFoundError):
                # The first one: its parent folders cannot be removed because of it.
                raise SinkError(f"{name}: cannot be removed: {exc.strerror or exc}") from exc

    @contextmanager
    def _asking(self, path: str, error: type[PipelineError], verb: str) -> Iterator[None]:
        """An operation on `path`; what goes wrong with it is an `error`: it cannot be `verb`."""
        try:
            with waiting(SLOW_S_MAX):
                yield
        except OSError as exc:
            raise error(f"{self._root / path}: cannot be {verb}: {exc.strerror or exc}") from exc

    def _reading(self, path: str) -> AbstractContextManager[None]:
        return self._asking(path, ResultsError, "read")

    def _deleting(self, path: str) -> AbstractContextManager[None]:
        return self._asking(path, SinkError, "removed")


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each of which survives a loss of power: an entry lies in its parent."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)  # another process may have been first
        _sync_folder(each.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flocked(file: IO[Any], kind: int = fcntl.LOCK_EX, after_s: float = 0.0) -> bool:
    """Whether a file could be locked, after a while. Raises OSError where there are no locks."""
    time.sleep(after_s)
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
