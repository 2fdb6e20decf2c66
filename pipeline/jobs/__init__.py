"""Batch jobs: one video, or a segment of one, from decode to commit."""
