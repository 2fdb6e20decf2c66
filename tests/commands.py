"""The command in this process: starting one of its own costs a second."""

import io
import os
import subprocess
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from affectstream.app import run


def affectstream(*arguments: object, cwd: str | Path = ".", columns: int = 160) -> subprocess.CompletedProcess[str]:
    """Exit code, stdout and stderr of a command line."""
    line = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), chdir(cwd), mock.patch.dict(os.environ, COLUMNS=str(columns)):
        code = run(line)
    return subprocess.CompletedProcess(line, code, out.getvalue(), err.getvalue())
