"""What is written down of a run: `run.json`, and what every file says of where its rows come from."""

import platform
from collections.abc import Mapping, Sequence
from typing import Any

from engines import NetworkSpec
from pipeline.config import AnalyzeConfig, row_settings
from pipeline.errors import ResultsError
from pipeline.results import run_folder
from pipeline.results.commits import COMMITS, StreamReport, scan
from pipeline.sources.find import Source
from pipeline.storage.store import Store
from pipeline.tables import SCHEMA_VERSION, TABLES
from pipeline.version import software_version


def resumable(out: Store, digest: str, config: AnalyzeConfig, names: Mapping[str, str]) -> dict[str, Any] | None:
    """The record of the run that is gone on with; None: a new one begins. Raises ResultsError."""
    record = run_folder.read_run(out)
    if record is None:
        if any(out.exists(name) for name in (*TABLES, COMMITS)):
            raise ResultsError(f"{out}: has folders of results' names but no run.json; choose another --out")
        return None
    if record["config_hash"] == digest:
        return record
    found = scan(out)
    if not found.good and not found.damaged:
        return None
    raise ResultsError(
        f"{out}: was made with other settings, so its rows would not match ({_changes(record, config, names)}); "
        "use the same settings, choose another --out, or start over with --fresh"
    )


def description(config: AnalyzeConfig, digest: str, networks: dict[str, NetworkSpec]) -> dict[str, Any]:
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


def outcome(reports: Sequence[StreamReport], state: str, message: str | None) -> dict[str, Any]:
    """How a call ended; `message` says why, if it did not end well."""
    good = [report for report in reports if report.error is None]
    failed = [report for report in reports if report.error is not None]
    return {
        "state": state,
        "message": message,
        "ended_utc": run_folder.utc_now(),
        "sources": len(reports),
        "failed": [{"stream_id": r.stream_id, "source": r.source, "error": r.error} for r in failed],
        "totals": {
            name: sum(getattr(report, name) for report in good)
            for name in ("video_s", "frames", "decode_errors", "points", "tracks")
        },
    }


def metadata(record: dict[str, Any], config: AnalyzeConfig, networks: dict[str, NetworkSpec]) -> dict[str, str]:
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


def identity() -> dict[str, Any]:
    """What a run keeps however often it is gone on with."""
    return {"run_id": run_folder.new_run_id(), "schema_version": SCHEMA_VERSION, "started_utc": run_folder.utc_now()}


def index(sources: Sequence[Source], done: Mapping[str, StreamReport]) -> list[dict[str, Any]]:
    """The sources of the latest call, and what a list says of each.

    Those `done` before, by URI, keep the names that they had then: they may have been given by another folder.
    """
    return [{"stream_id": done.get(s.uri, s).stream_id, "uri": s.uri, "labels": dict(s.labels)} for s in sources]


def _changes(record: dict[str, Any], config: AnalyzeConfig, names: Mapping[str, str]) -> str:
    """What is not as it was, for a message; `names`: what the caller calls settings."""
    try:
        then = row_settings(AnalyzeConfig.model_validate(record["config"]))
    except (KeyError, ValueError):
        return "those of another version"
    changed = [
        f"{names.get(key, key)} was {_shown(then.get(key))}, now {_shown(value)}"
        for key, value in row_settings(config).items()
        if then.get(key) != value
    ]
    return ", ".join(changed) or "another version of the networks"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not set" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
