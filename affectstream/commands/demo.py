"""``affectstream demo``: the whole thing once, on drawn people."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from affectstream.progress import print_summary, progress_bar
from pipeline.config import load_config
from pipeline.overlay import write_overlay
from pipeline.report import write_report
from pipeline.runs.run import run
from pipeline.sources.find import find_sources

VIDEO, RESULTS, ANNOTATED = "people.mp4", "results", "annotated.mp4"


def demo(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the clip, its results and its report.")
    ] = Path("demo"),
) -> None:
    """Draw a short clip of synthetic people, analyse it, and write a report and an annotated video."""
    from training.drawn import demo_scene
    from training.drawn.footage import write_footage

    console = Console(stderr=True)
    video, results, annotated = out / VIDEO, out / RESULTS, out / ANNOTATED
    if not video.exists():
        scene = demo_scene()
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("drawing people", total=scene.num_frames)
            write_footage(scene, video, shown=lambda done: bar.update(task, completed=done))
    settings = load_config(None, {"output.landmarks": True, "deployment.context": "research"})
    with progress_bar(console) as standing:
        result = run(find_sources([video]), results, settings, fresh=True, standing=standing)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("annotating", total=None)
        write_overlay(
            video, results, annotated, shown=lambda done, total: bar.update(task, completed=done, total=total)
        )
    index = write_report(results)
    print_summary(result, Console())
    typer.echo(
        f"\nthe clip        {video}\nannotated       {annotated}\nresults         {results}\nreport          {index}"
    )
