"""A network that misbehaves when it is told to: an HTTP proxy that stands before a server."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Fault:
    """What happens to the next `times` requests whose ``METHOD /path`` `concerns`."""

    kind: str
    """`503`, or another status; `cut`: the answer breaks off in its middle; `slow`: it comes `pause_s` later."""
    times: int = 1
    concerns: Callable[[str], bool] = lambda request: True
    pause_s: float = 1.0


@dataclass
class BadNetwork:
    """Passes requests on to a port of this machine. `seen` lists them, in order."""

    port: int
    target: int
    faults: list[Fault] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    met: int = 0
    """How many requests met a fault."""

    def fault(self, request: str) -> Fault | None:
        self.seen.append(request)
        for fault in self.faults:
            if fault.times and fault.concerns(request):
                fault.times -= 1
                self.met += 1
                return fault
        return None


class Proxy(ThreadingHTTPServer):
    daemon_threads = True
    network: BadNetwork

    def handle_error(self, *_):
        """Whoever asked may hang up: nothing is printed of that."""


class Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"  # without it, whoever sends much waits a second for "100 Continue"

    def do_GET(self):
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        content = self.read_chunks() if chunked else self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.network.fault(f"{self.command} {self.path}")
        if fault is not None and fault.kind.isdigit():
            self.send_response(int(fault.kind))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.pause_s)
        connection = HTTPConnection("127.0.0.1", self.server.network.target, timeout=30)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            connection.endheaders(iter([content]) if chunked else content, encode_chunked=chunked)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        self.send_response(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "server", "date"):
                self.send_header(name, value)
        if answer.getheader("Content-Length") is None and answer.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault is not None and fault.kind == "cut":
            body, self.close_connection = body[: len(body) // 2], True
        self.wfile.write(body)

    def read_chunks(self) -> bytes:
        content = b""
        while length := int(self.rfile.readline(), 16):
            content += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return content

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def log_message(self, *_):
        pass


@contextmanager
def bad_network(target: int) -> Iterator[BadNetwork]:
    """A proxy on a free port, before the server on port `target` of this machine."""
    proxy = Proxy(("127.0.0.1", 0), Handler)
    proxy.network = BadNetwork(proxy.server_port, target)
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy.network
    finally:
        proxy.shutdown()
        thread.join()
        proxy.server_close()
