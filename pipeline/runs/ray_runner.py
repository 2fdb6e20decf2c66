"""The same workers as Ray actors, on one machine or a cluster: the one file of the pipeline that imports Ray.

An actor is a `pipeline.runs.station.Station`: it keeps workers in processes of their own, so that a crash of libav
costs a process and not the actor; a lost actor or node costs the jobs that it had. A job goes in, an answer comes out.
Pixels never leave the worker, or where workers share a GPU, the machine (`pipeline.runs.engine_host`). Which job is
next, and what is tried again, is `pipeline.runs.schedule`'s business, as on one machine.
"""

import logging
import random
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Literal

import ray
from ray.exceptions import OutOfMemoryError, RayActorError

from engines import EngineError
from pipeline.errors import ConfigError
from pipeline.jobs.context import RunContext
from pipeline.logs import passing_over
from pipeline.results.commits import StreamReport
from pipeline.runs.jobs import Answer, Failed, Job
from pipeline.runs.networks import HostLostError
from pipeline.runs.room import Node, Room, check_room, room
from pipeline.runs.schedule import Schedule
from pipeline.runs.standing import Standing
from pipeline.runs.station import Station
from pipeline.sources.find import Source
from pipeline.version import software_version

logger = logging.getLogger(__name__)

LOCAL = "local"
"""The address of a Ray of the run's own, on this machine."""
WAIT_S = 1.0
"""The driver looks up at least this often ..."""
LOOK_S = 10.0
"""... and this often whether the cluster has grown."""
ASKED_MAX = 64
"""So many workers at a time are asked how far they are."""
STARTS_LOST_MAX = 5
"""After so many actors in a row that were lost as they started, the run ends, or if others are at work, ..."""
REST_S = 60.0
"""... none is started for so long."""
EMPTY_S_MAX = 300.0
"""A cluster whose nodes are all lost is waited for so long; a Ray of the run's own does not come back."""
HEAD_S_MAX = 10.0
"""A cluster's head must take a connection within this."""
PATIENCE_S = 30.0
"""After so long without a worker, people are told what is waited for."""
GPU_RUNTIME: Literal["onnxruntime-gpu"] = "onnxruntime-gpu"
"""What runs the networks on a GPU, unless the settings say otherwise."""
LOST = (RayActorError, OutOfMemoryError)
"""What Ray raises when an actor, its node or its memory is gone."""


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """An actor, and how many jobs it does at a time."""

    actor: Any
    jobs: int
    share: bool
    """Its workers share a host."""


