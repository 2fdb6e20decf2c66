"""``affectstream draw``: footage of drawn people with its ground truth."""

from pathlib import Path
from typing import Annotated

import typer

from affectstream.outputs import Overwrite, refuse_existing
from affectstream.terminal import bar, say
from pipeline.errors import ConfigError

SIDE_PX_MIN, SIDE_PX_MAX = 64, 4096
STYLES = ("studio", "street", "webcam", "film", "clay", "pastel")
"""Those of `training.drawn`, which the help text would take half a second to import."""


def draw(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="VIDEO", help="Video to write (.mp4); its ground truth goes beside it as .truth.parquet."
        ),
    ],
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Random seed; the same seed draws the same video.")] = 0,
    people: Annotated[int, typer.Option(min=1, max=6, metavar="N", help="Number of people.")] = 2,
    seconds: Annotated[float, typer.Option(min=0.1, max=86_400, metavar="SECONDS", help="Length of the video.")] = 10.0,
    fps: Annotated[float, typer.Option(min=1, max=120, metavar="FPS", help="Frames per second.")] = 25.0,
    size: Annotated[
        str, typer.Option(metavar="WxH", help=f"Width and height in pixels, each {SIDE_PX_MIN} to {SIDE_PX_MAX}.")
    ] = "1280x720",
    style: Annotated[
        str | None,
        typer.Option(metavar="STYLE", help=f"Look of the video: {', '.join(STYLES)}. [default: chosen by the seed]"),
    ] = None,
    cuts: Annotated[int, typer.Option(min=0, max=20, metavar="N", help="Number of scene cuts.")] = 0,
    crossing: Annotated[
        bool, typer.Option("--crossing", help="Let somebody walk past in front of the others.")
    ] = False,
    grain: Annotated[
        float | None,
        typer.Option(
            min=0, max=50, metavar="LEVELS", help="Sensor noise in grey levels. [default: chosen by the seed]"
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw a video of synthetic people with known boxes, identities, valence and arousal."""
    from training.drawn import make_scene
    from training.drawn.footage import write_footage

    try:
        width, height = (int(part) for part in size.split("x"))
    except ValueError:
        raise ConfigError(f"--size {size!r}: expected width x height, like 1280x720") from None
    if not (min(width, height) >= SIDE_PX_MIN and max(width, height) <= SIDE_PX_MAX):
        raise ConfigError(f"--size {size!r}: both must be from {SIDE_PX_MIN} to {SIDE_PX_MAX} px")
    try:
        scene = make_scene(
            seed,
            size_px=(width, height),
            fps=fps,
            duration_s=seconds,
            num_people=people,
            style=style,
            num_cuts=cuts,
            crossing=crossing,
            grain=grain,
        )
    except ValueError as exc:
        raise ConfigError(str(exc)) from exc
    refuse_existing(out, overwrite)
    with bar("drawing") as shown:
        truth = write_footage(scene, out, shown=lambda done: shown(done, scene.num_frames))
    say(f"wrote {out} and {truth}")
