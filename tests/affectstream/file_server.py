"""A web server on this machine with one file, that can be told to misbehave."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.web_server import running


class Server(ThreadingHTTPServer):
    """Serves `content`; what it does wrong stands in its settings. `asked` holds the Range of every request."""

    daemon_threads = True

    def __init__(self, content: bytes):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.ranges, self.says_length = content, True, True
        self.answers: list[int] = []
        """Status codes of the next answers, instead of the content."""
        self.cuts: list[int] = []
        """After how many bytes each of the next answers breaks off."""
        self.asked: list[str | None] = []

    def handle_error(self, *_):
        """Whoever asked may hang up: nothing is printed of that."""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/folder/file.bin"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        server, asked = self.server, self.headers["Range"]
        server.asked.append(asked)
        if server.answers:
            self.send_error(server.answers.pop(0))
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.ranges else 0
        if start >= len(server.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        if server.says_length:
            self.send_header("Content-Length", str(len(server.content) - start))
        self.end_headers()
        end = start + server.cuts.pop(0) if server.cuts else None
        self.wfile.write(server.content[start:end])

    def log_message(self, *_):
        pass


@contextmanager
def serving(content: bytes, patch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of `content`, reached past any proxy."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        patch.delenv(name, raising=False)
    server = Server(content)
    with running(server):
        yield server
