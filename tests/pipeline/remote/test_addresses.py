"""What addresses mean, and that no secret in one is ever shown."""

import pytest

from pipeline.errors import ConfigError
from pipeline.remote.addresses import BucketAddress, identity, is_address, redacted
from pipeline.storage.store import open_store


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("s3://b/x", True), ("HTTPS://h/x", True), ("gs://b", True), ("clips/a.mp4", False), ("ftp://h/x", False)],
)
def test_only_addresses_of_known_kinds_are_addresses(text, is_one):
    assert is_address(text) is is_one


def test_an_address_that_went_through_a_path_is_refused():
    with pytest.raises(ConfigError, match="give it as a string"):
        is_address("s3:/bucket/x")


def test_a_key_is_taken_as_it_stands_and_options_follow_it():
    address = BucketAddress.parse("s3://b/a%20b/what?/c#1.mp4?endpoint_override=h:9000&scheme=http")
    assert (address.bucket, address.key) == ("b", "a%20b/what?/c#1.mp4")
    assert address.options == (("endpoint_override", "h:9000"), ("scheme", "http"))
    assert BucketAddress.parse(address.at("b/a%20b/what?/c#1.mp4")) == address


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("s3://", "names no bucket"),
        ("s3://b/x?region=eu-west-1&colour=blue", "unknown option 'colour'"),
        ("s3://KEY:hidden@b/x", "AWS_ACCESS_KEY_ID"),
        ("s3://KEY:hid/den@b/x", "names no bucket"),
    ],
)
def test_what_is_no_address_of_a_bucket_is_told_without_secrets(text, told):
    with pytest.raises(ConfigError, match=told) as raised:
        open_store(text)
    assert "hid" not in str(raised.value)


def test_results_do_not_go_to_web_servers():
    with pytest.raises(ConfigError, match="results lie in a folder, or in a bucket"):
        open_store("https://me:word@host/x")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:word@host:8080/a.mp4?X-Amz-Signature=abc#t=3", "https://host:8080/a.mp4?…"),
        ("https://me:w/rd@host/a.mp4", "https://"),
        ("s3://KEY:SECRET@b/x?region=eu-west-1", "s3://b/x"),
        ("clips/a@b.mp4?x=1", "clips/a@b.mp4?x=1"),
    ],
)
def test_no_secret_is_shown(text, shown):
    assert redacted(text).startswith(shown)
    for secret in ("word", "w/rd", "abc", "SECRET"):
        assert secret not in redacted(text)


def test_the_same_file_has_one_identity_however_its_address_is_signed():
    one = identity("https://h/v.mp4?id=7&X-Amz-Date=1&X-Amz-Signature=abc")
    assert one == identity("https://me:word@h/v.mp4?id=7&X-Amz-Date=2&X-Amz-Signature=def")
    assert one != identity("https://h/v.mp4?id=8&X-Amz-Date=1&X-Amz-Signature=abc")
    assert identity("https://h/v.mp4?token=abc") == identity("https://h/v.mp4") == "https://h/v.mp4"
