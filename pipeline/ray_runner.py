"""The same workers as Ray actors, on one machine or a cluster: the one file of the pipeline that imports Ray.

An actor keeps a worker process (`pipeline.supervisor.Keeper`), so that a crash or a hang of libav costs a process and
not the actor; a lost actor or node costs the jobs that it had. Pixels never leave the worker: a job goes in, an answer
comes out. Which job is next, and what is tried again, is `pipeline.schedule`'s business, as on one machine.
"""

import logging
import platform
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RaySystemError

from engines import EngineError
from pipeline.config import Worker
from pipeline.errors import ConfigError, PipelineError
from pipeline.jobs import Answer, Failed, Job
from pipeline.run_folder import read_run
from pipeline.schedule import Schedule
from pipeline.sources import Source
from pipeline.store import open_store
from pipeline.supervisor import Keeper
from pipeline.tally import UnitReport
from pipeline.unit import Progress, RunContext
from pipeline.version import software_version
from pipeline.watcher import Watcher

LOCAL = "local"
"""The address of a Ray of the run's own, on this machine."""
WAIT_S = 1.0
"""The driver looks up at least this often ..."""
LOOK_S = 10.0
"""... and this often whether the cluster has grown."""
ASKED_MAX = 64
"""So many workers at a time are asked how far they are."""
STARTS_LOST_MAX = 5
"""So many actors may be lost in a row before one has loaded its networks."""
EMPTY_S_MAX = 300.0
"""A cluster whose nodes are all lost is waited for so long; a Ray of the run's own does not come back."""
LOST = (RayActorError, OutOfMemoryError)
"""What Ray raises when an actor, its node or its memory is gone."""


class _Actor:
    def __init__(self, context: RunContext):
        self._context, self._keeper, self._progress = context, Keeper(context), Progress()

    def load(self, version: str) -> str | None:
        """Have the networks ready; what is wrong with this node, if something is."""
        if software_version() != version:
            return f"{platform.node()} has AffectStream {software_version()}, the driver {version}"
        try:
            store = open_store(self._context.out)
            if (read_run(store) or {}).get("run_id") != self._context.run_id:
                return (
                    f"{platform.node()} does not see {store}; every node must: give a shared disk or a bucket as --out"
                )
            self._keeper.load()
        except (EngineError, PipelineError) as exc:
            return f"{platform.node()}: {exc}"
        return None

    def do(self, job: Job) -> Answer:
        self._progress = Progress()
        try:
            return self._keeper.do(job, self._watch)
        except EngineError as exc:
            return Failed(f"{job.source.shown}: {platform.node()}: {exc}", "lost")  # another node may do it

    def progress(self) -> Progress:
        return self._progress

    def _watch(self, progress: Progress) -> None:
        self._progress = progress


@dataclass(slots=True)
class _Crew:
    """The actors of a run. Those that do something are found by the reference to what comes of it."""

    context: RunContext
    starting: dict[Any, Any] = field(default_factory=dict)
    idle: list[Any] = field(default_factory=list)
    working: dict[Any, tuple[Any, Job]] = field(default_factory=dict)
    asked: dict[Any, Source] = field(default_factory=dict)
    """Sources being done, by the reference to how far they are."""
    starts_lost: int = 0

    @property
    def ready(self) -> int:
        """How many have loaded their networks."""
        return len(self.idle) + len(self.working)

    def hire(self, wanted: int) -> None:
        """Start actors until there are `wanted`; they come to life as the cluster has room."""
        actor_class: Any = ray.remote(_Actor)
        options = {"num_cpus": self.context.config.worker.cpus, "max_concurrency": 2}
        while len(self.starting) + self.ready < wanted:
            actor = actor_class.options(**options).remote(self.context)
            self.starting[actor.load.remote(software_version())] = actor

    def begin(self, job: Job) -> None:
        """Give a job to an idle actor."""
        actor = self.idle.pop()
        self.working[actor.do.remote(job)] = (actor, job)

    def ask(self) -> None:
        """Ask some of those at work how far they are; never more than answer."""
        count = min(ASKED_MAX - len(self.asked), len(self.working))
        for actor, job in random.sample(list(self.working.values()), count):
            self.asked[actor.progress.remote()] = job.source

    def started(self, reference: Any) -> None:
        """An actor has loaded its networks, or is lost. Raises EngineError if it cannot, or too many are lost."""
        actor = self.starting.pop(reference)
        try:
            wrong = ray.get(reference)
        except LOST as exc:
            self.starts_lost += 1
            if self.starts_lost >= STARTS_LOST_MAX:
                raise EngineError(
                    f"{self.starts_lost} workers in a row were lost as they started: {_line(exc)}"
                ) from exc
            return
        if wrong is not None:
            raise EngineError(wrong)
        self.starts_lost = 0
        self.idle.append(actor)

    def answered(self, reference: Any) -> tuple[Job, Answer]:
        """What came of a job; its actor is idle again, or lost."""
        actor, job = self.working.pop(reference)
        try:
            answer: Answer = ray.get(reference)
        except LOST as exc:
            return job, Failed(f"{job.source.shown}: the worker's node or process was lost: {_line(exc)}", "lost")
        self.idle.append(actor)
        return job, answer

    def dismiss(self) -> None:
        """Kill all actors; their processes end with them."""
        for actor in [*self.starting.values(), *self.idle, *(actor for actor, _ in self.working.values())]:
            ray.kill(actor)


