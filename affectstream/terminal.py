"""Text on a terminal. File names come from anywhere: none may command it, and none may fail to print."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import Progress

from pipeline.text import printable

__all__ = ["bar", "console", "printable", "say", "warn"]


def console(*, stderr: bool = False, soft_wrap: bool = False) -> Console:
    """A console that prints text as it is: no guessing what could be highlighted or an emoji code.

    `soft_wrap` leaves long lines to the terminal, so that what is copied has no line ends.
    """
    return Console(stderr=stderr, highlight=False, emoji=False, soft_wrap=soft_wrap)


@contextmanager
def bar(task: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on stderr, if that is a terminal; gives `shown(done, total)` to move it."""
    terminal = console(stderr=True)
    with Progress(console=terminal, transient=True, disable=not terminal.is_terminal) as progress:
        number = progress.add_task(task, total=None)
        yield lambda done, total: progress.update(number, completed=done, total=total)


def say(*lines: object) -> None:
    """Print lines to stdout, control characters in them escaped."""
    for line in lines:
        typer.echo(printable(str(line)))


def warn(*lines: object) -> None:
    """Print lines to stderr, control characters in them escaped."""
    for line in lines:
        typer.echo(printable(str(line)), err=True)
