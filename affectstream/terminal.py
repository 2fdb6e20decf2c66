"""Text on a terminal. File names come from anywhere: none may command it, and none may fail to print."""

import typer
from rich.console import Console

from pipeline.text import printable

__all__ = ["console", "printable", "say"]


def console(*, stderr: bool = False) -> Console:
    """A console that prints text as it is: no guessing what could be highlighted or an emoji code."""
    return Console(stderr=stderr, highlight=False, emoji=False)


def say(*lines: object) -> None:
    """Print lines to stdout, control characters in them escaped."""
    for line in lines:
        typer.echo(printable(str(line)))
