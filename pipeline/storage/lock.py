"""The lock of a results folder: its name, and what a folder may be held for."""

LOCK = "_lock"
ANALYSING, COMPACTING = "analysing", "compacting"
