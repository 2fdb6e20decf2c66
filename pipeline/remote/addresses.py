"""Addresses of what does not lie on a disk of this machine: what they mean, and what of them may be shown.

``s3://BUCKET/KEY`` and ``gs://BUCKET/KEY`` with options behind a question mark, ``http(s)://HOST/PATH``. As in the
clouds' own tools, keys are taken as they stand: a per cent sign in one is a per cent sign.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, quote, urlencode

from pipeline.errors import ConfigError
from pipeline.text import printable

BUCKETS, WEB = ("s3", "gs"), ("http", "https")
OPTIONS = ("endpoint_override", "region", "scheme", "anonymous")
"""What may follow a bucket's address, as `?endpoint_override=localhost:9000&scheme=http`. All else is configured as in
the cloud's own tools."""

_BEGIN = re.compile(r"(s3|gs|https?):/{1,2}", re.IGNORECASE)
"""With one slash: an address that went through a Path."""
_OTHER = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_LOGIN = re.compile(r"([a-z][a-z0-9+.-]*:/{1,2}).*@", re.IGNORECASE | re.DOTALL)
"""Of something that is no address, but holds one."""
HIDDEN = "…"
_HOST = re.compile(r"([^:\[\]]*|\[[0-9a-fA-F:.]+\])(:[0-9]*)?")
_WEB_PARTS = re.compile(r"(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>.*)", re.DOTALL)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_OPTIONS_BEGIN = re.compile(rf"\?(?=({'|'.join(OPTIONS)})=)")
_X = ("algorithm", "credential", "date", "expires", "security-token", "signature", "signedheaders")
_AZURE = "sig sv ss srt sp st se spr sr si sip sdd ses skoid sktid skt ske sks skv saoid suoid scid sduoid skdutid"
_SIGNATURES: tuple[tuple[set[str], set[str]], ...] = (
    ({"x-amz-signature"}, {f"x-amz-{name}" for name in _X}),
    ({"x-goog-signature"}, {f"x-goog-{name}" for name in _X}),
    ({"signature", "awsaccesskeyid"}, {"expires", "x-amz-security-token"}),
    ({"signature", "googleaccessid"}, {"expires"}),
    ({"signature", "key-pair-id"}, {"expires", "policy", "hash-algorithm"}),  # CloudFront's
    ({"sig", "sv"}, set(_AZURE.split())),
)
"""Parameters by which a signature is known, and what belongs to it: alone, `st` or `token` may name another file."""


def is_address(text: str) -> bool:
    """Whether this is an address and not a path.

    Raises ConfigError for an address that went through a Path, and for one of a kind that is not known.
    """
    if begin := _BEGIN.match(text):
        if not begin.group().endswith("//"):
            raise ConfigError(
                f"{redacted(text)}: an address has two slashes; in Python give it as a string, a Path drops one"
            )
        return True
    if _OTHER.match(text):
        known = ", ".join(f"{name}://" for name in (*BUCKETS, *WEB))
        raise ConfigError(f"{redacted(text)}: is of no known kind; known are {known}; a file here is given by its path")
    return False


def on_disk(path: str | Path) -> Path:
    """The path of what must lie on this machine. Raises ConfigError for an address."""
    if _BEGIN.match(str(path)) or _OTHER.match(str(path)):
        raise ConfigError(f"{redacted(str(path))}: must be a file on this machine; fetch it first")
    return Path(path)


