"""Requests to buckets: bounded in time, tried again with growing pauses, with errors that say one thing.

Credentials come from where the cloud's own tools take them (AWS_* variables, profiles, the instance's role; Google's
application default credentials), never from our configuration.
"""

import os
from datetime import timedelta
from functools import lru_cache

from pyarrow import fs

from pipeline.errors import ConfigError
from pipeline.remote.addresses import BucketAddress

CONNECT_S = 5.0
SILENT_S = 15.0
"""An answer that stands still for so long is given up."""
TRIES = 8
"""With the pauses between them, a bucket that answers 503 is waited out for about a minute."""
GCS_RETRY_S = 60


def file_system(address: BucketAddress) -> fs.FileSystem:
    """The file system in which `address.path` lies. Raises ConfigError or OSError."""
    options = dict(address.options)
    anonymous = options.get("anonymous", "").lower() in ("1", "true", "yes")
    if address.scheme == "gs":
        return _gcs(options.get("endpoint_override"), options.get("scheme"), anonymous)
    endpoint = (
        options.get("endpoint_override")
        or os.environ.get("AWS_ENDPOINT_URL_S3")  # pyarrow itself does not look there
        or os.environ.get("AWS_ENDPOINT_URL")
        or None
    )
    begin, _, host = endpoint.rpartition("://") if endpoint else ("", "", None)
    begin = options.get("scheme") or begin or "https"
    if begin not in ("http", "https"):
        raise ConfigError(f"scheme {begin!r} of an S3 endpoint; expected http or https")
    region = options.get("region")
    if region is None and endpoint:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return _s3(host and host.rstrip("/"), begin, region or _region(address.bucket), anonymous)


@lru_cache
def _region(bucket: str) -> str:
    return fs.resolve_s3_region(bucket)  # asked of AWS, as a bucket need not lie in the caller's own region


@lru_cache
def _s3(endpoint: str | None, begin: str, region: str, anonymous: bool) -> fs.FileSystem:
    return fs.S3FileSystem(
        endpoint_override=endpoint,
        scheme=begin,
        region=region,
        anonymous=anonymous,
        connect_timeout=CONNECT_S,
        request_timeout=SILENT_S,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=TRIES),
    )


@lru_cache
def _gcs(endpoint: str | None, begin: str | None, anonymous: bool) -> fs.FileSystem:
    return fs.GcsFileSystem(
        endpoint_override=endpoint,
        scheme=begin,
        anonymous=anonymous,
        retry_time_limit=timedelta(seconds=GCS_RETRY_S),
    )


_DENIED = "access denied; are the credentials right (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile)?"
_CAUSES = {
    "NO_SUCH_BUCKET": "there is no such bucket",
    "not found": "there is no such bucket",  # of resolve_s3_region
    "NO_SUCH_KEY": "no such file",
    "ACCESS_DENIED": _DENIED,
    "INVALID_ACCESS_KEY_ID": _DENIED,
    "INVALID_CLIENT_TOKEN_ID": _DENIED,
    "SIGNATURE_DOES_NOT_MATCH": _DENIED,
    "MISSING_AUTHENTICATION_TOKEN": _DENIED,
    "HTTP status 401": _DENIED,
    "HTTP status 403": _DENIED,
    "PERMISSION_DENIED": "access denied; are the credentials right (Google's application default credentials)?",
    "UNAUTHENTICATED": "access denied; are the credentials right (Google's application default credentials)?",
    "EXPIRED_TOKEN": "the credentials have expired; renew them",
    "HTTP status 301": "the bucket is in another region; give it as ?region=",
    "SERVICE_UNAVAILABLE": "it answers that it is overloaded; try again later",
    "SLOW_DOWN": "it answers that it is overloaded; try again later",
    "HTTP status 503": "it answers that it is overloaded; try again later",
}


def cause(exc: OSError) -> str:
    """What was wrong, in one line, as far as it is known."""
    if isinstance(exc, FileNotFoundError):
        return "no such file"
    text = str(exc.strerror or exc).partition(" error_info={")[0]
    for mark, said in _CAUSES.items():
        if mark in text:
            return said
    if "NETWORK_CONNECTION" in text:
        return f"cannot be reached ({text.rpartition('Details: ')[2].splitlines()[0]})"
    if "google::cloud::Status(UNAVAILABLE" in text:
        return f"cannot be reached ({text.rpartition('PerformWork() - ')[2].splitlines()[0]})"
    return text.splitlines()[0]
