"""What has become of a source since it was analysed: whether the file is still there, as it was."""

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from pyarrow import fs

from pipeline.heartbeat import waiting
from pipeline.remote.addresses import BUCKETS, BucketAddress, scheme
from pipeline.remote.files import bucket_state
from pipeline.remote.network import file_system

SourceState = Literal["there", "changed", "gone", "unknown"]
"""`unknown`: it could not be looked at, or lies where nobody asked."""

ASKERS = 16
"""Remote files that are asked after at a time."""


def source_states(sources: Iterable[Mapping[str, Any]], *, remote: bool = False) -> list[SourceState]:
    """The states of sources, given as commits remember them (`Source.state`), as seen from this machine.

    Files of this machine are looked at. Objects in buckets are asked for only if `remote`, one request each; files on
    web servers never are.
    """
    with ThreadPoolExecutor(ASKERS) as pool:
        return list(pool.map(lambda source: _state(source, remote), sources))


def _state(source: Mapping[str, Any], remote: bool) -> SourceState:
    uri = str(source["uri"])
    then = {key: source[key] for key in ("bytes", "mtime_ns") if key in source}
    try:
        if uri.startswith("file://"):
            stat = os.stat(unquote_to_bytes(uri.removeprefix("file://")))  # noqa: PTH116 - a name of bytes
            now = {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        elif remote and scheme(uri) in BUCKETS and "?" not in uri:  # behind a ?, a hash stands for an endpoint
            now = _object_state(uri)
        else:
            return "unknown"
    except (FileNotFoundError, NotADirectoryError):
        return "gone"
    except (OSError, ValueError):
        return "unknown"
    return "there" if not then or now == then else "changed"


def _object_state(uri: str) -> dict[str, Any]:
    place = BucketAddress.parse(uri)
    with waiting():
        info = file_system(place).get_file_info(place.path)
    if info.type == fs.FileType.NotFound:
        raise FileNotFoundError
    return bucket_state(info)
