"""The Python calls."""

import tempfile
import warnings
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from affectstream.forgetting import forget
from affectstream.settings import KEYS, overrides
from pipeline.config import load_config
from pipeline.errors import SourceError
from pipeline.remote.addresses import on_disk
from pipeline.results.read import read_results
from pipeline.results.read import read_source_states as source_states
from pipeline.runs.forgotten import forgotten_line
from pipeline.runs.run import run
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
    **settings: Any,
) -> "pd.DataFrame":
    """Analyse videos and pictures and return one row per face per analysed frame (docs/schema.md).

    sources: a file, a folder, a pattern, an address (s3://, gs://, https://), or several of them.
    list: a CSV or Parquet file of further sources, a row each; what else it says of them goes into `tracks`.
    out: results folder to write and to go on with, or its address in a bucket; none: nothing is kept but the rows
    returned.
    config: a YAML file.
    settings: what comes after it: fps, start, end (seconds), rotate (0, 90, 180 or 270 degrees clockwise), video_stream
    (counted from 0), batch_size, prefetch, network, detector, runtime, threads, landmarks, format, smoothing (seconds),
    context, context_reason.

    Runs in this process. Raises PipelineError or EngineError; SourceError if every source failed, or any where no `out`
    keeps the rest.
    """
    unknown = set(settings) - set(KEYS)
    if unknown:
        raise TypeError(f"analyze() got unknown settings {sorted(unknown)}; known: {', '.join(KEYS)}")
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
