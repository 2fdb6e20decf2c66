"""``affectstream doctor``: what this machine has and what is missing, each with the command that fixes it."""

import importlib.util
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engines import EngineError, EngineOptions, NetworkError, load_engine
from engines.network import cache_dir, find_network, network_names
from engines.runtimes import RUNTIMES, installed_runtimes


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    state: str
    """`ok`, `missing` (something works less well) or `broken` (analysing does not work)."""
    detail: str
    mend: str = ""
    """The command that fixes it."""


def doctor() -> None:
    """Check this machine: what is installed, what is missing, and the command that fixes it."""
    findings = [*_machine(), *_runtimes(), *_networks(), *_optional()]
    colours = {"ok": "green", "missing": "yellow", "broken": "red"}
    table = Table("", "what", box=None)
    for name in ("found", "fix"):
        table.add_column(name, overflow="fold")  # a command that is cut short cannot be copied
    for finding in findings:
        mark = {"ok": "ok", "missing": "–", "broken": "✗"}[finding.state]
        cells = (escape(text) for text in (finding.what, finding.detail, finding.mend))
        table.add_row(f"[{colours[finding.state]}]{mark}[/]", *cells)
    Console().print(table, highlight=False)
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(5)


def _machine() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    yield Finding("processor", "ok", f"{cores} cores, {platform.machine()}, Python {platform.python_version()}")
    cache = cache_dir()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            yield Finding("engine cache", "ok", f"{cache}, {shutil.disk_usage(cache).free / 1e9:.0f} GB free")
    except OSError:
        yield Finding("engine cache", "broken", f"{cache} cannot be written", "export AFFECTSTREAM_CACHE=/some/folder")


def _runtimes() -> Iterator[Finding]:
    installed = installed_runtimes()
    for name, entry in RUNTIMES.items():
        if name in installed:
            yield Finding(name, "ok", f"{installed[name].version.split('-')[0]}, {entry.purpose}")
        elif not entry.by_name_only:
            state = "broken" if entry.required else "missing"
            yield Finding(name, state, entry.purpose, f"pip install {entry.package}")


def _networks() -> Iterator[Finding]:
    for name in network_names():
        try:
            yield Finding(f"network {name}", "ok", load_engine(find_network(name), EngineOptions()).info.id)
        except NetworkError as exc:
            yield Finding(f"network {name}", "broken", str(exc), "pip install --force-reinstall affectstream")
        except EngineError as exc:
            yield Finding(f"network {name}", "broken", str(exc))


def _optional() -> Iterator[Finding]:
    train = "pip install 'affectstream[train]'"
    for package, purpose in (("torch", "training"), ("onnx", "exporting trained networks")):
        if importlib.util.find_spec(package):
            yield Finding(package, "ok", f"{version(package)}, for {purpose}")
        else:
            yield Finding(package, "missing", f"only for {purpose}", train)
    for device in sorted(Path("/dev").glob("nvidia[0-9]")):
        yield Finding("GPU", "ok", f"{device}; for workers on Ray with worker.gpus, and pip install onnxruntime-gpu")
    data = os.environ.get("AFFECTSTREAM_DATA")
    if data and Path(data).is_dir():
        yield Finding("training data", "ok", data)
    else:
        yield Finding(
            "training data", "missing", "only for training and evaluating", "export AFFECTSTREAM_DATA=/folder"
        )
