"""``affectstream compact``: few large files instead of many small ones."""

from typing import Annotated

import typer
from rich.filesize import decimal

from affectstream.terminal import bar, warn
from pipeline.report.words import count
from pipeline.results import compact as pipeline_compact
from pipeline.results.commits import AGAIN


def compact(
    results: Annotated[str, typer.Argument(metavar="RESULTS", help="Results folder, or its s3:// or gs:// address.")],
) -> None:
    """Merge the small Parquet files of many videos into a few large ones.

    The rows stay the same, and a run in the folder can continue.
    """
    with bar("merging") as shown:
        done = pipeline_compact.compact(results, shown)
    for line in done.damaged:
        warn(f"{line}; {AGAIN}")
    if done.streams:
        _print(done)
    else:
        typer.echo("nothing to merge")
    if done.damaged:
        raise typer.Exit(3)


def _print(done: pipeline_compact.Compacted) -> None:
    files, videos = count(done.files_before, "file"), count(done.streams, "video")
    typer.echo(f"merged {files} into {done.files_after:,} ({videos}, {decimal(done.bytes)})")
