"""``affectstream report``: results as pages to look at."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from pipeline.report import write_report


def report(
    results: Annotated[str, typer.Argument(help="Results folder, or its address: s3://….")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to. \\[default: RESULTS/report]")] = None,
) -> None:
    """Write an HTML report that opens offline: an index, and a page per video."""
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("writing", total=None)
        index = write_report(results, out, lambda done, total: bar.update(task, completed=done, total=total))
    typer.echo(index)
