"""The settings of an analysis under the names that `analyze()` and the command give them."""

import re
from collections.abc import Mapping
from typing import Any

import typer
from typer.models import OptionInfo

from pipeline.config import AnalyzeConfig

KEYS = {
    "fps": "sampling.fps",
    "start": "sampling.start_s",
    "end": "sampling.end_s",
    "rotate": "sampling.rotate",
    "video_stream": "sampling.video_stream",
    "batch_size": "batching.size",
    "prefetch": "batching.prefetch",
    "network": "networks.affect",
    "detector": "networks.detector",
    "runtime": "networks.runtime",
    "threads": "networks.threads",
    "landmarks": "output.landmarks",
    "format": "output.format",
    "smoothing": "smoothing.half_width_s",
    "context": "deployment.context",
    "context_reason": "deployment.reason",
}
"""Dotted key of each keyword of `analyze()`; the flag of the command is the keyword with dashes."""
COMMAND_KEYS = KEYS | {"workers": "worker.count"}


def parse_time(text: str) -> float:
    """Seconds from `90`, `90.5`, `1:30` or `0:01:30.5`, as times are printed. Raises typer.BadParameter."""
    clock = re.fullmatch(r"(?:([0-9]+):)?([0-9]+):([0-5]?[0-9](?:\.[0-9]*)?)", text)
    try:
        if clock is None:
            return float(text)
        hours, minutes, seconds = clock.groups(default="0")
        return 3600.0 * int(hours) + 60 * int(minutes) + float(seconds)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r}: must be seconds or a time such as 1:30 or 0:01:30.5") from None


def overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key; what was not given is left to the file or the default."""
    return {COMMAND_KEYS[name]: value for name, value in given.items() if value is not None}


def flag(name: str) -> str:
    """How the command calls a setting."""
    return f"--{name.replace('_', '-')}"


def setting(name: str, help: str, *, default: str | None = None, **more: Any) -> OptionInfo:
    """The option of a setting. Its default comes from the configuration, or is told in words by `default`."""
    if default is None:
        value: Any = AnalyzeConfig()
        for part in COMMAND_KEYS[name].split("."):
            value = getattr(value, part)
        default = "" if value is None or value is False else f"{value:g}" if isinstance(value, float) else str(value)
    names = f"{flag(name)}/--no-{name.replace('_', '-')}" if more.pop("switch", False) else flag(name)
    option: OptionInfo = typer.Option(names, help=f"{help} [default: {default}]" if default else help, **more)
    return option
