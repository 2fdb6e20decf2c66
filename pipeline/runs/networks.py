"""The networks of a run, for one worker: loaded by itself, or run for it by a host (`pipeline.runs.engine_host`)."""

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection

import numpy as np

from engines import Engine, EngineError, EngineInfo, EngineOptions, NetworkSpec, Outputs, load_engine, open_network
from pipeline.config import AnalyzeConfig
from pipeline.heartbeat import beat

ROLES = ("detector", "affect")
LOADING_S_MAX = 300.0
"""Loading the engines, and on first use building them, may take this long."""


class HostLostError(Exception):
    """The process that runs the networks is gone, and with it this worker's job."""


def load_engines(config: AnalyzeConfig, on_batch: Callable[[], None] = beat) -> tuple[Engine, Engine]:
    """The run's detector and EmoFAN, for this process; they call `on_batch` after every batch. Raises EngineError."""
    networks = config.networks
    options = EngineOptions(runtime=networks.runtime, precision=networks.precision, threads=networks.threads)
    detector, affect = (
        load_engine(open_network(name), options, on_batch) for name in (networks.detector, networks.affect)
    )
    return detector, affect


@dataclass(frozen=True, slots=True)
class HostAddress:
    """Where a host listens, on its own machine, and the key to it."""

    socket: str
    key: bytes


class HostedEngine:
    """An engine that runs in a host. See `engines.Engine`."""

    def __init__(self, role: str, connection: Connection, spec: NetworkSpec, info: EngineInfo):
        self.spec, self.info = spec, info
        self._role, self._connection = role, connection

    def run(self, images: np.ndarray) -> Outputs:
        """Raises EngineError as the engine does, HostLostError where the host is gone."""
        answer = _ask(self._connection, (self._role, images))
        if isinstance(answer, str):
            raise EngineError(answer)
        assert isinstance(answer, dict)
        return answer


def hosted_engines(address: HostAddress) -> tuple[HostedEngine, HostedEngine]:
    """Detector and EmoFAN of a host, for one worker. Raises HostLostError where it is gone."""
    try:
        connection = Client(address.socket, family="AF_UNIX", authkey=address.key)
        described: dict[str, tuple[NetworkSpec, EngineInfo]] = connection.recv()
    except (EOFError, OSError) as exc:
        raise HostLostError(f"the networks' process is gone: {exc}") from exc
    detector, affect = (HostedEngine(role, connection, *described[role]) for role in ROLES)
    return detector, affect


def _ask(connection: Connection, request: tuple[str, np.ndarray]) -> Outputs | str:
    try:
        connection.send(request)
        answer: Outputs | str
        while (answer := connection.recv()) is None:  # it is still at work
            beat()
    except (EOFError, OSError) as exc:
        raise HostLostError(f"the networks' process is gone: {exc or type(exc).__name__}") from exc
    return answer
