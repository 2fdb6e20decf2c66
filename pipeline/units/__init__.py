"""One video, or a stretch of one, from decode to commit."""
