"""What a reader of a published data set yields: faces with their labels as they are there, pictures not yet decoded."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.errors import TrainingError

TRAIN, VAL, TEST = "train", "val", "test"
SPLITS = (TRAIN, VAL, TEST)
NAMED_MAX = 5
"""Most examples that a message names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One face. Coordinates are px of the picture, pixel centres at whole numbers; None where something is unknown."""

    name: str
    """What it is called in its data set; unique there."""
    picture: Path | np.ndarray
    """A picture file, or pixels uint8 (H, W) luma or (H, W, 3) RGB."""
    split: str = ""
    """One of SPLITS, "" where the data set has none."""
    person: str = ""
    """"" where unknown."""
    box: tuple[float, float, float, float] | None = None
    """x1 y1 x2 y2 of the face, about as large as its 68 landmarks are apart."""
    landmarks: np.ndarray | None = None
    """(68, 2) float32."""
    expression: np.ndarray | None = None
    """(8,) float32 probabilities in the order of `engines.EXPRESSIONS`."""
    votes: np.ndarray | None = None
    """(10,) int: annotators per expression, then unknown and not-a-face."""
    valence: float | None = None
    arousal: float | None = None
    """-1..1."""
    cleaned: bool | None = None
    """Whether the face belongs to the cleaned AffectNet set (`training.data.cleaned`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All faces of a data set that can be used, and what was left out of it and why."""

    data_set: str
    records: list[Record]
    splits: tuple[str, ...] = ("",)
    """The splits that must not be empty."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Reason -> how many."""
    cleaned: str = ""
    """What `Record.cleaned` means here; "" where it is unknown everywhere."""


def check_people(records: Iterable[Record]) -> None:
    """Nobody may be in two splits: what is measured on a known face flatters. Raises TrainingError."""
    seen: dict[str, str] = {}
    twice: dict[str, tuple[str, str]] = {}
    for record in records:
        if record.person and seen.setdefault(record.person, record.split) != record.split:
            twice.setdefault(record.person, (seen[record.person], record.split))
    if twice:
        named = ", ".join(f"{person!r} ({a} and {b})" for person, (a, b) in list(twice.items())[:NAMED_MAX])
        raise TrainingError(
            f"{len(twice)} persons are in two splits: {named}{', ...' if len(twice) > NAMED_MAX else ''}; "
            "put all pictures of a person in one split, or leave the splits empty and train on folds"
        )


def need_folder(path: Path, owner: str) -> Path:
    """`need`, of a folder."""
    if not need(path, owner).is_dir():
        raise TrainingError(f"{path}: is no folder; {owner}; docs/datasets.md shows how it must lie")
    return path


def need(path: Path, owner: str) -> Path:
    """`path`, which must exist; TrainingError says what is missing and from whom the data set comes."""
    if not path.exists():
        raise TrainingError(f"{path}: no such file or folder; {owner}; docs/datasets.md shows how it must lie")
    return path
