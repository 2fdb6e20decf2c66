"""Video in, the valence and arousal of people's faces over time out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from affectstream.api import analyze, forget, read_results, source_states

__all__ = ["analyze", "forget", "read_results", "source_states"]


def __getattr__(name: str) -> Any:
    # Imported on first use: the command must be able to answer Ctrl-C before half a second of imports has passed.
    if name in __all__:
        from affectstream.siblings import refuse_hidden

        refuse_hidden()
        from affectstream import api

        return getattr(api, name)
    if name == "__version__":
        from pipeline.version import software_version

        return software_version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