@dataclass(slots=True)
class _Crew:
    """The actors of a run. Those that do something are found by the reference to what comes of it."""

    context: RunContext
    members: list[_Member] = field(default_factory=list)
    starting: dict[Any, _Member] = field(default_factory=dict)
    idle: list[_Member] = field(default_factory=list)
    """Each as often as it can take a job."""
    working: dict[Any, tuple[_Member, Job]] = field(default_factory=dict)
    asked: dict[Any, Job] = field(default_factory=dict)
    """Jobs being done, by the reference to how far they are."""
    starts_lost: int = 0
    rests_until_s: float = 0.0

    @property
    def ready(self) -> int:
        """How many workers have loaded their networks."""
        return len(self.idle) + len(self.working)

    def hire(self, there: Room, wanted: int) -> None:
        """Start actors, as there is room, for `wanted` jobs; they come to life as the cluster lets them."""
        if time.monotonic() < self.rests_until_s:
            return
        for share, most in ((True, there.groups), (False, there.alone)):
            jobs = self.context.config.worker.feeders if share else 1
            count = sum(member.share is share for member in self.members)
            for _ in range(count, min(most, ceil(wanted / jobs))):
                self._start(jobs, share=share)
                count += 1
            wanted = max(wanted - count * jobs, 0)

    def _start(self, jobs: int, *, share: bool) -> None:
        worker = self.context.config.worker
        actor_class: Any = ray.remote(Station)
        options = {"num_cpus": jobs * worker.cpus, "num_gpus": worker.gpus if share else 0, "max_concurrency": jobs + 1}
        context = _for_member(self.context, jobs, share=share)
        actor = actor_class.options(**options).remote(context, jobs, share=share)
        member = _Member(actor, jobs, share)
        self.members.append(member)
        self.starting[actor.load.remote(software_version())] = member

    def begin(self, job: Job) -> None:
        """Give a job to an idle actor."""
        member = self.idle.pop()
        self.working[member.actor.do.remote(job)] = (member, job)

    def ask(self) -> None:
        """Ask some of those at work how far they are; never more than answer."""
        count = min(ASKED_MAX - len(self.asked), len(self.working))
        for member, job in random.sample(list(self.working.values()), count):
            self.asked[member.actor.progress.remote(job.key)] = job

    def started(self, reference: Any) -> str | None:
        """An actor has loaded its networks, or is lost, and why. Raises EngineError if none can be had."""
        member = self.starting.pop(reference)
        try:
            wrong = ray.get(reference)
        except (*LOST, HostLostError, EngineError) as exc:
            self._lose(member)
            self._start_lost(exc)
            return f"a worker was lost as it started: {_line(getattr(exc, 'cause', exc))}"
        if wrong is not None:
            raise EngineError(wrong)
        self.starts_lost = 0
        self.idle += [member] * member.jobs
        return None

    def _start_lost(self, exc: Exception) -> None:
        """Bear it where others are at work: it may be one node's fault."""
        self.starts_lost += 1
        if not self.ready and not self.starting and isinstance(exc, EngineError):
            raise EngineError(str(getattr(exc, "cause", exc))) from exc
        if self.starts_lost >= STARTS_LOST_MAX:
            if not self.ready:
                raise EngineError(
                    f"{self.starts_lost} workers in a row were lost as they started: {_line(exc)}"
                ) from exc
            self.starts_lost, self.rests_until_s = 0, time.monotonic() + REST_S

    def answered(self, reference: Any) -> tuple[Job, Answer]:
        """What came of a job; its actor is idle again, or lost."""
        member, job = self.working.pop(reference)
        try:
            answer: Answer = ray.get(reference)
        except LOST as exc:
            self._lose(member)
            return job, Failed(f"{job.source.shown}: the worker's node or process was lost: {_line(exc)}", "machine")
        if isinstance(answer, Failed) and answer.kind == "machine":
            self._lose(member)
        elif member in self.members:
            self.idle.append(member)
        return job, answer

    def dismiss(self) -> None:
        """Kill all actors; their processes end with them."""
        for member in self.members:
            ray.kill(member.actor)

    def _lose(self, member: _Member) -> None:
        if member in self.members:
            self.members.remove(member)
            ray.kill(member.actor)  # one that could not load is still there
        self.idle = [other for other in self.idle if other is not member]


def do_all(
    sources: Sequence[Source], context: RunContext, standing: Standing, address: str
) -> Iterator[tuple[Source, StreamReport]]:
    """The reports of all sources, as they come; they are begun in the order given.

    `address`: LOCAL, `auto`, or that of a cluster. Raises ConfigError where it cannot be reached or has no room for a
    worker, EngineError where a worker cannot load its networks, or the cluster is lost.
    """
    schedule = Schedule(sources, attempts=context.config.worker.attempts, standing=standing)
    if schedule.is_done:
        return
    with connected(address) as dashboard:
        if dashboard:
            standing.noted(f"Ray's dashboard: {dashboard}")
        check_room(context.config.worker, _nodes())
        crew = _Crew(context)
        try:
            yield from _work_off(schedule, crew, standing, empty_s_max=0.0 if address == LOCAL else EMPTY_S_MAX)
        finally:
            crew.dismiss()


