"""A run over many sources: plan, resume, record. Nothing is decoded here.

Where the units are done is the runner's business: in one worker process, in the caller's own, or on Ray.
"""

import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines import NetworkSpec, open_network
from pipeline import compact, run_folder, supervisor
from pipeline.addresses import is_address
from pipeline.config import AnalyzeConfig, config_hash, row_settings
from pipeline.errors import ConfigError, ResultsError
from pipeline.jobs import Failed, Job, failure
from pipeline.sources import Source, states
from pipeline.store import Store, open_store
from pipeline.tables import SCHEMA_VERSION, TABLES
from pipeline.tally import UnitReport
from pipeline.unit import Progress, RunContext
from pipeline.version import software_version
from pipeline.worker import attempt, load_engines


class Watcher:
    """Told how a run goes. This one does not listen; give another to show it."""

    def planned(self, pending: int, done: int) -> None:
        """So many sources are to be done, and so many were done before."""

    def progress(self, source: Source, progress: Progress) -> None:
        """A unit is so far."""

    def ended(self, report: UnitReport) -> None:
        """A unit is over, well or not."""


@dataclass(slots=True)
class RunResult:
    """What came of a run."""

    out: str
    """The results folder, as it is shown."""
    run_id: str
    resumed: int
    """How many of the sources were done before."""
    reports: list[UnitReport] = field(default_factory=list)
    """Of all sources, in their order, those done before included."""
    wall_s: float = 0.0

    @property
    def failed(self) -> list[UnitReport]:
        return [report for report in self.reports if report.error is not None]


def run(
    sources: Sequence[Source],
    out: str | Path,
    config: AnalyzeConfig,
    *,
    in_process: bool = False,
    ray: str | None = None,
    fresh: bool = False,
    watcher: Watcher | None = None,
) -> RunResult:
    """Analyse `sources` into `out`, a folder or the address of one, going on where an earlier try stopped.

    `in_process` does the units in the caller's own process; `ray`, `local` or the address of a cluster, on Ray. Raises
    PipelineError or EngineError for what concerns the run as a whole; a source that fails is in the result.
    """
    started = time.monotonic()
    watcher = watcher or Watcher()
    networks = {role: _network(role, getattr(config.networks, role)) for role in ("affect", "detector")}
    digest = config_hash(config, {role: spec.digest for role, spec in networks.items()})
    store = open_store(out)
    with store.locked():
        if fresh:
            run_folder.erase(store)
        old = _resumable(store, digest, config)
        record = {**(old or _identity()), **_description(config, digest, networks), "index": _index(sources)}
        commits = run_folder.read_commits(store)
        committed = {commit["source"]["uri"]: commit for commit in commits}
        files = run_folder.list_files(store)
        done: dict[str, UnitReport] = {}  # by URI
        known = [source for source in sources if source.uri in committed]
        for source, now in zip(known, states(known), strict=True):
            commit = committed[source.uri]
            gone = "bytes" not in now  # what was read of a video that is no longer there is kept
            relabelled = source.labels and commit.get("labels") != source.labels
            if (gone or commit["source"] == now) and not relabelled and run_folder.is_whole(commit, files):
                done[source.uri] = _read_report(commit["report"])
        pending = [source for source in sources if source.uri not in done]
        stale = [committed[source.uri]["stream_id"] for source in pending if source.uri in committed]
        swept = {*stale, *(source.stream_id for source in pending)}
        compact.mend(store, run_folder.sweep(store, swept, commits, files), files)
        run_folder.write_run(store, {**record, "state": "running"})
        result = RunResult(str(store), record["run_id"], resumed=len(sources) - len(pending))
        watcher.planned(len(pending), result.resumed)
        context = RunContext(
            run_id=record["run_id"],
            out=str(out) if is_address(str(out)) else str(Path(out).resolve()),
            config=config,
            metadata=_metadata(record, config, networks),
            stretch_s=None if ray is None else config.worker.stretch_s,
        )
        runner = _runner(pending, context, watcher, in_process=in_process, ray=ray)
        state = "interrupted"
        try:
            for source, report in runner:
                done[source.uri] = report
                watcher.ended(report)
            state = "finished"
            if ray is not None and all(report.error is None for report in done.values()):
                run_folder.drop_spools(store)
        finally:
            result.reports = [done[source.uri] for source in sources if source.uri in done]
            result.wall_s = time.monotonic() - started
            run_folder.write_run(store, {**record, **_outcome(result, state)})
    return result


