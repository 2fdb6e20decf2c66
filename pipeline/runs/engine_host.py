"""One process that runs the networks for several workers, as where they share a GPU.

Workers decode, crop, track and write; only what a network is given travels, and its answers. Each worker waits for its
answer, so there is never more than one request of each on the way: at most `analyzer.CROPS_MAX` crops. Requests that
are there at the same time are run together.
"""

import logging
import multiprocessing
import os
import secrets
import signal
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Listener
from queue import Empty, SimpleQueue

import numpy as np

from engines import Engine, EngineError, Outputs
from pipeline.config import AnalyzeConfig
from pipeline.logs import passing_over
from pipeline.runs.networks import LOADING_S_MAX, ROLES, HostAddress, HostLostError, hosted_engines, load_engines

logger = logging.getLogger(__name__)


class EngineHost:
    """The process, seen from its parent, and killed with it."""

    def __init__(self, config: AnalyzeConfig):
        # A name that begins with a zero byte is Linux's own and no file: nothing of it stays when both are killed.
        self.address = HostAddress(f"\0affectstream-{secrets.token_hex(8)}", secrets.token_bytes(32))
        spawn = multiprocessing.get_context("spawn")
        self._said, theirs = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(self.address, config, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def load(self) -> None:
        """Wait until the networks are loaded.

        Raises EngineError if they cannot be, HostLostError if the process dies or hangs.
        """
        try:
            if not self._said.poll(LOADING_S_MAX):
                raise HostLostError(f"the networks' process has not loaded them in {LOADING_S_MAX:g} s")
            wrong = self._said.recv()
        except EOFError:
            self._process.join(5)
            raise HostLostError(f"the networks' process died as it began ({self._process.exitcode})") from None
        if wrong is not None:
            raise EngineError(wrong)

    def answers(self, within_s: float) -> bool:
        """Whether it still does: one that was killed, or hangs in a driver, does not."""
        answered = threading.Event()

        def ask() -> None:
            with passing_over(logger, "asking the engine host", HostLostError, EngineError):
                _, affect = hosted_engines(self.address)
                side = affect.spec.input
                affect.run(np.zeros((0, side.height_px or 0, side.width_px or 0, side.channels), np.uint8))
                answered.set()

        threading.Thread(target=ask, daemon=True).start()
        return answered.wait(within_s)

    def close(self) -> None:
        """Kill it. One that a hanging driver holds is left behind."""
        self._process.kill()
        self._process.join(5)
        self._said.close()


def serve(address: HostAddress, config: AnalyzeConfig, parent: Connection) -> None:
    """The host's life: load, tell the parent, answer whoever connects, and end with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asking: set[Connection] = set()

    def beat() -> None:
        for asker in tuple(asking):
            _reply(asker, None)

    try:
        engines = dict(zip(ROLES, load_engines(config, beat), strict=True))
        listener = Listener(address.socket, family="AF_UNIX", authkey=address.key)
    except (EngineError, OSError) as exc:
        parent.send(str(exc))
        return
    asked: SimpleQueue[_Request] = SimpleQueue()
    threading.Thread(target=_accept, args=(listener, engines, asked, asking), daemon=True).start()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    parent.send(None)
    while True:
        _answer(engines, _waiting(asked), asking)


@dataclass(frozen=True, slots=True)
class _Request:
    role: str
    images: np.ndarray
    asker: Connection


def _accept(
    listener: Listener, engines: dict[str, Engine], asked: "SimpleQueue[_Request]", asking: set[Connection]
) -> None:
    while True:
        try:
            asker = listener.accept()
            asker.send({role: (engine.spec, engine.info) for role, engine in engines.items()})
        except (EOFError, OSError, multiprocessing.AuthenticationError):
            continue  # it was killed as it came
        threading.Thread(target=_listen, args=(asker, asked, asking), daemon=True).start()


def _listen(asker: Connection, asked: "SimpleQueue[_Request]", asking: set[Connection]) -> None:
    while True:
        try:
            role, images = asker.recv()
        except (EOFError, OSError):
            return  # the worker has ended
        asking.add(asker)
        asked.put(_Request(role, images, asker))


def _end_with(parent: Connection) -> None:
    try:
        parent.recv()
    except (EOFError, OSError):
        os._exit(0)


def _waiting(asked: "SimpleQueue[_Request]") -> list[_Request]:
    """All requests that are there; at least one."""
    requests = [asked.get()]
    while True:
        try:
            requests.append(asked.get_nowait())
        except Empty:
            return requests


def _answer(engines: dict[str, Engine], requests: Iterable[_Request], asking: set[Connection]) -> None:
    """Run what fits together as one batch, and give each asker its part.

    Until then the askers are in `asking`, and are told after every batch that their answer is on its way.
    """
    together: dict[tuple[object, ...], list[_Request]] = {}
    for request in requests:
        together.setdefault((request.role, *request.images.shape[1:]), []).append(request)
    for same in together.values():
        counts = [len(request.images) for request in same]
        answers: Sequence[Outputs | str]
        try:
            outputs = engines[same[0].role].run(np.concatenate([request.images for request in same]))
            ends = np.cumsum(counts)
            answers = [
                {name: value[end - count : end] for name, value in outputs.items()}
                for count, end in zip(counts, ends, strict=True)
            ]
        except Exception as exc:  # noqa: BLE001 - runtimes raise what they like; it costs who asked and not all
            answers = [f"{type(exc).__name__}: {exc}"] * len(same)
        for request, answer in zip(same, answers, strict=True):
            asking.discard(request.asker)
            _reply(request.asker, answer)


def _reply(asker: Connection, answer: Outputs | str | None) -> None:
    with passing_over(logger, "answering a worker", OSError):  # it was killed meanwhile; its own parent knows
        asker.send(answer)
