"""``affectstream ablate``: the ladder of the paper's tables 5 and 6, in small."""

from pathlib import Path
from typing import Annotated

import typer

from affectstream.commands.train import Data, data_folder, log_line, require_torch


def ablate(
    config: Annotated[Path, typer.Argument(help="The base run, configs/train/ablation.yaml.")],
    data: Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the runs; a second call does what is missing.")],
    seeds: Annotated[int, typer.Option(min=2, max=10, help="Runs of each rung.")] = 3,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, one thread each.")] = 2,
    page: Annotated[Path | None, typer.Option(help="Also write what was found to this Markdown file.")] = None,
) -> None:
    """Train the ladder of the paper's tables 5 and 6 in small, several seeds a rung, and say what it shows."""
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
