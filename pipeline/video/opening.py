"""Opening a video file or picture, here or remote: its container, the stream that is analysed, and why it fails."""

from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline.errors import SourceError
from pipeline.remote.addresses import is_address, redacted
from pipeline.remote.files import RemoteFile

_OPTIONS = {"correct_ts_overflow": "0"}
"""libav would take any jump back in an MPEG stream for a wrap; `pipeline.video.clock` tells them apart."""


class Source:
    """A file to read, which can be opened again and again from its beginning."""

    def __init__(self, path: str | Path):
        """`path` may be an address. Raises SourceError, naming the file and the cause."""
        self.shown = redacted(str(path))
        """The path for messages, without passwords."""
        self._path = str(path)
        if "\0" in self._path:  # libav would open the file whose name ends there
            raise SourceError(f"{self.shown}: no such file")
        self._remote = RemoteFile(self._path) if is_address(self._path) else None

    def open(self) -> tuple[InputContainer, VideoStream]:
        """The container, at its beginning, and its stream to analyse. Raises SourceError."""
        try:
            if self._remote is not None:
                self._remote.seek(0)
            container: InputContainer = av.open(
                self._remote or plain(self._path), "r", options=_OPTIONS, metadata_errors="ignore"
            )
        except av.FFmpegError as exc:
            cause = "is empty (0 bytes)" if self._remote and not self._remote.size else _cause(exc, self._path)
            raise SourceError(f"{self.shown}: {cause}") from exc
        videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
        if not videos:  # the cover of a song is none
            container.close()
            raise SourceError(f"{self.shown}: has no video stream")
        return container, videos[0]

    def release(self) -> None:
        """Give up the connection to a remote file."""
        if self._remote is not None:
            self._remote.release()


def plain(path: str | Path) -> str:
    """A path as libav takes it for one: without this, what stands before a colon is a protocol to it."""
    return f"file:{path}"


def is_picture(container: InputContainer) -> bool:
    """Whether it is a picture and not a video."""
    return container.format.name.endswith("_pipe") or container.format.name == "image2"


def _cause(exc: av.FFmpegError, path: str) -> str:
    if isinstance(exc, FileNotFoundError):
        return "no such file"
    if isinstance(exc, PermissionError):
        return "not allowed to read it"
    if isinstance(exc, IsADirectoryError):
        return "is a folder"
    try:
        if Path(path).is_file() and Path(path).stat().st_size == 0:
            return "is empty (0 bytes)"
    except OSError:
        pass
    if isinstance(exc, ValueError):  # InvalidDataError
        return "is not a video or picture that can be read, or its index is lost"
    return str(exc.strerror or exc)
