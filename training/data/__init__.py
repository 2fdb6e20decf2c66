"""Readers: each turns one published data set into a `FaceSet` or a list of scenes."""
