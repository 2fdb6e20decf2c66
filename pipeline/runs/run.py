"""A run over many sources: plan, resume, record. Nothing is decoded here.

Where the units are done is the runner's business: in one worker process, in the caller's own, or on Ray.
"""

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines import NetworkSpec, open_network
from pipeline.config import AnalyzeConfig, config_hash
from pipeline.errors import ConfigError, ResultsError, SinkError
from pipeline.jobs.context import Progress, RunContext
from pipeline.logs import passing_over
from pipeline.remote.addresses import is_address
from pipeline.results import commits, compact, run_folder
from pipeline.results.commits import Commit, StreamReport
from pipeline.results.forget import remove_reports
from pipeline.runs import progress_file, run_record, supervisor
from pipeline.runs.forgotten import finish_erasure, leave_out, note_gone
from pipeline.runs.networks import load_engines
from pipeline.runs.schedule import Schedule
from pipeline.runs.standing import Standing
from pipeline.runs.worker import attempt
from pipeline.sources.find import Source, states
from pipeline.sources.scan import LeftOut
from pipeline.storage.store import Store, open_store

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class RunResult:
    """What came of a run."""

    out: str
    """The results folder, as it is shown."""
    run_id: str
    resumed: int
    """How many of the sources were done before."""
    reports: list[StreamReport] = field(default_factory=list)
    """Of all sources, in their order, those done before included."""
    forgotten: dict[str, str] = field(default_factory=dict)
    """Sources that were forgotten there, and are not analysed: path and time (UTC)."""
    wall_s: float = 0.0

    @property
    def failed(self) -> list[StreamReport]:
        return [report for report in self.reports if report.error is not None]


def run(
    sources: Sequence[Source],
    out: str | Path,
    config: AnalyzeConfig,
    *,
    in_process: bool = False,
    ray: str | None = None,
    fresh: bool = False,
    standing: Standing | None = None,
    left_out: LeftOut | None = None,
    names: Mapping[str, str] | None = None,
) -> RunResult:
    """Analyse `sources` into `out`, a folder or the address of one, going on where an earlier try stopped.

    `in_process` does the units in the caller's own process; `ray`, `local` or the address of a cluster, on Ray.
    `left_out`: what the search for sources passed over; it is shown and recorded. `names`: what the caller calls the
    settings, by dotted key, for messages. Raises PipelineError or EngineError for what concerns the run as a whole; a
    source that fails is in the result.
    """
    started = time.monotonic()
    networks = {role: _network(role, getattr(config.networks, role)) for role in ("affect", "detector")}
    digest = config_hash(config, {role: spec.digest for role, spec in networks.items()})
    store = open_store(out)
    with store.locked():
        if fresh:
            run_folder.erase(store)
            remove_reports(store)
        standing = standing or Standing()
        finish_erasure(store, standing)
        old = run_record.resumable(store, digest, config, names or {})
        sources, forgotten = leave_out(store, sources, standing)
        plan = _plan(store, sources, standing)
        record = {
            **(old or run_record.identity()),
            **run_record.description(config, digest, networks),
            "index": run_record.index(sources, plan.done),
            "left_out": left_out.record() if left_out else {},
        }
        run_folder.write_run(store, {**record, "state": "running"})
        result = RunResult(str(store), record["run_id"], resumed=len(plan.done), forgotten=forgotten)
        standing.planned({source.stream_id: plan.sizes[source.uri] for source in plan.pending}, result.resumed)
        if left_out:
            standing.left_out(left_out)
        context = RunContext(
            run_id=record["run_id"],
            out=str(out) if is_address(str(out)) else str(Path(out).resolve()),
            config=config,
            metadata=run_record.metadata(record, config, networks),
            segment_s=None if ray is None else config.worker.segment_s,
        )
        state, message = "interrupted", None
        try:
            with progress_file.written(store, standing):
                for source, report in _runner(plan, context, standing, in_process=in_process, ray=ray):
                    plan.done[source.uri] = report
                    standing.ended(report)
                    if report.error is not None:
                        # What stays is removed by the next run.
                        with passing_over(logger, f"removing rows of {source.shown}", ResultsError, SinkError):
                            run_folder.sweep_failed(store, report.stream_id)
            state = "finished"
            _drop_checkpoints(store, plan.done.values(), standing)
        except Exception as exc:
            state, message = "broken", str(exc) or type(exc).__name__
            raise
        finally:
            result.reports = [plan.done[source.uri] for source in sources if source.uri in plan.done]
            result.wall_s = time.monotonic() - started
            run_folder.write_run(store, {**record, **run_record.outcome(result.reports, state, message)})
    return result


