"""``affectstream compact``: few large files instead of many small ones."""

from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import Progress

from pipeline.report.words import count
from pipeline.results import compact as pipeline_compact
from pipeline.results.commits import AGAIN


def compact(
    results: Annotated[str, typer.Argument(metavar="RESULTS", help="Results folder, or its s3:// or gs:// address.")],
) -> None:
    """Merge the small Parquet files of many videos into a few large ones.

    The rows stay the same, and a run in the folder can continue.
    """
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("merging", total=None)
        done = pipeline_compact.compact(results, lambda done, total: bar.update(task, completed=done, total=total))
    for line in done.damaged:
        console.print(f"{line}; {AGAIN}", markup=False, highlight=False, soft_wrap=True)
    if done.streams:
        _print(done)
    else:
        typer.echo("nothing to merge")
    if done.damaged:
        raise typer.Exit(3)


def _print(done: pipeline_compact.Compacted) -> None:
    files, videos = count(done.files_before, "file"), count(done.streams, "video")
    typer.echo(f"merged {files} into {done.files_after:,} ({videos}, {decimal(done.bytes)})")
