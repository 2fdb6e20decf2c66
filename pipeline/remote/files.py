"""A remote file as one that can be read here and there: blocks of it are fetched as they are wanted, a few are kept."""

import os
import re
from collections import OrderedDict
from typing import Any, Protocol
from urllib.parse import unquote

from pipeline.errors import SourceError
from pipeline.heartbeat import waiting
from pipeline.remote.addresses import BUCKETS, HIDDEN, BucketAddress, redacted, scheme, without_secrets
from pipeline.remote.network import cause, file_system
from pipeline.remote.web import TRIES, WebFile

BLOCK = 4 * 2**20
KEPT = 4
"""Blocks: enough for the index at a file's end, and for streams that lie apart in it."""


class Ranges(Protocol):
    """What gives parts of a file. Raises SourceError."""

    size: int

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`, which lie in the file."""

    def close(self) -> None:
        """Let go of it."""


class BucketFile:
    """An object in a bucket. What fails for a moment is tried again (`pipeline.remote.network`)."""

    def __init__(self, address: str):
        """Raises SourceError, ConfigError."""
        self._shown = redacted(address)
        place = BucketAddress.parse(address)
        try:
            with waiting():
                self._file = file_system(place).open_input_file(place.path)
                self.size = int(self._file.size())
        except OSError as exc:
            raise SourceError(f"{self._shown}: {cause(exc)}") from exc

    def read(self, start: int, stop: int) -> bytes:
        try:
            with waiting():
                content = bytes(self._file.read_at(stop - start, start))
        except OSError as exc:
            raise SourceError(f"{self._shown}: cannot be read: {cause(exc)}") from exc
        if len(content) != stop - start:
            raise SourceError(f"{self._shown}: was replaced by a shorter file while it was read")
        return content

    def close(self) -> None:
        self._file.close()


class RemoteFile:
    """What PyAV reads from. Not thread-safe."""

    def __init__(self, address: str):
        """Raises SourceError, ConfigError."""
        self._ranges: Ranges
        if scheme(address) in BUCKETS:
            self._ranges = BucketFile(address)
        else:
            self._ranges = web = WebFile(address)
            web.fetch_unless_ranges()
        self.name = re.sub(r"[%*?{}\[\]]", "_", name(address))
        """The name that libav goes by, without what would make it a pattern of local files to it."""
        self.size = self._ranges.size
        self._position = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, fewer at the end of a block; none at the end. Raises SourceError."""
        if self._position >= self.size or size == 0:
            return b""
        number, begin = divmod(self._position, BLOCK)
        content = self._block(number)[begin : None if size < 0 else begin + size]
        self._position += len(content)
        return content

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(base + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def release(self) -> None:
        """Let go of it. It has no `close`, which libraries call that are only done with reading it once."""
        self._ranges.close()

    def _block(self, number: int) -> bytes:
        if number not in self._blocks:
            content = self._ranges.read(number * BLOCK, min((number + 1) * BLOCK, self.size))
            self._blocks[number] = content
            if len(self._blocks) > KEPT:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]


def name(address: str) -> str:
    """The file's own name, as a stream is called."""
    if scheme(address) in BUCKETS:
        return BucketAddress.parse(address).key.rpartition("/")[2]
    place = without_secrets(address).partition("://")[2]
    if place == HIDDEN:
        _, login, place = address.rpartition("@")  # what follows it is no password
        place = f"/{place}" if login else place.partition("://")[2]
    path = place.partition("#")[0].partition("?")[0].partition("/")[2]
    return unquote(path).rpartition("/")[2] or "index"


def remote_state(address: str, *, tries: int = TRIES) -> dict[str, Any]:
    """What tells a remote file, as it is now, from any other; nothing, where it is not to be had.

    A web server is asked at most `tries` times; for buckets see `pipeline.remote.network`.
    """
    try:
        if scheme(address) in BUCKETS:
            place = BucketAddress.parse(address)
            with waiting():
                return bucket_state(file_system(place).get_file_info(place.path))
        return WebFile(address, tries=tries).state
    except (OSError, SourceError):
        return {}


def bucket_state(info: Any) -> dict[str, Any]:
    """The same, of what a listing says of an object."""
    return {"bytes": info.size, "mtime_ns": info.mtime_ns} if info.is_file else {}
