"""Addresses of what does not lie on a disk of this machine: what they mean, and what of them may be shown.

``s3://BUCKET/KEY`` and ``gs://BUCKET/KEY`` with options behind a question mark, ``http(s)://HOST/PATH``. As in the
clouds' own tools, keys are taken as they stand: a per cent sign in one is a per cent sign.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from pipeline.errors import ConfigError

BUCKETS, WEB = ("s3", "gs"), ("http", "https")
OPTIONS = ("endpoint_override", "region", "scheme", "anonymous")
"""What may follow a bucket's address, as `?endpoint_override=localhost:9000&scheme=http`. All else is configured as in
the cloud's own tools."""

_BEGIN = re.compile(r"(s3|gs|https?)://", re.IGNORECASE)
_SQUEEZED = re.compile(r"(s3|gs|https?):/(?!/)", re.IGNORECASE)
_HOST = re.compile(r"([^:\[\]]*|\[[0-9a-fA-F:.]+\])(:[0-9]*)?")
_OPTIONS_BEGIN = re.compile(rf"\?(?=({'|'.join(OPTIONS)})=)")
_SIGNATURE = re.compile(
    "x-(amz|goog)-.*|signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid|.*token"
    "|sig|s[eprtv]|spr|ss|srt|sk[a-z]+",  # these are Azure's
    re.IGNORECASE,
)


def is_address(text: str) -> bool:
    """Whether this is an address and not a path. Raises ConfigError for an address that went through a Path."""
    if _SQUEEZED.match(text):
        raise ConfigError(f"{text}: an address has two slashes; in Python give it as a string, a Path drops one")
    return _BEGIN.match(text) is not None


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
    """What may be shown and written of a path or an address: no name, no password, no signature, no token."""
    if not _BEGIN.match(text):
        return text
    begin, _, rest = text.partition("://")
    begin = begin.lower()
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2]
    if not _HOST.fullmatch(host):  # a password with a slash in it ends up here
        return f"{begin}://…"
    place = f"{begin}://{host}{slash}{path}"
    if begin in BUCKETS:
        return _OPTIONS_BEGIN.split(place, maxsplit=1)[0]
    place, query, _ = place.partition("#")[0].partition("?")
    return f"{place}?…" if query else place


def identity(text: str) -> str:
    """The same for the same remote file, however its address is signed; shows no secret.

    Of a web address's query, what does not sign it is part of what it names; a hash stands for that.
    """
    if scheme(text) in BUCKETS:
        return redacted(text)
    pairs = [(name, value) for name, value in parse_qsl(urlsplit(text).query) if not _SIGNATURE.fullmatch(name)]
    digest = hashlib.sha256(urlencode(pairs).encode()).hexdigest()[:16]
    return redacted(text).removesuffix("?…") + (f"?{digest}" if pairs else "")
