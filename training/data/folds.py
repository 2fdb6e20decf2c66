"""Person-independent folds: a data set without splits cut into parts that share nobody."""

from dataclasses import dataclass

import numpy as np

from training.errors import TrainingError

NUM_FOLDS = 5
"""As in the paper for AFEW-VA."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One part of several, written "2/5": it is measured on, the others are learnt from."""

    index: int
    """From 1."""
    of: int = NUM_FOLDS

    def __post_init__(self) -> None:
        if self.of < 2 or not 1 <= self.index <= self.of:
            raise TrainingError(
                f"fold {self.index}/{self.of}: expected like 1/5, the first at most the second, 2 or more"
            )

    @classmethod
    def parse(cls, text: str) -> "Fold":
        """From "2/5". Raises TrainingError."""
        index, _, of = text.partition("/")
        if not (index.isdecimal() and of.isdecimal()):
            raise TrainingError(f"fold {text!r}: expected like 2/5, the second of five parts")
        return cls(int(index), int(of))

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"


def fold_of_rows(persons: np.ndarray, of: int = NUM_FOLDS) -> np.ndarray:
    """(F,) int in 1..of: the part of each row. All rows of a person (F,) str are in one part.

    Who has most rows comes first and goes to the part that has fewest, so that parts are about equally large; the same
    rows are always cut the same way. Raises TrainingError where a person is unknown, or there are too few.
    """
    if unknown := int((persons == "").sum()):
        raise TrainingError(
            f"{unknown} of {len(persons)} rows name no person; folds need to know who is in each picture"
        )
    names, rows, counts = np.unique(persons, return_inverse=True, return_counts=True)
    if len(names) < of:
        raise TrainingError(f"{len(names)} persons cannot be cut into {of} folds; use at most {len(names)}")
    part, filled = np.zeros(len(names), np.int64), np.zeros(of, np.int64)
    for person in np.argsort(-counts, kind="stable"):  # names are sorted: equal counts go by name
        part[person] = filled.argmin()
        filled[part[person]] += counts[person]
    return np.asarray(part[rows] + 1)
