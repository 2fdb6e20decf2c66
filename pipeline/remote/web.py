"""Files on web servers, read here and there by range requests; what breaks off is asked for again."""

import base64
import re
import socket
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse, InvalidURL
from ssl import SSLCertVerificationError
from typing import IO, Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request

from pipeline.errors import SourceError
from pipeline.heartbeat import waiting
from pipeline.remote.addresses import redacted
from pipeline.remote.opener import opener

TIMEOUT_S = 15.0
"""Without a byte."""
BLOCK_S_MAX = 120.0
"""For one range, however slowly it comes."""
UNTOLD_MAX = 4 * 2**30
"""Bytes of an answer that does not say how long it is, which may be a live stream without end."""
PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Between the tries."""
TRIES = len(PAUSES_S) + 1
_PASSING = (408, 425, 429)
"""Answers that may be better in a moment, as are all from 500 on."""
_SAID = {
    401: "access denied (401)",
    403: "access denied (403); if its address is signed, the signature may have expired",
    404: "no such file (404)",
    410: "no such file any more (410)",
}

T = TypeVar("T")


class _PassingError(Exception):
    """Worth another try."""


class WebFile:
    """A file at `http(s)://…`. A name and a password in the address are sent to its host alone. Not thread-safe.

    A server that gives no ranges sends all of it, once, into a temporary file.
    """

    def __init__(self, address: str, *, tries: int = TRIES):
        """Ask what is there. Raises SourceError."""
        self._shown, self._tries = redacted(address), tries
        try:
            parts = urlsplit(address)
            is_one = parts.hostname and address.isascii() and parts.port != 0
        except ValueError:  # not told as it stands: it quotes parts of the password
            is_one = False
        if not is_one:
            raise SourceError(
                f"{self._shown}: is not an address; expected http(s)://HOST:PORT/PATH, with letters beyond ASCII, "
                "and / ? # @ [ ] in a password, written as %C3%BC, %2F and so on"
            )
        host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
        self._login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
        self._whole: IO[bytes] | None = None
        self.size = 0
        """Bytes."""
        self.state: dict[str, Any] = {}
        """What tells this file, as it is now, from any other."""
        self._persist(self._look)

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from `start` to before `stop`, which lie in the file. Raises SourceError."""
        return self._persist(lambda: self._read(start, stop))

    def _look(self) -> None:
        with self._ask("bytes=0-0") as answer:
            self.state = _state(answer)
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            self._ranges = answer.status == 206 and total.isdigit()
            self.size = int(total) if self._ranges else _told_length(answer) or 0
        self.state["bytes"] = self.size

    def fetch_unless_ranges(self) -> None:
        """Fetch the whole file, if it cannot be read in parts. Raises SourceError."""
        if not self._ranges and self._whole is None:
            self._persist(self._fetch)

    def close(self) -> None:
        """Throw away what was fetched."""
        if self._whole is not None:
            self._whole.close()

    def _read(self, start: int, stop: int) -> bytes:
        if self._whole is not None:
            self._whole.seek(start)
            return self._whole.read(stop - start)
        with self._ask(f"bytes={start}-{stop - 1}") as answer:
            said = answer.headers.get("Content-Range", "")
            if answer.status != 206 or not said.startswith(f"bytes {start}-"):
                raise _PassingError("the server sent another part than was asked for")
            if not said.endswith(f"/{self.size}") or answer.headers.get("ETag") != self.state.get("etag"):
                raise SourceError(f"{self._shown}: was replaced by another file while it was read")
            content = bytearray()
            _receive(answer, content.extend, stop - start)
            return bytes(content)

    def _fetch(self) -> None:
        whole = tempfile.TemporaryFile(prefix="affectstream-")  # noqa: SIM115 - lives as long as this object
        try:
            with self._ask(None) as answer:
                told = _told_length(answer)
                received = _receive(answer, whole.write, told)
            if told is None and received > UNTOLD_MAX:
                raise SourceError(
                    f"{self._shown}: more than {UNTOLD_MAX / 2**30:g} GiB came, without an end or a word of how much "
                    "there is; if it is no live stream, fetch it to a disk first"
                )
        except BaseException:
            whole.close()
            raise
        self._whole, self.size = whole, whole.tell()

    def _ask(self, part: str | None) -> HTTPResponse:
        request = Request(self._url, headers={"User-Agent": "affectstream", "Accept-Encoding": "identity"})
        if part is not None:
            request.add_header("Range", part)
        if self._login is not None:
            login = base64.b64encode(self._login.encode()).decode()
            request.add_unredirected_header("Authorization", f"Basic {login}")
        try:
            answer: HTTPResponse = opener().open(request, timeout=TIMEOUT_S)
        except HTTPError as exc:
            exc.close()
            if exc.code == 416 and part == "bytes=0-0":
                raise SourceError(f"{self._shown}: is empty (0 bytes)") from None
            if exc.code in _PASSING or exc.code >= 500:
                raise _PassingError(f"the server answered {exc.code} {exc.reason}") from None
            said = _SAID.get(exc.code, f"the server answered {exc.code} {exc.reason}")
            raise SourceError(f"{self._shown}: {said}") from None
        except (InvalidURL, ValueError):  # not told as it stands: it quotes the address, with any signature in it
            raise SourceError(f"{self._shown}: is not a valid address; write a space in it as %20, and so on") from None
        except (OSError, HTTPException) as exc:
            reason = getattr(exc, "reason", exc)
            if isinstance(reason, SSLCertVerificationError):
                raise SourceError(
                    f"{self._shown}: the server's certificate is not to be trusted ({reason.verify_message})"
                ) from None
            if isinstance(reason, socket.gaierror) and reason.errno == socket.EAI_NONAME:
                raise SourceError(f"{self._shown}: there is no host of that name") from None
            raise _PassingError(f"no answer: {reason}") from None
        return answer

    def _persist(self, action: Callable[[], T]) -> T:
        with waiting():
            for pause_s in (*PAUSES_S[: self._tries - 1], None):
                try:
                    return action()
                except _PassingError as exc:
                    if pause_s is None:
                        raise SourceError(f"{self._shown}: cannot be read: {exc}; tried {self._tries} times") from None
                    time.sleep(pause_s)
                except OSError as exc:
                    raise SourceError(f"{self._shown}: cannot be kept on disk: {exc.strerror or exc}") from exc
        raise AssertionError("the last try returns or raises")