def _runner(
    pending: Sequence[Source], context: RunContext, watcher: Watcher, *, in_process: bool, ray: str | None
) -> Iterator[tuple[Source, UnitReport]]:
    if ray is not None:
        try:
            from pipeline import ray_runner
        except ImportError as exc:
            raise ConfigError("--ray needs Ray: pip install 'affectstream[ray]'") from exc
        return ray_runner.do_all(pending, context, watcher.progress, ray)
    return _in_process(pending, context) if in_process else supervisor.do_all(pending, context, watcher.progress)


def _in_process(sources: Sequence[Source], context: RunContext) -> Iterator[tuple[Source, UnitReport]]:
    if not sources:
        return
    detector, affect = load_engines(context.config)
    for source in sources:
        answer = attempt(Job(source), context, detector, affect, Progress())
        assert isinstance(answer, UnitReport | Failed)  # nothing is cut in one process
        yield source, failure(source, answer) if isinstance(answer, Failed) else answer


def _resumable(out: Store, digest: str, config: AnalyzeConfig) -> dict[str, Any] | None:
    """The record of the run that is gone on with; None: a new one begins. Raises ResultsError."""
    record = run_folder.read_run(out)
    if record is None:
        if any(out.exists(name) for name in (*TABLES, run_folder.COMMITS)):
            raise ResultsError(f"{out}: has folders of results' names but no run.json; choose another --out")
        return None
    if record["config_hash"] == digest:
        return record
    if not run_folder.read_commits(out):
        return None
    raise ResultsError(
        f"{out}: was made with other settings, which would change rows ({_changes(record, config)}); use the same "
        "ones, choose another --out, or start over with --fresh"
    )


def _changes(record: dict[str, Any], config: AnalyzeConfig) -> str:
    """What is not as it was, for a message."""
    try:
        then = row_settings(AnalyzeConfig.model_validate(record["config"]))
    except (KeyError, ValueError):
        return "those of another version"
    changed = [f"{key} was {then[key]}" for key, value in row_settings(config).items() if then.get(key) != value]
    return ", ".join(changed) or "another version of the networks"


def _network(role: str, name: str) -> NetworkSpec:
    spec = open_network(name).spec
    if spec.kind != role:
        raise ConfigError(f"networks.{role}: {name!r} is a network of kind {spec.kind!r}; expected {role!r}")
    return spec


def _identity() -> dict[str, Any]:
    """What a run keeps however often it is gone on with."""
    return {"run_id": run_folder.new_run_id(), "schema_version": SCHEMA_VERSION, "started_utc": _now()}


def _description(config: AnalyzeConfig, digest: str, networks: dict[str, NetworkSpec]) -> dict[str, Any]:
    """What holds for the latest call. Of each unit, its commit says the same."""
    return {
        "affectstream_version": software_version(),
        "config_hash": digest,
        "config": config.model_dump(),
        "context": config.deployment.context,
        "context_reason": config.deployment.reason,
        "networks": {
            role: {
                "name": spec.name,
                "sha256": spec.sha256,
                "licence": spec.licence,
                "weak_labels": spec.weak_labels,
            }
            for role, spec in networks.items()
        },
        "machine": {"platform": platform.platform(), "python": platform.python_version()},
    }


def _index(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """The sources of the latest call, and what a list says of each."""
    return [{"stream_id": s.stream_id, "uri": s.uri, "labels": dict(s.labels)} for s in sources]


def _outcome(result: RunResult, state: str) -> dict[str, Any]:
    good = [report for report in result.reports if report.error is None]
    return {
        "state": state,
        "ended_utc": _now(),
        "sources": len(result.reports),
        "failed": [{"stream_id": r.stream_id, "source": r.source, "error": r.error} for r in result.failed],
        "totals": {
            name: sum(getattr(report, name) for report in good)
            for name in ("video_s", "frames", "decode_errors", "points", "tracks")
        },
    }


def _metadata(record: dict[str, Any], config: AnalyzeConfig, networks: dict[str, NetworkSpec]) -> dict[str, str]:
    """What every file says of where its rows come from."""
    affect, detector = networks["affect"], networks["detector"]
    return {
        "schema_version": str(SCHEMA_VERSION),
        "affectstream_version": record["affectstream_version"],
        "network": affect.name,
        "network_sha256": affect.sha256,
        "detector": detector.name,
        "detector_sha256": detector.sha256,
        "config_hash": record["config_hash"],
        "smoothing": f"symmetric time average, half-width {config.smoothing.half_width_s:g} s",
    }


def _read_report(content: dict[str, Any]) -> UnitReport:
    known = {f.name for f in fields(UnitReport)}
    return UnitReport(**{name: value for name, value in content.items() if name in known})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
