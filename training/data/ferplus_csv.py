"""FER+ from its originals: the pictures of FER2013 and the votes of FER+, row beside row."""

from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import numpy as np

from training.data.csv_rows import number, read_csv
from training.data.faceset import weak_affect
from training.data.ferplus import labels_of_votes
from training.data.records import SPLITS, TEST, TRAIN, VAL, Reading, Record, need, need_folder
from training.errors import TrainingError

OWNER = (
    "the pictures, fer2013.csv, are lent for the Kaggle challenge 'Facial Expression Recognition' (ICML 2013), the "
    "votes, fer2013new.csv, lie in microsoft/FERPlus on GitHub"
)
SPLIT_OF = {"Training": TRAIN, "PublicTest": VAL, "PrivateTest": TEST}
VOTES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
SIDE_PX = 48


def read_ferplus_csv(source: Path) -> Reading:
    """All faces with their votes; valence and arousal are weak labels (`weak_affect`). Raises TrainingError."""
    left_out: Counter[str] = Counter()
    return Reading(data_set="FER+", records=list(_records(source, left_out)), splits=SPLITS, left_out=left_out)


def _records(source: Path, left_out: Counter[str]) -> Iterator[Record]:
    pictures = read_csv(need(need_folder(source, OWNER) / "fer2013.csv", OWNER), ("pixels", "Usage"))
    votes = read_csv(need(source / "fer2013new.csv", OWNER), ("Usage", "Image name", *VOTES))
    for one, other in zip_longest(pictures, votes):
        if one is None or other is None:
            raise TrainingError(f"{source}: fer2013.csv and fer2013new.csv do not have as many rows; get both anew")
        (where, picture), (there, vote) = one, other
        if picture["Usage"] != vote["Usage"] or picture["Usage"] not in SPLIT_OF:
            raise TrainingError(
                f"{where}: Usage is {picture['Usage']!r}, and {vote['Usage']!r} in {there}; expected the same in both, "
                f"one of {', '.join(SPLIT_OF)}"
            )
        if not vote["Image name"]:  # FER+ names no picture where there is none worth labelling
            left_out["without a name in FER+"] += 1
            continue
        counts, shares = labels_of_votes(np.array([[number(vote[n], 0, 10, f"{there}: {n}") for n in VOTES]], np.int64))
        known = bool(np.isfinite(shares).all())
        affect = weak_affect(shares)[0]
        yield Record(
            name=vote["Image name"],
            picture=_pixels(picture["pixels"], where),
            split=SPLIT_OF[vote["Usage"]],
            expression=shares[0] if known else None,
            votes=counts[0],
            valence=float(affect[0]) if known else None,
            arousal=float(affect[1]) if known else None,
        )


def _pixels(text: str, where: str) -> np.ndarray:
    try:
        pixels = np.array(text.split(), np.int64)
    except (ValueError, OverflowError) as exc:
        raise TrainingError(f"{where}: pixels must be whole numbers: {exc}") from exc
    if pixels.size != SIDE_PX**2 or pixels.min() < 0 or pixels.max() > 255:
        raise TrainingError(f"{where}: {pixels.size} pixels; expected {SIDE_PX**2} numbers in 0..255")
    return pixels.reshape(SIDE_PX, SIDE_PX).astype(np.uint8)
