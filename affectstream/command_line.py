"""How commands are parsed and how their help is laid out.

Help is plain text of the terminal's width: options by group, each with its value, unit, range and default.
"""

import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from pipeline.version import software_version

WIDTH_MIN, WIDTH_MAX = 30, 100
"""Columns. Longer lines are hard to read; shorter ones have no room for two columns."""
NAMES_MAX = 26
"""Columns of the names of options and commands; longer ones get a line of their own."""


def print_version(wanted: bool) -> None:
    """Print the version and exit, if that is what is wanted."""
    if wanted:
        typer.echo(f"affectstream {software_version()}")
        raise typer.Exit


class App(typer.Typer):
    """A group of commands, or all of them."""

    def __init__(self, **settings: Any):
        super().__init__(cls=Group, rich_markup_mode=None, pretty_exceptions_enable=False, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """Decorate a function to make it a command."""
        return super().command(name, **{"cls": Command, **settings})


class _Helpful:
    """What commands and groups of commands share. Typed loosely: the base classes of typer are."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.terminal_width = max(WIDTH_MIN, min(shutil.get_terminal_size().columns, WIDTH_MAX)) - 1
        if args[:1] in (["-V"], ["--version"]):
            print_version(True)
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc]
        except TyperException as exc:
            if near := getattr(exc, "possibilities", None):  # of an unknown option
                exc.message += f". Did you mean {' or '.join(near)}?"
                exc.possibilities = None  # type: ignore[attr-defined]
            exc.message = exc.message.removeprefix("Value error, ").removeprefix("Input ")  # pydantic's words
            exc.ctx = getattr(exc, "ctx", None) or ctx  # type: ignore[attr-defined]
            raise

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        params = [param for param in self.get_params(ctx) if param.param_type_name == "argument"]  # type: ignore[attr-defined]
        names = [param.display_name_raw + ("..." if param.nargs != 1 else "") for param in params]
        pieces = [name if param.required else f"[{name}]" for param, name in zip(params, names, strict=True)]
        return ["[OPTIONS]", *pieces, *(["COMMAND ..."] if isinstance(self, Group) else [])]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for param in self.get_params(ctx):  # type: ignore[attr-defined]
            names, text = param.get_help_record(ctx)
            title = param.rich_help_panel or "Options"
            if param.param_type_name == "argument":
                names, title = param.display_name_raw, "Arguments"
            elif names.startswith("--"):
                names = f"    {names}"  # below the long names of those that have short ones
            sections.setdefault(title, []).append((names, text))
        _write(formatter, sections)
        if isinstance(self, Group):
            self.format_commands(ctx, formatter)


class Command(_Helpful, TyperCommand):
    """A command."""

    optional_values: ClassVar[Mapping[str, tuple[str, re.Pattern[str]]]] = {}
    """Options that may stand alone: the value they then have, and what a value that follows them looks like."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        args = list(args)
        for i in reversed(range(end)):
            if args[i] in self.optional_values:
                alone, pattern = self.optional_values[args[i]]
                if i + 1 == end or not pattern.fullmatch(args[i + 1]):
                    args[i] += f"={alone}"
        return super().parse_args(ctx, args)


class Group(_Helpful, TyperGroup):
    """A command with subcommands: `help` explains one of them; without any, the help answers the usage error."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args and not ctx.resilient_parsing:
            with suppress(typer.Exit):
                super().parse_args(ctx, ["--help"])
            raise typer.Exit(2)
        if args[:1] == ["help"] and not ctx.resilient_parsing:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            title = getattr(command, "rich_help_panel", None) or "Commands"
            summary = (command.help or "").partition("\n\n")[0].removesuffix(".")
            sections.setdefault(title, []).append((name, summary))
        _write(formatter, sections)


def _write(formatter: Any, sections: Mapping[str, list[tuple[str, str]]]) -> None:
    for title, rows in sections.items():
        if rows:
            with formatter.section(title):
                formatter.write_dl(rows, col_max=min(NAMES_MAX, formatter.width // 3))