def _state(answer: HTTPResponse) -> dict[str, Any]:
    """What an answer says of the file's version."""
    said = {"etag": answer.headers.get("ETag"), "modified": answer.headers.get("Last-Modified")}
    return {name: value for name, value in said.items() if value is not None}


def _told_length(answer: HTTPResponse) -> int | None:
    """Bytes; None where the answer does not say, or nothing that is a number."""
    told = answer.headers.get("Content-Length", "")
    return int(told) if re.fullmatch(r"[0-9]{1,18}", told) else None


def _receive(answer: HTTPResponse, take: Callable[[bytes], Any], length: int | None) -> int:
    """Hand over the answer's content, `length` bytes; None: as much as comes, up to just over UNTOLD_MAX.

    Returns how many bytes came.
    """
    received, started = 0, time.monotonic()
    while received < length if length is not None else received <= UNTOLD_MAX:
        try:
            chunk = answer.read1(1 << 16)
        except (OSError, HTTPException) as exc:
            raise _PassingError(f"the connection broke off ({exc})") from None
        if not chunk:
            break
        take(chunk)
        received += len(chunk)
        if time.monotonic() - started > BLOCK_S_MAX + received / 1e5:
            raise _PassingError("it comes too slowly")
    if length is not None and received != length:
        raise _PassingError(f"the connection broke off after {received} of {length} bytes")
    return received
