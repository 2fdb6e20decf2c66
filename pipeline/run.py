"""A run over many sources: plan, resume, record. Nothing is decoded here.

Where the units are done is the runner's business: in one worker process, or in the caller's own.
"""

import platform
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engines import NetworkSpec, open_network
from pipeline import run_folder, supervisor
from pipeline.config import AnalyzeConfig, config_hash
from pipeline.errors import PipelineError, ResultsError
from pipeline.sources import Source
from pipeline.tables import SCHEMA_VERSION
from pipeline.tally import UnitReport
from pipeline.unit import Progress, RunContext, run_unit
from pipeline.worker import load_engines


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

    out: Path
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
    out: Path,
    config: AnalyzeConfig,
    *,
    in_process: bool = False,
    fresh: bool = False,
    watcher: Watcher | None = None,
) -> RunResult:
    """Analyse `sources` into `out`, going on where an earlier try stopped.

    `in_process` does the units in the caller's own process. Raises PipelineError or EngineError for what concerns the
    run as a whole; a source that fails is in the result.
    """
    started = time.monotonic()
    watcher = watcher or Watcher()
    networks = {
        "affect": open_network(config.networks.affect).spec,
        "detector": open_network(config.networks.detector).spec,
    }
    digest = config_hash(config, {role: spec.sha256 for role, spec in networks.items()})
    with run_folder.locked(out):
        if fresh:
            run_folder.erase(out)
        record = _resumed(out, digest) or _new_record(config, digest, networks)
        done = {c["stream_id"]: _read_report(c["report"]) for c in run_folder.read_commits(out)}
        pending = [source for source in sources if source.stream_id not in done]
        run_folder.sweep(out, [source.stream_id for source in pending])
        run_folder.write_run(out, {**record, "state": "running"})
        result = RunResult(out, record["run_id"], resumed=len(sources) - len(pending))
        watcher.planned(len(pending), result.resumed)
        context = RunContext(
            run_id=record["run_id"], out=str(out), config=config, metadata=_metadata(record, config, networks)
        )
        runner = _in_process(pending, context) if in_process else supervisor.do_all(pending, context, watcher.progress)
        state = "interrupted"
        try:
            for report in runner:
                done[report.stream_id] = report
                watcher.ended(report)
            state = "finished"
        finally:
            result.reports = [done[source.stream_id] for source in sources if source.stream_id in done]
            result.wall_s = time.monotonic() - started
            run_folder.write_run(out, {**record, **_outcome(result, state)})
    return result


def _in_process(sources: Sequence[Source], context: RunContext) -> Iterator[UnitReport]:
    if not sources:
        return
    detector, affect = load_engines(context.config)
    for source in sources:
        try:
            yield run_unit(source, context, detector, affect)
        except PipelineError as exc:
            yield UnitReport(stream_id=source.stream_id, source=source.path, error=str(exc))


def _resumed(out: Path, digest: str) -> dict[str, Any] | None:
    record = run_folder.read_run(out)
    if record is None:
        if any((out / name).exists() for name in ("points", "frames", run_folder.COMMITS)):
            raise ResultsError(f"{out}: has results but no run.json; choose another --out, or start over with --fresh")
        return None
    if record["config_hash"] != digest:
        raise ResultsError(
            f"{out}: was made with other settings or networks, which would change rows; use the same ones, "
            "choose another --out, or start over with --fresh"
        )
    return record


def _new_record(config: AnalyzeConfig, digest: str, networks: dict[str, NetworkSpec]) -> dict[str, Any]:
    return {
        "run_id": run_folder.new_run_id(),
        "schema_version": SCHEMA_VERSION,
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
        "started_utc": _now(),
    }


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


def software_version() -> str:
    """The installed version of AffectStream."""
    try:
        return version("affectstream")
    except PackageNotFoundError:
        return "unknown"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
