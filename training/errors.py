"""Everything the training module raises on purpose."""


class TrainingError(Exception):
    """The configuration or the data is wrong; the message says what, and what to do. Do not retry."""
