"""Results drawn onto the video they come from, or faces hidden in it."""

from pipeline.overlay.write import write_overlay

__all__ = ["write_overlay"]
