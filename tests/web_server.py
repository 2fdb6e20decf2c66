"""A web server on this machine: a few files, ranges of them if it is told so, and who asked how."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class WebServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, files: dict[str, bytes]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.ranges = files, True
        self.logins: list[str | None] = []
        """The Authorization of every request."""

    def handle_error(self, *_):
        """Whoever asked may hang up: nothing is printed of that."""


class Handler(BaseHTTPRequestHandler):
    server: WebServer

    def do_GET(self):
        self.server.logins.append(self.headers["Authorization"])
        content = self.server.files.get(self.path.partition("?")[0])
        if content is None:
            self.send_error(404)
            return
        asked = self.headers["Range"] if self.server.ranges else None
        start, stop = 0, len(content)
        if asked:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last) + 1, stop)
            if start >= len(content):
                self.send_error(416)
                return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(content)}")
        self.send_header("Content-Length", str(stop - start))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()[:16]}"')
        self.end_headers()
        self.wfile.write(content[start:stop])

    def log_message(self, *_):
        pass


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[None]:
    """Let a server answer, in a thread of its own, until the end."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[WebServer]:
    """A server of `files`, by path, on a free port."""
    server = WebServer(files)
    with running(server):
        yield server
