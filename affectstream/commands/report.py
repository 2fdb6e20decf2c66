"""``affectstream report``: results as pages to look at."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from pipeline.report import write_report


def report(
    results: Annotated[str, typer.Argument(metavar="RESULTS", help="Results folder, or its s3:// or gs:// address.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder to write. [default: RESULTS/report]")
    ] = None,
) -> None:
    """Write an HTML report that opens offline: an index and a page per video."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("writing", total=None)
        index = write_report(results, out, lambda done, total: bar.update(task, completed=done, total=total))
    typer.echo(index)
