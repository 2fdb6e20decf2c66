"""``affectstream analyze``: videos and pictures in, tables out."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from affectstream.json_log import log
from affectstream.metrics import serving
from affectstream.progress import print_summary, progress_bar
from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.remote.addresses import on_disk
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from pipeline.sources.lists import read_list


def analyze(
    out: Annotated[
        str,
        typer.Option("--out", "-o", help="Results folder, or s3://BUCKET/FOLDER; a second run goes on there."),
    ],
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE…",
            help="Videos, pictures, folders, 'patterns*'; also s3:// and gs://, and files at https://.",
            show_default=False,
        ),
    ] = None,
    source_list: Annotated[
        Path | None,
        typer.Option("--list", help="CSV or Parquet with a column 'source'; its other columns go into tracks/."),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings as YAML; flags come after it.")] = None,
    fps: Annotated[str | None, typer.Option(help="Analysed frames per second, or 'native'. \\[default: 10]")] = None,
    start: Annotated[float | None, typer.Option(help="Begin at this second of each video.")] = None,
    end: Annotated[float | None, typer.Option(help="Stop at this second of each video.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Frames that travel together. \\[default: 32]")] = None,
    network: Annotated[str | None, typer.Option(help="EmoFAN: a name or a folder. \\[default: emofan-s]")] = None,
    detector: Annotated[str | None, typer.Option(help="Face detector: a name, a folder or a YuNet .onnx file.")] = None,
    runtime: Annotated[str | None, typer.Option(help="auto, openvino, onnxruntime or onnxruntime-gpu.")] = None,
    landmarks: Annotated[bool | None, typer.Option("--landmarks", help="Also write the 68 landmarks.")] = None,
    context: Annotated[str | None, typer.Option(help="Where the faces were filmed; recorded with the results.")] = None,
    context_reason: Annotated[
        str | None, typer.Option(help="The medical or safety reason that workplace and education need.")
    ] = None,
    format: Annotated[str | None, typer.Option(help="parquet, csv or jsonl. \\[default: parquet]")] = None,
    ray: Annotated[
        str | None, typer.Option(help="Spread over Ray: alone on this machine, 'auto' or the ADDRESS of a cluster.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Workers on Ray. \\[default: as many as fit]")] = None,
    log_json: Annotated[
        bool, typer.Option("--log-json", help="Tell the run as JSON lines on stderr, in place of a bar.")
    ] = False,
    metrics: Annotated[
        str | None, typer.Option(metavar="[HOST:]PORT", help="Serve the run's figures there for Prometheus.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Throw earlier results in --out away and start over.")] = False,
) -> None:
    """Find and follow every face in videos and pictures; write valence, arousal and expression over time."""
    flags: dict[str, Any] = {
        "sampling.fps": _number(fps),
        "sampling.start_s": start,
        "sampling.end_s": end,
        "batching.size": batch_size,
        "networks.affect": network,
        "networks.detector": detector,
        "networks.runtime": runtime,
        "output.landmarks": landmarks,
        "output.format": format,
        "worker.count": workers,
        "deployment.context": context,
        "deployment.reason": context_reason,
    }
    if workers is not None and ray is None:
        raise ConfigError("--workers is for Ray; add --ray, or leave it out: without Ray there is one worker")
    if config is not None:
        config = on_disk(config)
    settings = load_config(config, {key: value for key, value in flags.items() if value is not None})
    listed = read_list(source_list) if source_list is not None else []
    found = find_sources([*(sources or []), *listed], out=out)
    console = Console(stderr=True)
    try:
        with log(sys.stderr) if log_json else progress_bar(console) as standing, serving(standing, metrics):
            result = run(found, out, settings, ray=ray, fresh=fresh, standing=standing)
    except KeyboardInterrupt:
        if not log_json:
            console.print("what was done is kept: the same command goes on from there")
        raise
    if not log_json:
        print_summary(result, Console())
    typer.echo(f"results: {result.out}")
    if any(report.our_fault for report in result.failed):
        for report in [] if log_json else result.failed:
            console.print(report.error, markup=False, highlight=False)
        raise typer.Exit(1)
    if result.failed:
        raise typer.Exit(3)


def _number(text: str | None) -> float | str | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text
