"""Log lines of our own modules: warnings go to stderr; ``AFFECTSTREAM_LOG=debug`` also shows what was passed over."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

LEVEL_VARIABLE = "AFFECTSTREAM_LOG"
PACKAGES = ("affectstream", "engines", "pipeline", "training")


def set_up() -> None:
    """Show the lines that the environment asks for. Call once in every process of ours; other packages stay quiet."""
    level = logging.getLevelNamesMapping().get(os.environ.get(LEVEL_VARIABLE, "").upper(), logging.WARNING)
    form = "%(message)s" if level >= logging.WARNING else "%(levelname)s %(name)s: %(message)s"
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(form))
    for package in PACKAGES:
        logger = logging.getLogger(package)
        logger.setLevel(level)
        logger.handlers = [handler]


@contextmanager
def passing_over(logger: logging.Logger, doing: str, *errors: type[BaseException]) -> Iterator[None]:
    """Go on after one of `errors`, which changes nothing for the user, with a line at debug level."""
    try:
        yield
    except errors as exc:
        logger.debug("%s: passed over: %s: %s", doing, type(exc).__name__, exc)
