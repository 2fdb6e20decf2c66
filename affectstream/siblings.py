"""The top-level packages that `affectstream` needs beside it, and what may hide them."""

import sys
from importlib.util import find_spec
from pathlib import Path

NEEDED = ("pipeline", "engines")
"""`training` is needed by some commands only, and may be missing."""


def refuse_hidden() -> None:
    """Raise ImportError, in one line, if another module has the name of a package of ours, such as a `pipeline.py`."""
    here = Path(__file__).resolve().parents[1]
    for name in NEEDED:
        found = _place(name)
        if found is not None and not found.is_relative_to(here / name):
            raise ImportError(
                f"{found} hides the package '{name}' that affectstream needs; rename it, or run Python from another "
                "folder and without it in PYTHONPATH"
            )


def _place(name: str) -> Path | None:
    """The file from which a top-level module was or would be imported; None if there is none."""
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if loaded is not None:
        return Path(loaded).resolve()
    try:
        spec = find_spec(name)
    except ValueError:  # a module without a spec, made by hand
        return None
    if spec is None:
        return None
    places = [spec.origin] if spec.origin is not None else list(spec.submodule_search_locations or ())
    return Path(places[0]).resolve() if places else None
