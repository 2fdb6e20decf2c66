"""Web servers that never come to an end: each request is bounded in time and in what it brings."""

import time
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer

import pytest

from pipeline.errors import SourceError
from pipeline.remote import opener, web
from pipeline.remote.files import RemoteFile
from pipeline.sources.find import find_sources, states
from tests.web_server import running


@contextmanager
def answering(answer):
    """The address of a server that answers with what `answer()` yields, and the list of requests."""
    seen = []

    class Handler(BaseRequestHandler):
        def handle(self):
            seen.append(self.request.recv(1 << 16))
            with suppress(OSError):  # whoever asked may hang up
                for part in answer():
                    self.request.sendall(part)

    class Server(ThreadingTCPServer):
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    with running(server):
        yield f"http://127.0.0.1:{server.server_address[1]}/v.mp4", seen


@pytest.fixture(autouse=True)
def _straight(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(web, "PAUSES_S", (0.01,) * len(web.PAUSES_S))


def test_a_header_that_trickles_is_given_up(monkeypatch):
    monkeypatch.setattr(opener, "HEADER_S_MAX", 0.2)

    def trickle():
        yield b"HTTP/1.1 200 OK\r\nX-Long: "
        while True:
            yield b"x"
            time.sleep(0.02)

    with answering(trickle) as (address, seen):
        with pytest.raises(SourceError, match="no answer: its header comes too slowly; tried 2 times"):
            web.WebFile(address, tries=2)
        assert len(seen) == 2


def test_an_answer_without_end_and_length_is_given_up(monkeypatch):
    monkeypatch.setattr(web, "UNTOLD_MAX", 1 << 20)

    def endless():
        yield b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
        while True:
            yield bytes(1 << 16)

    with answering(endless) as (address, seen):
        with pytest.raises(SourceError, match=r"v\.mp4: more than .* GiB came, .* live stream"):
            RemoteFile(address)
        assert len(seen) == 2  # one look and one try


def test_a_file_that_comes_in_chunks_is_read_whole(monkeypatch):
    monkeypatch.setattr(web, "UNTOLD_MAX", 300_000)

    def chunks():
        yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for i in range(3):
            yield b"186a0\r\n" + bytes([i]) * 100_000 + b"\r\n"
        yield b"0\r\n\r\n"

    with answering(chunks) as (address, _):
        file = RemoteFile(address)
        assert file.read() == b"".join(bytes([i]) * 100_000 for i in range(3))
        file.release()


def test_a_length_that_is_no_number_is_none():
    answer = [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: many\r\n\r\n", b"abc"]
    with answering(lambda: answer) as (address, _):
        file = RemoteFile(address)
        assert file.read() == b"abc"
        file.release()


def test_planning_asks_a_server_that_is_away_once():
    with answering(lambda: [b"HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n"]) as (address, seen):
        (source,) = find_sources([address])
        assert states([source]) == [{"uri": address}]
        assert len(seen) == 1
        assert source.state() == {"uri": address}
        assert len(seen) == 1 + web.TRIES
