"""Files that a command writes where the user says: an existing one is never replaced by mistake."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import ConfigError

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")]


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise ConfigError if the file exists and must not be replaced."""
    if path.is_file() and not overwrite:
        raise ConfigError(f"{path}: already exists; choose another name, or replace it with --overwrite")
