"""What is passed over is in the log of those who ask for it, and nowhere else."""

import logging
import subprocess
import sys

import pytest

from pipeline.logs import passing_over

logger = logging.getLogger("pipeline.somewhere")


def test_an_error_that_is_passed_over_leaves_a_line_at_debug_level(caplog):
    caplog.set_level(logging.DEBUG, logger="pipeline")
    with passing_over(logger, "removing a file", OSError):
        raise PermissionError("not allowed")
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == (
        "DEBUG",
        "removing a file: passed over: PermissionError: not allowed",
    )


def test_other_errors_are_not_passed_over():
    with pytest.raises(KeyError), passing_over(logger, "removing a file", OSError):
        raise KeyError("x")


@pytest.mark.parametrize(
    ("level", "shown"),
    [("", ["louder"]), ("nonsense", ["louder"]), ("debug", ["DEBUG engines: quiet", "WARNING pipeline: louder"])],
)
def test_the_environment_says_which_lines_are_shown(level, shown):
    code = (
        "import logging; from pipeline import logs; logs.set_up(); logs.set_up(); "
        "logging.getLogger('engines').debug('quiet'); logging.getLogger('pipeline').warning('louder'); "
        "logging.getLogger('other').info('no')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"AFFECTSTREAM_LOG": level}, capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines() == shown
