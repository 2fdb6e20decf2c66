"""The command ``affectstream``. Thin: options in, one call, exit code out."""

import re
import signal
import sys
from collections.abc import Callable, Sequence

import typer
from rich.console import Console

from affectstream.commands import (
    ablate,
    analyze,
    compact,
    data,
    demo,
    doctor,
    draw,
    engine,
    evaluate,
    overlay,
    report,
    status,
    train,
    weights,
)
from affectstream.download import DownloadError
from engines import EngineError, NetworkError
from pipeline.errors import ConfigError, PipelineError, PolicyError, ResultsError, SinkError
from pipeline.version import software_version
from training.errors import TrainingError

EXIT_OURS, EXIT_USE, EXIT_INPUTS, EXIT_POLICY, EXIT_MACHINE, EXIT_INTERRUPTED = 1, 2, 3, 4, 5, 130

app = typer.Typer(
    name="affectstream",
    help="Video in, the course of people's facial valence and arousal out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 all well · 1 our fault · 2 wrong use · 3 some inputs failed · 4 refused by policy · "
    "5 the machine lacks something · 130 interrupted",
)
app.command(rich_help_panel="Analyse")(analyze.analyze)
app.command(rich_help_panel="Analyse")(status.status)
app.command(rich_help_panel="Analyse")(overlay.overlay)
app.command(rich_help_panel="Analyse")(report.report)
app.command(rich_help_panel="Analyse")(compact.compact)
app.add_typer(engine.app, name="engine", rich_help_panel="Networks")
app.add_typer(weights.app, name="weights", rich_help_panel="Networks")
app.add_typer(data.app, name="data", rich_help_panel="Networks")
app.command(rich_help_panel="Networks")(train.train)
app.command(rich_help_panel="Networks")(train.tune)
app.command(rich_help_panel="Networks")(ablate.ablate)
app.command(rich_help_panel="Networks")(evaluate.evaluate)
app.command(rich_help_panel="Networks")(train.export)
app.command(rich_help_panel="Try it")(demo.demo)
app.command(rich_help_panel="Try it")(draw.draw)
app.command(rich_help_panel="Try it")(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"affectstream {software_version()}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Options of every command."""


def main() -> None:
    """Run the command; our errors become one clear line and an exit code, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # what a terminal cannot show stops nothing
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # asked to end, end as cleanly as on Ctrl-C
    sys.exit(guarded(lambda: app(args=spelt_out(sys.argv[1:]))))


def spelt_out(arguments: Sequence[str]) -> list[str]:
    """The arguments with `--ray` alone, which stands for this machine, given its value."""
    out = []
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        alone = argument == "--ray" and not re.fullmatch(r"local|auto|ray://.+|[^/]+:\d+", following)
        out.append("--ray=local" if alone else argument)
    return out


def guarded(command: Callable[[], None]) -> int:
    """Call `command` and say with which code to exit."""
    try:
        command()
    except SystemExit as exc:
        if exc.code == EXIT_INTERRUPTED:
            return _fail("interrupted", EXIT_INTERRUPTED)
        return exc.code if isinstance(exc.code, int) else EXIT_USE
    except PolicyError as exc:
        return _fail(f"refused: {exc}", EXIT_POLICY)
    except (ConfigError, ResultsError, NetworkError, TrainingError) as exc:
        return _fail(str(exc), EXIT_USE)
    except (EngineError, SinkError) as exc:
        return _fail(str(exc), EXIT_MACHINE)
    except (PipelineError, DownloadError) as exc:
        return _fail(str(exc), EXIT_INPUTS)
    return 0


def _fail(message: str, code: int) -> int:
    Console(stderr=True).print(message, style="red", highlight=False, markup=False, soft_wrap=True)
    return code


if __name__ == "__main__":
    main()
