"""Networks as training tasks: what a batch is, what the loss is, how good a network is."""
