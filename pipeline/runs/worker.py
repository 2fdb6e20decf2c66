"""The worker: a process that does one job at a time and tells how far it is.

The parent never decodes, so that a crash or a hang inside libav costs one job: the parent sees a dead pipe, or no
progress, and takes another worker.
"""

import os
import signal
import traceback
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from engines import Engine, EngineError
from pipeline import logs
from pipeline.errors import PipelineError, SinkError
from pipeline.heartbeat import beats
from pipeline.jobs.analyze import analyze_segment, analyze_source, join_segments
from pipeline.jobs.context import Progress, RunContext
from pipeline.jobs.segments import plan_segments
from pipeline.repeating import repeating
from pipeline.runs.jobs import Analysed, Answer, Failed, Job, Split
from pipeline.runs.networks import HostAddress, HostLostError, hosted_engines, load_engines

TICK_S = 0.2
"""How often a worker says how far it is."""


def serve(connection: Connection, context: RunContext, errors: int, host: HostAddress | None) -> None:
    """The worker's life: engines once, then jobs from `connection` until it closes; sends `Progress` and `Answer`.

    What it and the libraries in it write to stderr goes to the parent's file of descriptor `errors`. `host`: who runs
    the networks; None: it does.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    with Path(f"/proc/{os.getppid()}/fd/{errors}").open("ab") as file:
        os.dup2(file.fileno(), 2)
    logs.set_up()
    try:
        detector, affect = load_engines(context.config) if host is None else hosted_engines(host)
        connection.send(Progress())
        while True:
            job: Job = connection.recv()
            progress = Progress()
            with repeating(partial(_tell, connection, progress), TICK_S, name="tell"):
                answer = attempt(job, context, detector, affect, progress)
            connection.send(answer)
    except EngineError as exc:
        connection.send(Failed(str(exc), "machine"))
    except (EOFError, BrokenPipeError, HostLostError):
        return  # the host is gone, or the parent is gone, or has no more work


def attempt(job: Job, context: RunContext, detector: Engine, affect: Engine, progress: Progress) -> Answer:
    """A job, and what is wrong with it if it fails: nothing but an interruption is raised."""
    source = job.source
    try:
        if job.part is not None:
            analyze_segment(source, job.segments[job.part], context, detector, affect, progress)
            return Analysed()
        if job.segments:
            return join_segments(source, job.segments, context)
        if context.segment_s is not None:
            segments = plan_segments(source.path, context.config.sampling, context.segment_s)
            if len(segments) > 1:
                return Split(segments)
        return analyze_source(source, context, detector, affect, progress)
    except SinkError as exc:
        return Failed(str(exc), "sink")
    except PipelineError as exc:
        return Failed(str(exc), "input")
    except (EngineError, HostLostError) as exc:  # as out of the GPU's memory: another process may have it
        return Failed(f"{source.shown}: {exc}", "lost")
    except Exception:  # noqa: BLE001 - a worker outlives our own mistakes and reports them
        return Failed(f"{source.shown}: {traceback.format_exc()}", "ours")


def _tell(connection: Connection, progress: Progress) -> None:
    """Send `progress`; end the process if nobody listens any more."""
    progress.beats = beats()
    try:
        connection.send(replace(progress))
    except OSError:
        os._exit(0)
