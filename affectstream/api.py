"""The Python calls."""

import tempfile
import warnings
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from affectstream.forgetting import forget
from affectstream.settings import KEYS, overrides
from pipeline.config import Context, Runtime, load_config
from pipeline.errors import SourceError
from pipeline.remote.addresses import on_disk
from pipeline.results.read import read_results
from pipeline.results.read import read_source_states as source_states
from pipeline.runs.forgotten import forgotten_line
from pipeline.runs.run import run
from pipeline.sinks import Format
from pipeline.sources.find import find_sources
from pipeline.sources.lists import read_list
from pipeline.sources.scan import LeftOut

if TYPE_CHECKING:  # half a second of every start
    import pandas as pd

__all__ = ["analyze", "forget", "read_results", "source_states"]


def analyze(
    sources: str | Path | Iterable[str | Path] = (),
    *,
    list: str | Path | None = None,
    out: str | Path | None = None,
    config: str | Path | None = None,
    fps: float | Literal["native"] | None = None,
    start: float | None = None,
    end: float | None = None,
    rotate: Literal[0, 90, 180, 270] | None = None,
    video_stream: int | None = None,
    network: str | Path | None = None,
    detector: str | Path | None = None,
    runtime: Runtime | None = None,
    threads: int | None = None,
    batch_size: int | None = None,
    prefetch: int | None = None,
    smoothing: float | None = None,
    landmarks: bool | None = None,
    format: Format | None = None,
    context: Context | None = None,
    context_reason: str | None = None,
) -> "pd.DataFrame":
    """Analyse videos and pictures and return one row per face per analysed frame (docs/schema.md).

    A setting that is None is taken from `config`, and else has its default (configs/analyze.yaml).

    Args:
        sources: a file, a folder, a pattern, an address (s3://, gs://, https://), or several of them.
        list: a CSV or Parquet file of further sources, one per row; its other columns become columns of `tracks`.
        out: results folder, or its address in a bucket, to write to and to resume from; None: only the rows returned
            are kept.
        config: a YAML file of settings.
        fps: frames to analyse per second of video, or "native" for every frame.
        start: where to begin in each video, seconds.
        end: where to stop, seconds.
        rotate: degrees by which every picture is turned clockwise.
        video_stream: which of a file's video streams, counted from 0; None: the one that a player shows.
        network: name or folder of the affect network.
        detector: name or folder of the face detector, or a YuNet .onnx file.
        runtime: what runs the networks.
        threads: threads that run the networks; 0: one per core.
        batch_size: least number of analysed frames in a batch; changes memory and speed, never a result.
        prefetch: batches decoded ahead.
        smoothing: half-width of the smoothing window, seconds; 0: no smoothing.
        landmarks: whether the 68 landmarks of every face are written.
        format: file format of the tables in `out`.
        context: where the faces were filmed; recorded with the results.
        context_reason: the medical or safety reason that workplace and education require.

    Runs in this process.

    Raises:
        PipelineError: a setting is wrong, or the run as a whole cannot go on.
        EngineError: a network cannot be loaded or run.
        SourceError: every source failed, or any did and there is no `out` to keep the rest.
    """
    settings = {
        "fps": fps,
        "start": start,
        "end": end,
        "rotate": rotate,
        "video_stream": video_stream,
        "network": None if network is None else str(network),
        "detector": None if detector is None else str(detector),
        "runtime": runtime,
        "threads": threads,
        "batch_size": batch_size,
        "prefetch": prefetch,
        "smoothing": smoothing,
        "landmarks": landmarks,
        "format": format,
        "context": context,
        "context_reason": context_reason,
    }
    names = {key: name for name, key in KEYS.items()}
    loaded = load_config(on_disk(config) if config else None, overrides(settings), names=names)
    given = [sources] if isinstance(sources, str | Path) else sources
    listed = read_list(list) if list is not None else []
    with nullcontext(out) if out is not None else tempfile.TemporaryDirectory(prefix="affectstream-") as folder:
        left_out = LeftOut()
        found = find_sources([*given, *listed], out=folder, left_out=left_out)
        result = run(found, folder, loaded, in_process=True, left_out=left_out, names=names)
        if result.forgotten:
            warnings.warn(forgotten_line(result.forgotten, result.out), stacklevel=2)
        if result.failed and (out is None or len(result.failed) == len(result.reports)):
            raise SourceError("; ".join(str(report.error) for report in result.failed))
        points = read_results(folder)
        return points[points["stream_id"].isin([report.stream_id for report in result.reports])].reset_index(drop=True)
