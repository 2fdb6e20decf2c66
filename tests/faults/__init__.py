"""What a run survives, shown at length: scripts, with short runs of them among the tests."""
