"""``affectstream report``: results as pages to look at."""

from pathlib import Path
from typing import Annotated

import typer

from affectstream.terminal import bar, say
from pipeline.report import write_report


def report(
    results: Annotated[str, typer.Argument(metavar="RESULTS", help="Results folder, or its s3:// or gs:// address.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder to write. [default: RESULTS/report]")
    ] = None,
) -> None:
    """Write an HTML report that opens offline: an index and a page per video."""
    with bar("writing") as shown:
        say(write_report(results, out, shown))
