"""What addresses mean, and that no secret in one is ever shown."""

from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.remote.addresses import BucketAddress, identity, is_address, on_disk, redacted
from pipeline.remote.files import name
from pipeline.storage.store import open_store


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("s3://b/x", True), ("HTTPS://h/x", True), ("gs://b", True), ("clips/a.mp4", False), ("10:30.mp4", False)],
)
def test_only_addresses_of_known_kinds_are_addresses(text, is_one):
    assert is_address(text) is is_one


def test_an_address_that_went_through_a_path_is_refused():
    with pytest.raises(ConfigError, match="give it as a string"):
        is_address("s3:/bucket/x")


@pytest.mark.parametrize("text", ["ftp://me:word@h/x", "rtsp://me:word@h/x", "https:/me:word@h/x?sig=word"])
def test_an_address_of_another_kind_is_refused_without_its_password(text):
    with pytest.raises(ConfigError, match=r"of no known kind|two slashes") as refused:
        is_address(text)
    assert "word" not in str(refused.value)


@pytest.mark.parametrize("path", ["https://me:word@h/x.csv", Path("https://me:word@h/x.csv")])
def test_what_must_lie_on_this_machine_is_no_address(path):
    with pytest.raises(ConfigError, match="fetch it first") as refused:
        on_disk(path)
    assert "word" not in str(refused.value)
    assert on_disk("a:b.csv") == Path("a:b.csv")


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
        ("s3://KEY:1/hidden@b/x", "names no bucket"),
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
        ("https://me:w/rd@host/a.mp4", "https://…"),
        ("https://me:123/word@host/a.mp4", "https://…"),
        ("https://me:123?word@host/a.mp4", "https://…"),
        ("https://me:wo@rd/word@host/a.mp4", "https://…"),
        ("https:/me:word@host/a.mp4?sig=abc", "https:/host/a.mp4?…"),
        ("rtsp://me:word@host/a.mp4", "rtsp://…@host/a.mp4"),
        ("/lists/ https:/me:w/rd@host/a.mp4", "/lists/ https:/…@host/a.mp4"),
        ("https://host/me@home.mp4", "https://host/me@home.mp4"),
        ("http://host:8080/a.mp4", "http://host:8080/a.mp4"),
        ("s3://b?endpoint_override=localhost:9000&scheme=http", "s3://b"),
        ("s3://KEY:SECRET@b/x?region=eu-west-1", "s3://b/x"),
        ("clips/a@b.mp4?x=1", "clips/a@b.mp4?x=1"),
    ],
)
def test_no_secret_is_shown(text, shown):
    assert redacted(text) == shown
    for secret in ("word", "w/rd", "abc", "SECRET"):
        assert secret not in redacted(text)


def test_the_same_file_has_one_identity_however_its_address_is_signed():
    one = identity("https://h/v.mp4?id=7&X-Amz-Date=1&X-Amz-Signature=abc")
    assert one == identity("https://me:word@h/v.mp4?id=7&X-Amz-Date=2&X-Amz-Signature=def")
    assert one != identity("https://h/v.mp4?id=8&X-Amz-Date=1&X-Amz-Signature=abc")
    google = "https://h/v.mp4?X-Goog-Algorithm=a&X-Goog-Credential=c&X-Goog-Date=1&X-Goog-SignedHeaders=host"
    for signed in (
        f"{google}&X-Goog-Expires=9&X-Goog-Signature=abc",
        "https://h/v.mp4?AWSAccessKeyId=k&Expires=9&Signature=abc&x-amz-security-token=t",
        "https://h/v.mp4?Policy=p&Signature=abc&Key-Pair-Id=k",
        "https://h/v.mp4?sv=2024-11-04&st=1&se=2&sr=b&sp=r&sig=abc",
    ):
        assert identity(signed) == identity("https://h/v.mp4") == "https://h/v.mp4"


@pytest.mark.parametrize(
    "spelling",
    [
        "HTTPS://Example.com/b/a%20b.mp4",
        "https://example.com:443/b/a%20b.mp4",
        "https://example.com:/b/a%20b.mp4",
        "https://example.com./b/a b.mp4",
        "https://example.com/c/../b/./a%20b.mp4",
        "https://example.com/%62/%61%20b.mp4",
    ],
)
def test_every_spelling_of_an_address_has_one_identity(spelling):
    assert identity(spelling) == "https://example.com/b/a%20b.mp4"


@pytest.mark.parametrize(
    "other", ["https://h/a%2Fb.mp4", "https://h:8443/a/b.mp4", "https://h/A/b.mp4", "http://h/a/b.mp4"]
)
def test_another_path_port_or_scheme_is_another_file(other):
    assert identity(other) != identity("https://h/a/b.mp4")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://h/v?111", "https://h/v?222"),
        ("https://h/v?sku=1", "https://h/v?sku=2"),
        ("https://h/v?skip=1", "https://h/v?skip=2"),
        ("https://h/v?token=abc", "https://h/v?token=def"),
        ("https://h/v?st=1", "https://h/v?st=2"),
        ("https://h/v?sig=1", "https://h/v?sig=2"),
        ("https://h/v?expires=1&policy=1", "https://h/v?expires=2&policy=1"),
        ("https://h/v?signature=1", "https://h/v?signature=2"),
        ("https://h/v?a=1", "https://h/v?a=1&a=1"),
        ("https://h/v?a", "https://h/v"),
        ("http://h:80/a@x/v.mp4", "http://h:80/b@x/v.mp4"),
        ("http://[bad/v.mp4", "http://[bad/w.mp4"),
        ("s3://b/v?endpoint_override=one:9000", "s3://b/v?endpoint_override=two:9000"),
    ],
)
def test_what_may_be_another_file_has_another_identity(one, other):
    assert identity(one) != identity(other)


def test_an_identity_shows_no_password_even_of_an_address_that_is_none():
    for text in ("http://u:pa[ss]@h/x", "https://user:pass/et@h/x", "https://user:1/pass@h/x?pass=pass"):
        assert "pass" not in identity(text) + name(text)
        assert "pa[" not in identity(text) + name(text)
    assert name("http://h:80/me@home.mp4") == "home.mp4"
    assert name("https://user:pass") == "index"