def do_all(
    sources: Sequence[Source], context: RunContext, watcher: Watcher, address: str
) -> Iterator[tuple[Source, UnitReport]]:
    """The reports of all sources, as they come; they are begun in the order given.

    `address`: LOCAL, `auto`, or that of a cluster. Raises ConfigError where it cannot be reached or has no room for a
    worker, EngineError where a worker cannot load its networks, or the cluster is lost.
    """
    schedule = Schedule(sources, attempts=context.config.worker.attempts, retried=watcher.retried)
    if schedule.is_done:
        return
    with connected(address) as dashboard:
        if dashboard:
            watcher.noted(f"Ray's dashboard: {dashboard}")
        _check_room(context.config.worker, _cores())
        crew = _Crew(_with_threads(context))
        try:
            yield from _work_off(schedule, crew, watcher, empty_s_max=0.0 if address == LOCAL else EMPTY_S_MAX)
        finally:
            crew.dismiss()


def _work_off(
    schedule: Schedule, crew: _Crew, watcher: Watcher, *, empty_s_max: float
) -> Iterator[tuple[Source, UnitReport]]:
    room, looked_s, asked_s, seen_s = 0, -LOOK_S, 0.0, time.monotonic()
    while not schedule.is_done:
        now_s = time.monotonic()
        if now_s - looked_s >= LOOK_S:
            room, looked_s = _room(crew.context.config.worker, _cores()), now_s
        if room or crew.working:
            seen_s = now_s
        elif now_s - seen_s >= empty_s_max:
            raise EngineError("Ray's nodes are lost; what was done is kept: the same command goes on from there")
        crew.hire(min(room, schedule.unsettled))
        while crew.idle and (job := schedule.take(now_s)) is not None:
            crew.begin(job)
        if now_s - asked_s >= WAIT_S:
            watcher.staffed(crew.ready)
            crew.ask()
            asked_s = now_s
        for reference in _ready([*crew.working, *crew.starting, *crew.asked], schedule.pause_s(now_s)):
            if reference in crew.starting:
                crew.started(reference)
            elif reference in crew.working:
                job, answer = crew.answered(reference)
                report = schedule.put(job, answer, time.monotonic())
                if report is not None:
                    yield job.source, report
            else:
                source = crew.asked.pop(reference)
                with suppress(*LOST):  # of a lost worker, its job's own answer tells
                    watcher.progress(source, ray.get(reference))


def _ready(references: list[Any], pause_s: float | None) -> list[Any]:
    """Those of `references` that are ready within a moment, at most `pause_s`: all of them once there is one."""
    limit_s = WAIT_S if pause_s is None else min(WAIT_S, pause_s)
    if not references:
        time.sleep(limit_s)
        return []
    ready, _ = ray.wait(references, timeout=limit_s)
    return ray.wait(references, num_returns=len(references), timeout=0)[0] if ready else []


def _cores() -> float:
    """Those of the cluster as it is now, in use or not."""
    return float(ray.cluster_resources().get("CPU", 0.0))  # type: ignore[no-untyped-call]


def _room(worker: Worker, cores: float) -> int:
    """How many workers there may be."""
    room = int(cores // worker.cpus)
    return room if worker.count is None else min(worker.count, room)


def _check_room(worker: Worker, cores: float) -> None:
    """Raise ConfigError where what is asked for does not fit: Ray would wait for ever."""
    if _room(worker, cores) < (worker.count or 1):
        count = "a worker" if worker.count is None else f"{worker.count} workers"
        raise ConfigError(
            f"{count} of {worker.cpus:g} cores: the cluster has {cores:g} cores, which is room for "
            f"{int(cores // worker.cpus)}; set worker.count and worker.cpus lower, or add nodes"
        )


@contextmanager
def connected(address: str) -> Iterator[str | None]:
    """Join a cluster, or start a Ray for this run; where its dashboard is, if it has one.

    Raises ConfigError where it cannot be reached.
    """
    if ray.is_initialized():
        yield None
        return
    try:
        joined = ray.init(
            address=address,
            include_dashboard=False if address == LOCAL else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except (ConnectionError, RaySystemError, ValueError, RuntimeError) as exc:
        raise ConfigError(f"--ray {address}: no Ray there: {_line(exc)}") from exc
    try:
        dashboard = joined.dashboard_url
        yield f"http://{dashboard}" if dashboard else None
    finally:
        ray.shutdown()


def _with_threads(context: RunContext) -> RunContext:
    """Each worker's networks get as many threads as it has cores, where the settings do not say."""
    config = context.config
    if config.networks.threads:
        return context
    networks = config.networks.model_copy(update={"threads": max(int(config.worker.cpus), 1)})
    return replace(context, config=config.model_copy(update={"networks": networks}))


def _line(exc: BaseException) -> str:
    return (str(exc).splitlines() or [type(exc).__name__])[0]
