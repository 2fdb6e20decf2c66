"""``affectstream ablate``: the ladder of the paper's tables 5 and 6, in small."""

from pathlib import Path
from typing import Annotated

import typer

from affectstream.commands.train import Data, data_folder, log_line, require_torch


def ablate(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="Base training run: configs/train/ablation.yaml.")],
    data: Data,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder of the runs. Running the same command again does what is missing.",
        ),
    ],
    seeds: Annotated[
        int, typer.Option(min=2, max=10, metavar="N", help="Runs per variant, each with its own seed.")
    ] = 3,
    jobs: Annotated[int, typer.Option(min=1, metavar="N", help="Parallel runs, one thread each.")] = 2,
    page: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the findings to this Markdown file instead of printing them."),
    ] = None,
) -> None:
    """Repeat the ablations of the paper's tables 5 and 6 at small scale and report what they show."""
    require_torch()
    from training.ablation.ladder import climb
    from training.ablation.page import write_page

    results = climb(config, data_folder(data), out, seeds=range(seeds), jobs=jobs, log=log_line)
    text = write_page(results, config=config.name)
    if page is None:
        typer.echo(text)
    else:
        page.write_text(text, encoding="utf-8")
        log_line(f"written: {page}")
