"""What an actor does on its node: workers in processes of their own, which do jobs and tell how far they are.

A plain class that knows no Ray. A worker that crashes or hangs costs its job and not the actor.
"""

import platform
from collections import deque
from functools import partial

from engines import EngineError
from pipeline.errors import PipelineError
from pipeline.jobs.context import Progress, RunContext
from pipeline.results.run_folder import read_run
from pipeline.runs.engine_host import EngineHost
from pipeline.runs.jobs import Answer, Failed, Job, JobKey
from pipeline.runs.supervisor import Keeper
from pipeline.storage.store import open_store
from pipeline.version import software_version


class Station:
    """Workers with their own processes: one that runs the networks itself, or several that share a host's."""

    def __init__(self, context: RunContext, jobs: int, *, share: bool):
        """`jobs`: how many it does at a time, each in a worker of its own. `share`: a host runs all their networks."""
        self._context = context
        self._host = EngineHost(context.config) if share else None
        address = None if self._host is None else self._host.address
        self._keepers = [Keeper(context, address) for _ in range(jobs)]
        self._idle = deque(self._keepers)
        self._progress: dict[JobKey, Progress] = {}

    def load(self, version: str) -> str | None:
        """Have the networks ready; why no node like this can take part, if so.

        Raises EngineError for what may be this node's alone, HostLostError.
        """
        here = platform.node()
        if software_version() != version:
            return f"{here} has AffectStream {software_version()}, the driver {version}"
        try:
            store = open_store(self._context.out)
            if (read_run(store) or {}).get("run_id") != self._context.run_id:
                return f"{here} does not see {store}; every node must: give a shared disk or a bucket as --out"
            if self._host is not None:
                self._host.load()
            for keeper in self._keepers:
                keeper.load()
        except (EngineError, PipelineError) as exc:
            raise EngineError(f"{here}: {exc}") from exc
        return None

    def do(self, job: Job) -> Answer:
        """One job. After an answer of kind `machine` it can do no other."""
        keeper = self._idle.popleft()
        try:
            answer = keeper.do(job, partial(self._progress.__setitem__, job.key))
        except EngineError as exc:
            answer = Failed(f"{job.source.shown}: {platform.node()}: {exc}", "machine")
        finally:
            self._progress.pop(job.key, None)
            self._idle.append(keeper)
        lost = isinstance(answer, Failed) and answer.kind == "lost"
        if lost and self._host is not None and not self._host.answers(self._context.config.worker.hang_s):
            return Failed(f"{job.source.shown}: {platform.node()}: the networks' process is lost", "machine")
        return answer

    def close(self) -> None:
        """Kill its processes; they would end with it anyway."""
        for keeper in self._keepers:
            keeper.close()
        if self._host is not None:
            self._host.close()

    def progress(self, key: JobKey) -> Progress | None:
        return self._progress.get(key)
