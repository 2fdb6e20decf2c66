"""One file per runtime; each is imported only where it is used."""
