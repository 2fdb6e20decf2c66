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
    video: Annotated[str, typer.Argument(help="The video or picture that was analysed, a file on this machine.")],
    results: Annotated[str, typer.Option("--results", "-r", help="Its results folder, or s3://….")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Video to write (.mp4), or picture (.png, .jpg).")],
    blur_faces: Annotated[bool, typer.Option("--blur-faces", help="Hide every face instead of annotating it.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Do it even where parts, or another file of that name, were analysed.")
    ] = False,
) -> None:
    """Draw boxes, valence, arousal and their course onto a video; or hide every face in it."""
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