def _work_off(
    schedule: Schedule, crew: _Crew, standing: Standing, *, empty_s_max: float
) -> Iterator[tuple[Source, StreamReport]]:
    began_s = seen_s = time.monotonic()
    there, looked_s, asked_s, told = Room(0, 0), -LOOK_S, 0.0, False
    while not schedule.is_done:
        now_s = time.monotonic()
        if now_s - looked_s >= LOOK_S:
            there, looked_s = room(crew.context.config.worker, _nodes()), now_s
        if there.groups or there.alone or crew.working:
            seen_s = now_s
        elif now_s - seen_s >= empty_s_max:
            raise EngineError("Ray's nodes are lost; what was done is kept: the same command goes on from there")
        crew.hire(there, schedule.unsettled)
        while crew.idle and (job := schedule.take(now_s)) is not None:
            crew.begin(job)
        if now_s - asked_s >= WAIT_S:
            standing.staffed(crew.ready)
            if not crew.ready and not told and now_s - began_s >= PATIENCE_S:
                standing.noted("waiting for workers: the cluster is busy, or its nodes are slow to load the networks")
                told = True
            crew.ask()
            asked_s = now_s
        for reference in _ready([*crew.working, *crew.starting, *crew.asked], schedule.pause_s(now_s)):
            if reference in crew.starting:
                if (why_lost := crew.started(reference)) is not None:
                    standing.noted(why_lost)
            elif reference in crew.working:
                job, answer = crew.answered(reference)
                report = schedule.put(job, answer, time.monotonic())
                if report is not None:
                    yield job.source, report
            else:
                asked = crew.asked.pop(reference)
                with passing_over(logger, "asking a worker for its progress", *LOST):  # its job's own answer tells
                    if (progress := ray.get(reference)) is not None:
                        standing.progress(asked, progress)


def _ready(references: list[Any], pause_s: float | None) -> list[Any]:
    """Those of `references` that are ready within a moment, at most `pause_s`: all of them once there is one."""
    limit_s = WAIT_S if pause_s is None else min(WAIT_S, pause_s)
    if not references:
        time.sleep(limit_s)
        return []
    ready, _ = ray.wait(references, timeout=limit_s)
    return ray.wait(references, num_returns=len(references), timeout=0)[0] if ready else []


def _nodes() -> list[Node]:
    """The nodes of the cluster as it is now, in use or not."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return [Node(cores=float(has.get("CPU", 0.0)), gpus=float(has.get("GPU", 0.0))) for has in alive]


@contextmanager
def connected(address: str) -> Iterator[str | None]:
    """Join a cluster, or start a Ray for this run; where its dashboard is, if it has one.

    Raises ConfigError where it cannot be reached.
    """
    if ray.is_initialized():
        yield None
        return
    _look_for_head(address)
    try:
        joined = ray.init(
            address=address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as exc:  # Ray raises what it likes
        if address == LOCAL:
            raise EngineError(f"Ray cannot start on this machine: {_line(exc)}") from exc
        raise ConfigError(f"--ray {address}: no Ray there: {_line(exc)}") from exc
    try:
        dashboard = joined.dashboard_url
        yield f"http://{dashboard}" if dashboard else None
    finally:
        ray.shutdown()


def _look_for_head(address: str) -> None:
    """Raise ConfigError where nothing listens at `HOST:PORT`: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host.strip("[]"), int(port)), HEAD_S_MAX).close()
        except (OSError, OverflowError) as exc:
            why = getattr(exc, "strerror", None) or exc
            raise ConfigError(f"--ray {address}: no Ray there: {why}; give the address of the cluster's head") from exc


def _for_member(context: RunContext, jobs: int, *, share: bool) -> RunContext:
    """What the settings leave open of the networks: as many threads as the actor has cores, and the GPU's runtime."""
    config, runtime = context.config, context.config.networks.runtime
    if share and runtime == "auto":
        runtime = GPU_RUNTIME
    elif not share and runtime == GPU_RUNTIME:  # a worker on a node's other cores has no GPU
        runtime = "auto"
    threads = config.networks.threads or max(int(jobs * config.worker.cpus), 1)
    chosen = {"threads": threads, "runtime": runtime}
    return replace(context, config=config.model_copy(update={"networks": config.networks.model_copy(update=chosen)}))


def _line(exc: BaseException) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0]
