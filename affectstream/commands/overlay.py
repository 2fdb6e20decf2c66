"""``affectstream overlay``: results drawn onto the video."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TimeRemainingColumn

from pipeline.errors import ConfigError
from pipeline.overlay import write_overlay
from pipeline.remote.addresses import is_address, redacted


def overlay(
    video: Annotated[
        str, typer.Argument(metavar="VIDEO", help="The video or picture that was analysed; a local file.")
    ],
    results: Annotated[
        str, typer.Option("--results", "-r", metavar="DIR", help="Results folder, or its s3:// or gs:// address.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Video to write (.mp4), or picture (.png, .jpg).")
    ],
    blur_faces: Annotated[
        bool, typer.Option("--blur-faces", help="Cover every face instead of annotating it.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Continue even if only part of the video, or another file of that name, was analysed."
        ),
    ] = False,
) -> None:
    """Draw boxes, valence, arousal and their recent course onto a video, or cover every face in it."""
    if is_address(video):
        raise ConfigError(f"{redacted(video)}: an overlay is made of a file on this machine; fetch the video first")
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns()[:-1], TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("hiding faces" if blur_faces else "drawing", total=None)
        write_overlay(
            Path(video),
            results,
            out,
            blur_faces=blur_faces,
            force=force,
            shown=lambda done, total: bar.update(task, completed=done, total=total),
        )
    typer.echo(out)
