"""Which AffectStream this is."""

from importlib.metadata import PackageNotFoundError, version


def software_version() -> str:
    """The installed version of AffectStream."""
    try:
        return version("affectstream")
    except PackageNotFoundError:
        return "unknown"
