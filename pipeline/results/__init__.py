"""A results folder: what is committed there, and how it is read."""
