"""What is to be analysed, wherever it lies."""