def scheme(text: str) -> str:
    """`s3`, `gs`, `http` or `https`."""
    return text.partition("://")[0].lower()


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """An object, or a folder, in a bucket."""

    scheme: str
    bucket: str
    key: str
    """Without slashes at its ends; empty: the bucket itself."""
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ConfigError."""
        place, *rest = _OPTIONS_BEGIN.split(text, maxsplit=1)
        bucket, _, key = place.partition("://")[2].partition("/")
        if "@" in bucket:
            raise ConfigError(
                f"{redacted(text)}: has credentials in it; leave them out and give them as AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or in a profile"
            )
        if not bucket or ":" in bucket:
            raise ConfigError(f"{redacted(text)}: names no bucket; expected {scheme(text)}://BUCKET/FOLDER")
        options = tuple(parse_qsl(rest[-1], keep_blank_values=True)) if rest else ()
        if unknown := sorted({name for name, _ in options} - set(OPTIONS)):
            raise ConfigError(f"{redacted(text)}: unknown option {unknown[0]!r}; known are {', '.join(OPTIONS)}")
        return cls(scheme(text), bucket, key.strip("/"), options)

    @property
    def path(self) -> str:
        """As a file system of buckets names it."""
        return f"{self.bucket}/{self.key}".rstrip("/")

    def at(self, path: str) -> str:
        """The address of another path of the same file system."""
        return f"{self.scheme}://{path}" + (f"?{urlencode(self.options)}" if self.options else "")


def redacted(text: str) -> str:
    """What may be shown and written of a path or an address: no secret, no control character, nothing undecodable."""
    return printable(without_secrets(text))


def without_secrets(text: str) -> str:
    """A path or an address without name, password, signature and token.

    Where it is in doubt what of an address is a password, no more than its kind.
    """
    begin = _BEGIN.match(text)
    if begin is None:
        return _LOGIN.sub(r"\1…@", text)
    kind, rest = begin.group().lower(), text[begin.end() :]
    if kind.startswith(BUCKETS):
        place, query = _OPTIONS_BEGIN.split(rest, maxsplit=1)[0], ""
    else:
        place, _, query = rest.partition("#")[0].partition("?")
    authority, slash, path = place.partition("/")
    host = authority.rpartition("@")[2]
    split_password = ":" in authority and "@" in rest[len(authority) :]  # it has a /, ? or # in it
    if split_password or not _HOST.fullmatch(host):
        return f"{kind}{HIDDEN}"
    return f"{kind}{host}{slash}{path}" + (f"?{HIDDEN}" if query else "")


def identity(text: str) -> str:
    """The same for the same remote file, however its address is signed; shows no secret.

    Of a web address's query, what does not sign it is part of what it names, and so is the endpoint of a bucket; a hash
    stands for that, and for an address of which nothing may be shown.
    """
    if scheme(text) in BUCKETS:
        address = BucketAddress.parse(text)
        place, named = text, dict(address.options).get("endpoint_override", "")
    else:
        text = _normalised(text)
        place, _, query = text.partition("#")[0].partition("?")
        named = _unsigned(query)
    shown = without_secrets(text)
    if shown.endswith(f"://{HIDDEN}"):
        named = f"{place}?{named}"
    return shown.removesuffix(f"?{HIDDEN}") + (f"?{hashlib.sha256(named.encode()).hexdigest()[:16]}" if named else "")


def _normalised(text: str) -> str:
    """A web address as RFC 3986 (6.2.2, 6.2.3) normalises it: one spelling of the host, the port and the path."""
    kind, _, rest = text.partition("://")
    parts = _WEB_PARTS.fullmatch(rest)
    assert parts is not None
    login, at, host = parts["authority"].rpartition("@")
    name, colon, port = host.rpartition(":") if re.search(r":\d*$", host) else (host, "", "")
    if port in ("", "443" if kind.lower() == "https" else "80"):
        colon = port = ""
    path = quote(parts["path"], safe="%/:@!$&'()*+,;=~[]|")
    path = _ESCAPE.sub(lambda escape: _plain(escape[0]), path)
    kept: list[str] = []
    for step in (steps := path.split("/")):
        if step == ".." and len(kept) > 1:
            kept.pop()
        elif step not in (".", ".."):
            kept.append(step)
    if steps[-1] in (".", ".."):
        kept.append("")
    return f"{kind.lower()}://{login}{at}{name.lower().rstrip('.')}{colon}{port}{'/'.join(kept)}{parts['query']}"


def _plain(escape: str) -> str:
    """`%61` as `a`, `%2f` as `%2F`."""
    character = chr(int(escape[1:], 16))
    return character if re.fullmatch(r"[A-Za-z0-9._~-]", character) else escape.upper()


def _unsigned(query: str) -> str:
    """What of a query does not sign the address."""
    pairs = [(pair.partition("=")[0].lower(), pair) for pair in query.split("&")]
    given = {name for name, _ in pairs}
    signing = {name for known, more in _SIGNATURES if known <= given for name in known | more}
    return "&".join(pair for name, pair in pairs if name not in signing)
