"""``affectstream demo``: the whole thing once, on drawn people."""

from pathlib import Path
from typing import Annotated

import typer

from affectstream.progress import print_summary, progress_bar
from affectstream.terminal import bar, console, say
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

    video, results, annotated = out / VIDEO, out / RESULTS, out / ANNOTATED
    if not video.exists():
        scene = demo_scene()
        with bar("drawing people") as shown:
            write_footage(scene, video, shown=lambda done: shown(done, scene.num_frames))
    settings = load_config(None, {"output.landmarks": True, "deployment.context": "research"})
    with progress_bar(console(stderr=True)) as standing:
        result = run(find_sources([video]), results, settings, fresh=True, standing=standing)
    with bar("annotating") as shown:
        write_overlay(video, results, annotated, shown=shown)
    index = write_report(results)
    print_summary(result, console())
    say("", f"clip       {video}", f"annotated  {annotated}", f"results    {results}", f"report     {index}")
