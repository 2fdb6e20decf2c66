"""The worker: a process that does one unit at a time, from decode to commit, and tells how far it is.

The parent never decodes, so that a crash or a hang inside libav costs one unit: the parent sees a dead pipe, or no
progress, and takes another worker.
"""

import os
import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Literal

from engines import Engine, EngineError, EngineOptions, load_engine, open_network
from pipeline.config import AnalyzeConfig
from pipeline.errors import PipelineError, SinkError
from pipeline.network import is_waiting
from pipeline.sources import Source
from pipeline.tally import UnitReport
from pipeline.unit import Progress, RunContext, run_unit

TICK_S = 0.2
"""How often a worker says how far it is."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A unit that was not committed."""

    message: str
    kind: Literal["input", "sink", "ours", "machine"]
    """Whose fault: the file's, the disk's, ours (with a traceback), the machine's."""


Reply = Progress | UnitReport | Failed


def failure(source: Source, failed: Failed) -> UnitReport:
    """The report of a unit that was not committed."""
    ours = failed.kind == "ours"
    return UnitReport(stream_id=source.stream_id, source=source.shown, error=failed.message, our_fault=ours)


def load_engines(config: AnalyzeConfig) -> tuple[Engine, Engine]:
    """The run's detector and EmoFAN, for this process. Raises EngineError."""
    networks = config.networks
    options = EngineOptions(runtime=networks.runtime, precision=networks.precision, threads=networks.threads)
    return load_engine(open_network(networks.detector), options), load_engine(open_network(networks.affect), options)


def serve(connection: Connection, context: RunContext) -> None:
    """The worker's life: engines once, then units from `connection` until it closes. Sends `Reply` values."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    try:
        detector, affect = load_engines(context.config)
        connection.send(Progress())
        while True:
            source: Source = connection.recv()
            progress = Progress()
            with _telling(connection, progress):
                reply = attempt(source, context, detector, affect, progress)
            connection.send(reply)
    except EngineError as exc:
        connection.send(Failed(str(exc), "machine"))
    except (EOFError, BrokenPipeError):
        return  # the parent is gone, or has no more work


def attempt(
    source: Source, context: RunContext, detector: Engine, affect: Engine, progress: Progress
) -> UnitReport | Failed:
    """A unit, and what is wrong with it if it fails: nothing but an interruption is raised."""
    try:
        return run_unit(source, context, detector, affect, progress)
    except SinkError as exc:
        return Failed(str(exc), "sink")
    except PipelineError as exc:
        return Failed(str(exc), "input")
    except Exception:  # noqa: BLE001 - a worker outlives our own mistakes and reports them
        return Failed(f"{source.shown}: {traceback.format_exc()}", "ours")


@contextmanager
def _telling(connection: Connection, progress: Progress) -> Iterator[None]:
    """Send `progress` every `TICK_S` from another thread; end the process if nobody listens any more."""
    done = threading.Event()

    def tell() -> None:
        while not done.wait(TICK_S):
            if is_waiting():  # that is bounded in time and no hang
                progress.step()
            try:
                connection.send(replace(progress))
            except (BrokenPipeError, OSError):
                os._exit(0)

    thread = threading.Thread(target=tell, name="tell", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
