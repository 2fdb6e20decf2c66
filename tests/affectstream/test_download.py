"""Downloading, against a server on this machine that can be made to do all that servers do."""

import hashlib
from http.client import HTTPResponse, IncompleteRead
from ssl import SSLCertVerificationError
from urllib.error import URLError

import numpy as np
import pytest

from affectstream import download as module
from affectstream.download import DownloadError, download
from pipeline.errors import ConfigError
from tests.affectstream.file_server import serving

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(monkeypatch):
    with serving(CONTENT, monkeypatch) as server:
        yield server


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Nobody waits; how long one would have waited is noted."""
    pauses = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    return pauses


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_file_is_fetched_once_and_its_progress_is_shown(server, tmp_path):
    shown = []
    for _ in range(2):
        download(
            server.url,
            tmp_path / "new" / "file.bin",
            sha256=SHA256,
            size_bytes=len(CONTENT),
            shown=lambda *seen: shown.append(seen),
        )
    assert files(tmp_path / "new") == {"file.bin": CONTENT}
    assert server.asked == [None]
    assert shown[0] == (0, len(CONTENT))
    assert shown[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in shown] == sorted(done for done, _ in shown)


def test_a_connection_that_breaks_off_goes_on_where_it_was(server, tmp_path):
    server.cuts = [100_000, 50_000]
    download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert files(tmp_path) == {"file.bin": CONTENT}
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_a_server_without_ranges_sends_all_of_it_again(server, tmp_path):
    server.cuts, server.ranges = [100_000], False
    download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert files(tmp_path) == {"file.bin": CONTENT}
    assert server.asked == [None, "bytes=100000-"]


def test_the_next_call_goes_on_where_the_last_gave_up(server, tmp_path):
    server.cuts = [10_000] * 5
    with pytest.raises(DownloadError, match=r"gave up after 5 tries: .*broke off after 50000 of 300000"):
        download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert files(tmp_path) == {f"file.bin.{SHA256[:12]}.part": CONTENT[:50_000]}
    download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert files(tmp_path) == {"file.bin": CONTENT}
    assert server.asked[-1] == "bytes=50000-"


@pytest.mark.parametrize("size", [1000, len(CONTENT), len(CONTENT) + 7])
def test_a_beginning_that_is_of_another_file_is_thrown_away(server, tmp_path, size):
    (tmp_path / f"file.bin.{SHA256[:12]}.part").write_bytes(b"x" * size)
    download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert files(tmp_path) == {"file.bin": CONTENT}
    assert server.asked == [f"bytes={size}-", None]


def test_a_part_that_is_complete_only_gets_its_name(server, tmp_path):
    (tmp_path / f"file.bin.{SHA256[:12]}.part").write_bytes(CONTENT)
    download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert files(tmp_path) == {"file.bin": CONTENT}
    assert server.asked == [f"bytes={len(CONTENT)}-"]


def test_a_busy_server_is_asked_again_after_longer_and_longer_pauses(server, tmp_path, pauses):
    server.answers = [503, 429, 500]
    download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert files(tmp_path) == {"file.bin": CONTENT}
    assert pauses == [0, 1, 2, 4]


def test_a_server_that_stays_busy_is_given_up(server, tmp_path, pauses):
    server.answers = [503] * 9
    with pytest.raises(DownloadError, match=r"gave up after 5 tries: the server answered 503"):
        download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert len(server.asked) == 5
    assert pauses == [0, 1, 2, 4, 8]


def test_what_is_not_there_is_not_asked_for_twice(server, tmp_path):
    server.answers = [404]
    with pytest.raises(DownloadError, match="answered 404 Not Found; the file may have moved"):
        download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert len(server.asked) == 1
    assert files(tmp_path) == {}


@pytest.mark.parametrize("says_length", [True, False])
def test_a_wrong_file_of_the_right_size_is_removed(server, tmp_path, says_length):
    server.content, server.says_length = CONTENT[::-1], says_length
    with pytest.raises(DownloadError, match="gives another file: its SHA-256 is"):
        download(server.url, tmp_path / "file.bin", sha256=SHA256, size_bytes=len(CONTENT))
    assert files(tmp_path) == {}


def test_a_file_of_another_size_is_not_even_fetched(server, tmp_path):
    server.content = CONTENT + b"more"
    with pytest.raises(DownloadError, match="300004 bytes, expected 300000"):
        download(server.url, tmp_path / "file.bin", sha256=SHA256, size_bytes=len(CONTENT))
    assert files(tmp_path) == {}


def test_a_server_without_end_is_stopped(server, tmp_path):
    server.content, server.says_length = CONTENT * 50, False
    with pytest.raises(DownloadError, match="another file"):
        download(server.url, tmp_path / "file.bin", sha256=SHA256, size_bytes=len(CONTENT))
    assert files(tmp_path) == {}


def test_without_a_network_the_cause_is_named(server, tmp_path, pauses):
    server.server_close()
    with pytest.raises(DownloadError, match=r"gave up after 5 tries: .*refused.*fetch the file elsewhere"):
        download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert len(pauses) == 5


def test_another_file_that_is_there_already_stays(server, tmp_path):
    (tmp_path / "file.bin").write_bytes(b"mine")
    with pytest.raises(DownloadError, match="another file is there"):
        download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert files(tmp_path) == {"file.bin": b"mine"}
    assert server.asked == []


def test_a_folder_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match="cannot be written"):
        download(server.url, tmp_path / "file" / "file.bin", sha256=SHA256)


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/hostname", "ftp://host/file", "https:///file", "file.bin"),
        *(
            "http://[bad/x",
            "http://host:abc/x",
            "http://host:99999/x",
            "http://host/ü",
            "http://host/a b",
            "http://a..b/",
        ),
    ],
)
def test_only_the_web_is_asked(tmp_path, pauses, url):
    with pytest.raises(ConfigError, match="not an address to download from"):
        download(url, tmp_path / "file.bin", sha256=SHA256)
    assert sum(pauses) == 0


def test_a_password_in_an_address_is_shown_to_nobody(tmp_path):
    with pytest.raises(ConfigError) as caught:
        download("https://me:s3cret@localhost:1/a.bin", tmp_path / "a.bin", sha256=SHA256)
    assert "s3cret" not in str(caught.value)
    assert "https://localhost:1/a.bin" in str(caught.value)


def test_a_network_that_fails_while_the_file_comes_is_tried_again(server, tmp_path, monkeypatch):
    read, problems = HTTPResponse.read, [OSError(113, "No route to host"), IncompleteRead(b"")]

    def reading(answer, count):
        if problems:
            raise problems.pop()
        return read(answer, count)

    monkeypatch.setattr(HTTPResponse, "read", reading)
    download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert files(tmp_path) == {"file.bin": CONTENT}
    assert server.asked == [None, None, None]


def test_a_disk_that_fails_is_no_network(server, tmp_path, monkeypatch):
    def failing(*_):
        raise TimeoutError(110, "Connection timed out")  # as a disk in the network does

    monkeypatch.setattr(module.Path, "open", failing)
    with pytest.raises(DownloadError, match="cannot be written"):
        download(server.url, tmp_path / "file.bin", sha256=SHA256)
    assert server.asked == [None]


def test_a_certificate_that_is_not_trusted_is_not_asked_for_twice(tmp_path, monkeypatch, pauses):
    problem = SSLCertVerificationError(1, "certificate verify failed")
    problem.verify_message = "self-signed certificate"

    def urlopen(*_, **__):
        raise URLError(problem)

    monkeypatch.setattr(module, "urlopen", urlopen)
    with pytest.raises(DownloadError, match=r"not to be trusted \(self-signed certificate\)"):
        download("https://host/file", tmp_path / "file.bin", sha256=SHA256)
    assert pauses == [0]
