"""``affectstream analyze``: videos and pictures in, tables out."""

import re
import sys
from pathlib import Path
from typing import Annotated, ClassVar, get_args

import typer

from affectstream.command_line import Command
from affectstream.json_log import log
from affectstream.metrics import serving
from affectstream.progress import print_summary, progress_bar
from affectstream.settings import COMMAND_KEYS, flag, overrides, parse_time, setting
from affectstream.terminal import console, printable, say
from pipeline.config import Context, Runtime, load_config
from pipeline.errors import ConfigError
from pipeline.remote.addresses import on_disk
from pipeline.runs.run import run
from pipeline.sinks.files import Format
from pipeline.sources.find import find_sources
from pipeline.sources.lists import read_list
from pipeline.sources.scan import LeftOut

WHAT, HOW, OUTPUT, SPREAD = "What is analysed", "Networks", "Output", "Scaling and monitoring"


class AnalyzeCommand(Command):
    """`--ray` alone stands for this machine; what follows it is its value only if it looks like an address."""

    optional_values: ClassVar = {"--ray": ("local", re.compile(r"local|auto|ray://.+|[^/]+:\d+"))}


def analyze(
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Results folder, or s3://BUCKET/FOLDER. Running the same command again continues there.",
        ),
    ],
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Videos, pictures, folders, 'patterns*', s3:// and gs:// addresses, and files at https://.",
            show_default=False,
        ),
    ] = None,
    source_list: Annotated[
        Path | None,
        typer.Option(
            "--list",
            metavar="FILE",
            help="CSV or Parquet file with a column 'source'; its other columns are added to tracks/.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="Settings as YAML; flags override them.")
    ] = None,
    fps: Annotated[
        str | None,
        setting(
            "fps",
            "Frames to analyse per second of video, 0.001 to 1000, or 'native' for every frame.",
            metavar="FPS",
            rich_help_panel=WHAT,
        ),
    ] = None,
    start: Annotated[
        float | None,
        setting(
            "start",
            "Start this far into each video: seconds, or as in 1:30.",
            parser=parse_time,
            metavar="TIME",
            rich_help_panel=WHAT,
        ),
    ] = None,
    end: Annotated[
        float | None,
        setting(
            "end",
            "Stop this far into each video.",
            default="its end",
            parser=parse_time,
            metavar="TIME",
            rich_help_panel=WHAT,
        ),
    ] = None,
    rotate: Annotated[
        int | None,
        setting(
            "rotate",
            "Turn every picture clockwise by 90, 180 or 270 degrees, for footage that lost its orientation.",
            metavar="DEGREES",
            rich_help_panel=WHAT,
        ),
    ] = None,
    video_stream: Annotated[
        int | None,
        setting(
            "video_stream",
            "Analyze this one of a file's video streams, counted from 0.",
            default="the one that a player shows",
            metavar="N",
            rich_help_panel=WHAT,
        ),
    ] = None,
    context: Annotated[
        Context | None,
        setting(
            "context",
            f"Where the faces were filmed; recorded with the results. One of {', '.join(get_args(Context))}.",
            metavar="CONTEXT",
            rich_help_panel=WHAT,
        ),
    ] = None,
    context_reason: Annotated[
        str | None,
        setting(
            "context_reason",
            "The medical or safety reason that workplace and education require.",
            metavar="TEXT",
            rich_help_panel=WHAT,
        ),
    ] = None,
    network: Annotated[
        str | None,
        setting("network", "Affect network: a name or a folder.", metavar="NETWORK", rich_help_panel=HOW),
    ] = None,
    detector: Annotated[
        str | None,
        setting(
            "detector",
            "Face detector: a name, a folder or a YuNet .onnx file.",
            metavar="NETWORK",
            rich_help_panel=HOW,
        ),
    ] = None,
    runtime: Annotated[
        Runtime | None,
        setting(
            "runtime",
            f"What runs the networks: {', '.join(get_args(Runtime))}.",
            metavar="RUNTIME",
            rich_help_panel=HOW,
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        setting(
            "batch_size",
            "Analysed frames per batch, 1 to 4096. Changes memory and speed, never a result.",
            metavar="N",
            rich_help_panel=HOW,
        ),
    ] = None,
    format: Annotated[
        Format | None,
        setting(
            "format", f"Format of the tables: {', '.join(get_args(Format))}.", metavar="FORMAT", rich_help_panel=OUTPUT
        ),
    ] = None,
    landmarks: Annotated[
        bool | None,
        setting(
            "landmarks",
            "Also write the 68 landmarks of every face.",
            default="no-landmarks",
            switch=True,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Delete earlier results and reports in --out and start over.", rich_help_panel=OUTPUT
        ),
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]",
            help="Run workers on Ray: without ADDRESS on this machine; 'auto' or HOST:PORT for a cluster.",
            rich_help_panel=SPREAD,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        setting(
            "workers",
            "Number of workers on Ray.",
            default="as many as fit",
            min=1,
            metavar="N",
            rich_help_panel=SPREAD,
        ),
    ] = None,
    log_json: Annotated[
        bool,
        typer.Option(
            "--log-json",
            help="Log the run to stderr as JSON lines instead of showing a progress bar.",
            rich_help_panel=SPREAD,
        ),
    ] = False,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Serve Prometheus metrics there while the run lasts. [default HOST: 127.0.0.1]",
            rich_help_panel=SPREAD,
        ),
    ] = None,
) -> None:
    """Find and track every face in videos and pictures; write valence, arousal and expression over time.

    Prints a summary to stdout and progress to stderr. Exits with 3 if some of the sources failed; they are named.
    """
    given = {
        "fps": _number(fps),
        "start": start,
        "end": end,
        "rotate": rotate,
        "video_stream": video_stream,
        "batch_size": batch_size,
        "network": network,
        "detector": detector,
        "runtime": runtime,
        "landmarks": landmarks,
        "format": format,
        "workers": workers,
        "context": context,
        "context_reason": context_reason,
    }
    if workers is not None and ray is None:
        raise ConfigError("--workers needs --ray: without Ray there is one worker; add --ray or drop --workers")
    names = {key: flag(name) for name, key in COMMAND_KEYS.items()}
    settings = load_config(on_disk(config) if config is not None else None, overrides(given), names=names)
    listed = read_list(source_list) if source_list is not None else []
    left_out = LeftOut()
    found = find_sources([*(sources or []), *listed], out=out, left_out=left_out)
    terminal = console(stderr=True)
    try:
        with log(sys.stderr) if log_json else progress_bar(terminal) as standing, serving(standing, metrics):
            result = run(found, out, settings, ray=ray, fresh=fresh, standing=standing, left_out=left_out, names=names)
    except KeyboardInterrupt:
        if not log_json:
            terminal.print("finished videos are kept; the same command continues from there")
        raise
    if not log_json:
        print_summary(result, console())
        if left_out:
            say(f"left out: {left_out}")
    say(f"results: {result.out}")
    if any(report.our_fault for report in result.failed):
        for report in [] if log_json else result.failed:
            for line in (report.error or "").splitlines():
                terminal.print(printable(line), markup=False)
        raise typer.Exit(1)
    if result.failed:
        raise typer.Exit(3)


def _number(text: str | None) -> float | str | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
