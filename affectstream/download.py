"""A file from the web: goes on where it broke off, and gets its name only if it is the very file that was meant."""

import hashlib
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse, InvalidURL
from pathlib import Path
from ssl import SSLCertVerificationError
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from pipeline.errors import ConfigError
from pipeline.remote.addresses import redacted

TRIES_MAX = 5
PAUSE_S = 1.0
"""Before the second try; doubled before each further one."""
TIMEOUT_S = 30.0
"""Without a byte."""
CHUNK_BYTES = 1 << 16
_PASSING = (408, 425, 429)
"""Answers that may be better in a moment, as are all from 500 on."""

Shown = Callable[[int, int | None], None]
"""Called with how many bytes of how many are there; None where the server does not say."""


class DownloadError(Exception):
    """A file could not be had; the message says why, and what to do."""


class _BrokeOffError(Exception):
    """Worth another try."""


def download(
    url: str, path: Path, *, sha256: str, size_bytes: int | None = None, shown: Shown = lambda done, total: None
) -> None:
    """Fetch `url` to `path`; what is there already is not fetched again.

    What has come stays in a `.part` file beside `path`, so that the next call goes on from there. `size_bytes` is
    checked before anything is fetched, `sha256` before the file gets its name; of a file that fails nothing is left.
    Proxies are taken from the environment. Raises DownloadError, and ConfigError for what is no address.
    """
    if not _is_address(url):
        raise ConfigError(
            f"{redacted(url)}: not an address to download from; it must begin with https:// or http:// and a host, "
            "without a name and a password, and letters beyond ASCII are written as %C3%BC"
        )
    try:
        if path.exists():
            if (found := file_sha256(path)) != sha256:
                raise DownloadError(
                    f"{path}: another file is there, SHA-256 {found}; move it away, or give another --out"
                )
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{sha256[:12]}.part")
        if _complete(url, part, size_bytes, shown) and file_sha256(part) != sha256:
            part.unlink()  # the beginning was of another file: once more, from the start
            _complete(url, part, size_bytes, shown)
        if (found := file_sha256(part)) != sha256:
            part.unlink()
            raise DownloadError(
                f"{redacted(url)}: gives another file: its SHA-256 is {found}, expected {sha256}; it was removed. "
                "Another address can be given with --url; a file that you trust as it is, with --sha256"
            )
        part.replace(path)
    except OSError as exc:
        raise DownloadError(
            f"{path}: cannot be written ({exc.strerror or exc}); give another folder with --out"
        ) from exc


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_plain = url.isascii() and parts.username is None
        return is_plain and parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket without its other half, a port that is no number
        return False


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _complete(url: str, part: Path, size_bytes: int | None, shown: Shown) -> bool:
    """Fetch what is missing of `part`, with several tries; whether it was put together from several answers."""
    for pause_s in [0.0, *(PAUSE_S * 2**i for i in range(TRIES_MAX - 1))]:
        time.sleep(pause_s)
        try:
            return _fetch(url, part, size_bytes, shown)
        except _BrokeOffError as exc:
            problem = exc
    raise DownloadError(
        f"{redacted(url)}: gave up after {TRIES_MAX} tries: {problem}. What has come is kept: the same command goes on "
        "from there. Without a network, fetch the file elsewhere"
    )


def _fetch(url: str, part: Path, size_bytes: int | None, shown: Shown) -> bool:
    """Ask for what is missing of `part` and write it; whether the server went on where it ends.

    A server that cannot do so sends all of it.
    """
    have = part.stat().st_size if part.exists() else 0
    ask = {"Range": f"bytes={have}-"} if have else {}
    try:
        request = Request(url, headers={"User-Agent": "affectstream", "Accept-Encoding": "identity", **ask})
        answer = urlopen(request, timeout=TIMEOUT_S)
    except HTTPError as exc:
        exc.close()
        if exc.code == 416 and have:  # nothing lies after these bytes: it was complete, or is no part of this file
            return True
        if exc.code in _PASSING or exc.code >= 500:
            raise _BrokeOffError(f"the server answered {exc.code} {exc.reason}") from exc
        raise DownloadError(
            f"{redacted(url)}: the server answered {exc.code} {exc.reason}; the file may have moved: give its address "
            "with --url"
        ) from exc
    except (ValueError, InvalidURL) as exc:
        raise ConfigError(
            f"{redacted(url)}: not an address to download from; a space in it is written as %20, and so on"
        ) from exc
    except (OSError, HTTPException) as exc:
        reason = getattr(exc, "reason", exc)
        if isinstance(reason, SSLCertVerificationError):
            raise DownloadError(
                f"{redacted(url)}: the server's certificate is not to be trusted ({reason.verify_message}); "
                "SSL_CERT_FILE names the certificates of a proxy of yours"
            ) from exc
        raise _BrokeOffError(str(reason)) from exc
    with answer:
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        done = have if goes_on else 0
        told = answer.headers.get("Content-Length")
        total = done + int(told) if told and told.isdigit() else size_bytes
        if size_bytes is not None and total != size_bytes:
            raise DownloadError(f"{redacted(url)}: gives another file: {total} bytes, expected {size_bytes}; try --url")
        with part.open("ab" if goes_on else "wb") as file:
            shown(done, total)
            while chunk := _read(answer):
                file.write(chunk)
                done += len(chunk)
                shown(done, total)
                if size_bytes is not None and done > size_bytes:
                    break  # a server without end; the SHA-256 will not be right
    if total is not None and done < total:
        raise _BrokeOffError(f"the connection broke off after {done} of {total} bytes")
    return goes_on


def _read(answer: HTTPResponse) -> bytes:
    """The next bytes; what goes wrong here is the network's fault and not the disk's."""
    try:
        return answer.read(CHUNK_BYTES)
    except (OSError, HTTPException) as exc:
        raise _BrokeOffError(str(exc)) from exc