def _drop_checkpoints(store: Store, reports: Iterable[StreamReport], standing: Standing) -> None:
    """Remove the segment checkpoints of sources that are done. Those of other calls in this folder stay."""
    try:
        run_folder.drop_all_checkpoints(store, (report.stream_id for report in reports if report.error is None))
    except (ResultsError, SinkError) as exc:
        standing.noted(str(exc))


@dataclass(frozen=True, slots=True)
class _Plan:
    done: dict[str, StreamReport]
    """By URI; what was done before, and later what comes of the rest."""
    pending: list[Source]
    sizes: dict[str, int | None]
    """Bytes, by URI, where they are known."""

    @property
    def largest_first(self) -> list[Source]:
        """What is pending, so that no worker is left with a large one when the others are done."""
        return sorted(self.pending, key=lambda source: -(self.sizes[source.uri] or 0))


def _plan(store: Store, sources: Sequence[Source], standing: Standing) -> _Plan:
    """What is to be done; what is left of earlier tries at it is removed."""
    found, files = commits.scan(store), run_folder.list_files(store)
    committed = {commit.source["uri"]: commit for commit in found.good}
    _refuse_namesakes(sources, found.good)
    note_gone(found.good, standing)
    now = dict(zip((source.uri for source in sources), states(sources), strict=True))
    done = {
        source.uri: commit.report
        for source in sources
        if (commit := committed.get(source.uri)) and _is_current(commit, source, now[source.uri], files)
    }
    pending = [source for source in sources if source.uri not in done]
    stale = {committed[source.uri].stream_id for source in pending if source.uri in committed}
    redone = stale | {source.stream_id for source in pending}
    lost = _note_damage(store, found, files, redone, standing)
    left = run_folder.sweep(store, redone, found.good, files, alone=lost)
    if not lost:
        compact.mend(store, left, files)
    return _Plan(done, pending, {uri: state.get("bytes") for uri, state in now.items()})


def _note_damage(
    store: Store, found: commits.Scan, files: Mapping[str, int], redone: Collection[str], standing: Standing
) -> bool:
    """Tell of what is damaged; whether any of it is a commit of a stream that is not `redone`.

    Nobody knows which files such a commit names, so none may be removed.
    """
    own = {commits.commit_path(stream_id) for stream_id in redone}
    for path, line in found.damaged.items():
        standing.noted(f"{line}; " + ("analysing its source again" if path in own else commits.AGAIN))
    for line in run_folder.damaged(store, (each for each in found.good if each.stream_id in redone), files):
        standing.noted(f"{line}; analysing its source again")
    return bool(found.damaged.keys() - own)


def _refuse_namesakes(sources: Sequence[Source], there: Sequence[Commit]) -> None:
    """Raise ResultsError for a stream that is called as one of other rows there, which it would replace."""
    taken = {commit.stream_id: commit.source["uri"] for commit in there}
    for source in sources:
        if (other := taken.get(source.stream_id, source.uri)) != source.uri:
            raise ResultsError(
                f"{source.shown}: would be called {source.stream_id}, as {other} is there; choose another --out"
            )


def _runner(
    plan: _Plan, context: RunContext, standing: Standing, *, in_process: bool, ray: str | None
) -> Iterator[tuple[Source, StreamReport]]:
    if ray is not None:
        try:
            from pipeline.runs import ray_runner
        except ImportError as exc:
            raise ConfigError("--ray needs Ray: pip install 'affectstream[ray]'") from exc
        return ray_runner.do_all(plan.largest_first, context, standing, ray)
    if in_process:
        return _in_process(plan.pending, context, standing)
    return supervisor.do_all(plan.pending, context, standing)


def _in_process(
    sources: Sequence[Source], context: RunContext, standing: Standing
) -> Iterator[tuple[Source, StreamReport]]:
    schedule = Schedule(sources, attempts=context.config.worker.attempts, standing=standing)
    if schedule.is_done:
        return
    detector, affect = load_engines(context.config)
    yield from schedule.work_off(lambda job: attempt(job, context, detector, affect, Progress()))


def _is_current(commit: Commit, source: Source, now: Mapping[str, Any], files: Mapping[str, int]) -> bool:
    """Whether a commit is of a source as it is `now`, and all its files are there."""
    gone = "bytes" not in now  # what was read of a video that is no longer there is kept
    relabelled = source.labels and commit.labels != source.labels
    return (gone or commit.source == now) and not relabelled and run_folder.is_whole(commit, files)


def _network(role: str, name: str) -> NetworkSpec:
    spec = open_network(name).spec
    if spec.kind != role:
        words = {"affect": "an affect network (--network, networks.affect)", "detector": "a face detector (--detector)"}
        raise ConfigError(f"{name!r} is {words[spec.kind].partition(' (')[0]}; expected {words[role]}")
    return spec
