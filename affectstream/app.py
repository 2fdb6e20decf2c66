"""All commands in one application, and how what they raise becomes one clear line and an exit code."""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated

import typer
from typer.exceptions import TyperException

from affectstream.cli import EXIT_BROKEN_PIPE, EXIT_INTERRUPTED, EXIT_USE
from affectstream.command_line import App, print_version
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
    forget,
    overlay,
    report,
    status,
    train,
    weights,
)
from affectstream.download import DownloadError
from affectstream.terminal import console, printable
from engines import EngineError, NetworkError
from pipeline import logs
from pipeline.errors import ConfigError, PipelineError, PolicyError, ResultsError, SinkError
from training.errors import TrainingError

EXIT_INTERNAL, EXIT_INPUTS, EXIT_POLICY, EXIT_MACHINE = 1, 3, 4, 5

app = App(
    name="affectstream",
    help="Measure how the valence and arousal of people's faces change over time, in videos and pictures.",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="'affectstream help COMMAND' explains a command.\n\n"
    "Exit codes: 0 success, 1 internal error, 2 usage error (also: no command given), 3 some inputs failed, "
    "4 refused by policy, 5 the machine lacks something, 130 interrupted.",
)


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


_ANALYSIS, _NETWORKS, _START = "Analysis", "Networks and training", "Getting started"
_COMMANDS: dict[str, list[Callable[..., None]]] = {
    _ANALYSIS: [status.status, report.report, overlay.overlay, compact.compact, forget.forget],
    _NETWORKS: [train.train, train.tune, ablate.ablate, evaluate.evaluate, train.export],
    _START: [demo.demo, draw.draw, doctor.doctor],
}
app.command(cls=analyze.AnalyzeCommand, rich_help_panel=_ANALYSIS)(analyze.analyze)
for panel, commands in _COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)
for name, group in {"engine": engine.app, "weights": weights.app, "data": data.app}.items():
    app.add_typer(group, name=name, rich_help_panel=_NETWORKS)


def run(arguments: Sequence[str]) -> int:
    """Run the command line `arguments`; return its exit code. A user's mistake is one clear message, no traceback."""
    logs.set_up()
    return guarded(lambda: app(args=list(arguments), prog_name="affectstream", standalone_mode=False))


def guarded(command: Callable[[], int | None]) -> int:
    """Call `command`; return its exit code, or that of the error it raised."""
    try:
        code = command() or 0
        return _fail("interrupted", code) if code == EXIT_INTERRUPTED else code  # typer's answer to Ctrl-C
    except TyperException as exc:
        return _usage(exc)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", EXIT_INTERRUPTED)
    except SystemExit as exc:
        if isinstance(exc.__context__, BrokenPipeError):  # rich and typer turn it into exit code 1
            return _closed_pipe()
        return exc.code if isinstance(exc.code, int) else EXIT_USE
    except PolicyError as exc:
        return _fail(f"refused: {exc}", EXIT_POLICY)
    except (ConfigError, ResultsError, NetworkError, TrainingError) as exc:
        return _fail(str(exc), EXIT_USE)
    except (EngineError, SinkError) as exc:
        return _fail(str(exc), EXIT_MACHINE)
    except (PipelineError, DownloadError) as exc:
        return _fail(str(exc), EXIT_INPUTS)
    except BrokenPipeError:
        return _closed_pipe()
    except UnicodeEncodeError as exc:  # a library wants text of every path
        return _fail(f"{printable(exc.object)}: the name of a file to write must be valid UTF-8", EXIT_USE)
    except OSError as exc:
        if exc.strerror is None:
            raise
        where = f"{os.fsdecode(exc.filename)}: " if isinstance(exc.filename, str | bytes) else ""
        return _fail(f"{where}{exc.strerror}", EXIT_MACHINE if exc.errno in _MACHINE_ERRORS else EXIT_USE)


_MACHINE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO}
"""What the user cannot mend by giving another path."""


def _usage(exc: TyperException) -> int:
    """What is wrong with the command line, and which help explains it."""
    context = getattr(exc, "ctx", None)
    hint = f"\nTry '{context.command_path} --help'." if context is not None else ""
    return _fail(exc.format_message() + hint, EXIT_USE)


def _closed_pipe() -> int:
    # Nobody reads any more. What is still in the buffers must not fail again at exit.
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return EXIT_BROKEN_PIPE


def _fail(message: str, code: int) -> int:
    text = "\n".join(map(printable, message.splitlines()))
    with suppress(OSError):  # the exit code still says it
        console(stderr=True).print(text, style="red", markup=False, soft_wrap=True)
    return code
