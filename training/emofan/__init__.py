"""EmoFAN: the network, its loss, its samples and its training task."""
