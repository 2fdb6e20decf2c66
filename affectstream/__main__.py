"""``python -m affectstream``: the command."""

from affectstream.cli import main

main()
