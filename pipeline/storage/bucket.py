"""A results folder in a bucket: every object appears whole, in one upload, or not at all."""

import hashlib
import json
import logging
import os
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from pipeline.errors import ConfigError, PipelineError, ResultsError, SinkError
from pipeline.heartbeat import waiting
from pipeline.logs import passing_over
from pipeline.remote.addresses import BucketAddress
from pipeline.remote.network import cause, file_system
from pipeline.repeating import repeating
from pipeline.storage.base import ANALYSING, LOCK, Written

logger = logging.getLogger(__name__)

HEARTBEAT_S = 30.0
"""How often a run says that it is alive ..."""
DEAD_S = 120.0
"""... and after how long without a word it is taken for dead."""
READERS = 16
"""Small objects that are read at a time: each waits for the network far longer than it is read."""


class Bucket:
    """A folder in a bucket, `s3://…` or `gs://…`. See `Store`."""

    def __init__(self, address: str):
        """Nothing is asked of the bucket yet. Raises ConfigError."""
        self._address = BucketAddress.parse(address)

    def __str__(self) -> str:
        return f"{self._address.scheme}://{self._address.path}"

    @cached_property
    def _fs(self) -> fs.FileSystem:
        return file_system(self._address)

    @contextmanager
    def locked(self, doing: str = ANALYSING) -> Iterator[None]:
        """An object `_lock` says who writes here; it is refreshed every `HEARTBEAT_S` and removed at the end.

        It keeps out who comes while a run goes on, and not two that begin in the same moment, nor one whose clock is
        minutes off. Those do no lasting harm: names are deterministic, so both write the same rows to the same places,
        and a unit whose files one swept away under the other is found incomplete, and done again, by the next call.
        """
        token = uuid.uuid4().hex
        try:
            if (other := self._holder()) is not None:
                raise ResultsError(
                    f"{self}: another run is writing there ({other.get('host')}, process {other.get('pid')}); wait for "
                    f"it, or choose another --out; one that was killed counts as dead after {DEAD_S:g} s"
                )
            self._hold(token, doing)
        except SinkError as exc:
            raise ConfigError(f"{exc}; choose another --out") from exc
        if (other := self._holder()) is None or other["token"] != token:
            raise ResultsError(f"{self}: another run has begun to write there; wait for it, or choose another --out")

        def beat() -> None:
            with passing_over(logger, f"heartbeat in {self}", ResultsError, SinkError):  # the next beat will do
                if (other := self._holder()) is None or other["token"] == token:
                    self._hold(token, doing)

        try:
            with repeating(beat, HEARTBEAT_S, name="heartbeat"):
                yield
        finally:
            with passing_over(logger, f"giving up {self}", ResultsError, SinkError):  # the lock expires by itself
                if (other := self._holder()) is not None and other["token"] == token:
                    self.delete(LOCK)

    def doing(self) -> str | None:
        other = self._holder()
        return None if other is None else str(other.get("doing"))

    def _holder(self) -> dict[str, Any] | None:
        """What the lock says of a run that is alive."""
        try:
            said = json.loads(self.read(LOCK) or b"{}")
            alive = time.time() - said["time"] < DEAD_S and isinstance(said["token"], str)
        except (ValueError, KeyError, TypeError):
            return None
        return said if alive else None

    def _hold(self, token: str, doing: str) -> None:
        said = {"host": socket.gethostname(), "pid": os.getpid(), "token": token, "doing": doing, "time": time.time()}
        self._upload(LOCK, json.dumps(said).encode())

    def exists(self, path: str) -> bool:
        with self._reading(path):
            return bool(self._fs.get_file_info(self._full(path)).type != fs.FileType.NotFound)

    def files(self, folder: str) -> dict[str, int]:
        with self._reading(folder):
            found = self._fs.get_file_info(fs.FileSelector(self._full(folder), recursive=True, allow_not_found=True))
        skip = len(self._address.path) + 1
        return {info.path[skip:]: int(info.size) for info in found if info.type == fs.FileType.File}

    def folders(self, folder: str) -> set[str]:
        with self._reading(folder):
            found = self._fs.get_file_info(fs.FileSelector(self._full(folder), allow_not_found=True))
        return {info.base_name for info in found if info.type == fs.FileType.Directory}

    def read(self, path: str) -> bytes | None:
        with self._reading(path):
            try:
                with self._fs.open_input_stream(self._full(path)) as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                if self._fs.get_file_info(self._address.bucket).type == fs.FileType.NotFound:
                    raise ResultsError(f"{self}: there is no such bucket") from None
                return None

    def read_all(self, paths: Iterable[str]) -> Iterator[bytes | None]:
        with ThreadPoolExecutor(READERS) as pool:
            yield from pool.map(self.read, paths)

    def open(self, path: str) -> pa.NativeFile:
        return self._fs.open_input_file(self._full(path))

    def write(self, path: str, fill: Callable[[Path], None]) -> Written:
        with tempfile.TemporaryDirectory(prefix="affectstream-") as folder:
            half = Path(folder) / Path(path).name
            try:
                fill(half)
                content = half.read_bytes()
            except OSError as exc:
                raise SinkError(f"{half}: cannot be written: {exc.strerror or exc}") from exc
        self._upload(path, content)
        return Written(hashlib.sha256(content).hexdigest(), len(content))

    def _upload(self, path: str, content: bytes) -> None:
        """Put one object. It is finished by `close` alone, which nothing interrupts: Ctrl-C waits for this thread."""

        def upload() -> None:
            stream = self._fs.open_output_stream(self._full(path))
            stream.write(content)
            stream.close()

        with self._asking(path, SinkError, "written"), ThreadPoolExecutor(1) as pool:
            pool.submit(upload).result()

    def delete(self, path: str) -> None:
        with self._deleting(path), passing_over(logger, f"deleting {self}/{path}", FileNotFoundError):
            self._fs.delete_file(self._full(path))

    def delete_folder(self, path: str) -> None:
        with self._deleting(path), passing_over(logger, f"deleting {self}/{path}", FileNotFoundError):
            if self._address.scheme == "gs":  # has no folders, which `delete_dir` misses in the end
                self._fs.delete_dir_contents(self._full(path), missing_dir_ok=True)
            else:  # there `delete_dir_contents` leaves an empty object that stands for the folder
                self._fs.delete_dir(self._full(path))

    def _full(self, path: str) -> str:
        return f"{self._address.path}/{path}"

    @contextmanager
    def _asking(self, path: str, error: type[PipelineError], verb: str) -> Iterator[None]:
        """A request about `path`; what goes wrong with it is an `error`: it cannot be `verb`."""
        try:
            with waiting():
                yield
        except OSError as exc:
            raise error(f"{self}/{path}: cannot be {verb}: {cause(exc)}") from exc

    def _reading(self, path: str) -> AbstractContextManager[None]:
        return self._asking(path, ResultsError, "read")

    def _deleting(self, path: str) -> AbstractContextManager[None]:
        return self._asking(path, SinkError, "removed")
