"""``affectstream overlay``: results drawn onto the video."""

from pathlib import Path
from typing import Annotated

import typer

from affectstream.outputs import Overwrite, refuse_existing
from affectstream.terminal import bar, say
from pipeline.errors import ConfigError
from pipeline.overlay import write_overlay
from pipeline.remote.addresses import is_address, redacted


def overlay(
    video: Annotated[
        str, typer.Argument(metavar="VIDEO", help="The video or picture that was analysed; a local file.")
    ],
    results: Annotated[
        str, typer.Option("--results", "-r", metavar="RESULTS", help="Results folder, or its s3:// or gs:// address.")
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
    overwrite: Overwrite = False,
) -> None:
    """Draw boxes, valence, arousal and their recent course onto a video, or cover every face in it."""
    if is_address(video):
        raise ConfigError(f"{redacted(video)}: an overlay is made of a file on this machine; fetch the video first")
    refuse_existing(out, overwrite)
    with bar("covering faces" if blur_faces else "drawing") as shown:
        write_overlay(Path(video), results, out, blur_faces=blur_faces, force=force, shown=shown)
    say(out)
