"""Video in, the course of people's facial valence and arousal out."""

from affectstream.api import analyze, read_results

__all__ = ["analyze", "read_results"]
