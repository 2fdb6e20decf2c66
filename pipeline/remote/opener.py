"""Connections to web servers on which the header of an answer comes in time, however slowly each byte of it does."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from pipeline.logs import passing_over

logger = logging.getLogger(__name__)

HEADER_S_MAX = 30.0


class _Http(HTTPConnection):
    """A connection on which the header of an answer comes in time."""

    def getresponse(self) -> HTTPResponse:
        with _in_time(self.sock):
            return super().getresponse()


class _Https(HTTPSConnection):
    """The same, encrypted."""

    def getresponse(self) -> HTTPResponse:
        with _in_time(self.sock):
            return super().getresponse()


class _HttpHandler(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Http, req)


class _HttpsHandler(HTTPSHandler):
    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Https, req)


@lru_cache
def opener() -> OpenerDirector:
    """What asks web servers: follows redirects, goes through the proxies of the environment."""
    return build_opener(_HttpHandler, _HttpsHandler)


@contextmanager
def _in_time(connection: socket.socket) -> Iterator[None]:
    """Break the connection off, and raise TimeoutError, if what is done inside takes longer than HEADER_S_MAX."""
    late = threading.Event()

    def break_off() -> None:
        late.set()
        with passing_over(logger, "breaking off a connection", OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)

    timer = threading.Timer(HEADER_S_MAX, break_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if late.is_set():  # what came until then may look like a whole header
            raise TimeoutError("its header comes too slowly")
