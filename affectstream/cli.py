"""The entry point of the command ``affectstream``: signals, streams, exit codes.

It imports nothing heavy before it can answer Ctrl-C; the commands themselves are in `affectstream.app`.
"""

import os
import signal
import sys
from types import FrameType

EXIT_USE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE
"""What a shell reports of any program whose reader went away, as in `affectstream help | head`."""


def main() -> None:
    """Run the command and exit with its code."""
    # Until the imports are done there is nothing to clean up, and a KeyboardInterrupt could be swallowed by one.
    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, _leave)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # a daemon's may be closed; the next file opened must not take its place
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        getattr(sys, name).reconfigure(errors="backslashreplace")  # never fail to print a file name
    from affectstream.siblings import refuse_hidden

    try:
        refuse_hidden()
    except ImportError as exc:
        print(exc, file=sys.stderr)  # noqa: T201 - affectstream.terminal imports pipeline
        sys.exit(EXIT_USE)
    from affectstream.app import run

    for stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(stop, signal.default_int_handler)
    code = run(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C while the interpreter shuts down
    sys.exit(_flushed(code))


def _leave(signum: int, frame: FrameType | None) -> None:
    os.write(2, b"interrupted\n")
    os._exit(EXIT_INTERRUPTED)


def _flushed(code: int) -> int:
    """The exit code, once all output is written: the interpreter would report a failure with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as exc:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # what is left in the buffer goes nowhere
            if isinstance(exc, BrokenPipeError):
                return EXIT_BROKEN_PIPE
            os.write(2, f"cannot write the output: {exc.strerror}\n".encode())
            return code or 5
    return code


if __name__ == "__main__":
    main()
