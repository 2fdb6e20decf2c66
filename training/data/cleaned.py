"""The cleaned AffectNet set that the paper's best figures are of.

Its authors struck out faces by hand and then by rules on valence and arousal. The list of the first step ships with
their code as a pickle; without it only the rules can be applied, and figures on what is left are not comparable.
Shapes: F faces.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from training.data.csv_rows import points_of
from training.data.plain_pickle import read_pickle
from training.data.records import VAL, Reading, Record
from training.errors import TrainingError

PUBLISHED = "the published list and its rules"
RULES_ONLY = "rules only, not the published list"
IOU_MIN = 0.5
"""Landmarks of the list whose box overlaps the data set's own less than this were marked in another picture."""
_NAME_KEYS = ("name", "file", "filename", "image", "path", "key")


@dataclass(frozen=True, slots=True)
class Listed:
    """What the list says of one picture."""

    correct: bool
    """The expression was found right by hand."""
    landmarks: np.ndarray | None
    """(68, 2) float32 px, found by a FAN."""


def follows_rules(expression: np.ndarray, valence: np.ndarray, arousal: np.ndarray) -> np.ndarray:
    """(F,) bool: valence and arousal (F,) fit the expression (F,), a class or -1; NaN and -1 never do.

    The rules of EmoNet's public code, where the distance from the origin is an intensity.
    """
    v, a = valence, arousal
    intensity = np.hypot(v, a)
    strong = intensity > 0.2
    rules = np.stack(
        [
            intensity < 0.2,  # neutral
            (v > 0) & strong,  # happiness
            (v < 0) & strong,  # sadness
            (a > 0) & strong,  # surprise
            (a >= 0) & (v <= 0) & strong,  # fear
            (v < 0) & (intensity > 0.3),  # disgust
            (a > 0) & strong,  # anger
            (v < 0) & strong,  # contempt
        ]
    )
    return np.asarray(rules[expression, np.arange(len(expression))] & (expression >= 0))


def mark_cleaned(reading: Reading, listed: dict[str, Listed] | None) -> Reading:
    """Say of each face of val whether it is in the cleaned set, and give it the list's landmarks.

    `listed`: what `read_list` gives, None where only the rules are known. Raises TrainingError.
    """
    val = [record for record in reading.records if record.split == VAL]
    if listed is not None and val and not any(Path(record.name).name in listed for record in val):
        raise TrainingError(
            f"the list names {len(listed)} pictures, such as {next(iter(listed))!r}, and none of val, such as "
            f"{Path(val[0].name).name!r}; it belongs to the original release of AffectNet"
        )
    expression = np.array([-1 if r.expression is None else r.expression.argmax() for r in val], np.int64)
    affect = np.array([(r.valence, r.arousal) for r in val], np.float64).reshape(-1, 2)
    fits = iter(follows_rules(expression, affect[:, 0], affect[:, 1]).tolist())
    num_marked = 0
    records = []
    for record in reading.records:
        if record.split == VAL:
            keep, marks = next(fits), record.landmarks
            if listed is not None:
                entry = listed.get(Path(record.name).name, Listed(False, None))
                keep = keep and entry.correct
                if _same_face(entry.landmarks, record):
                    marks, num_marked = entry.landmarks, num_marked + 1
            record = replace(record, cleaned=keep, landmarks=marks)
        records.append(record)
    told = (
        RULES_ONLY if listed is None else f"{PUBLISHED}; landmarks of {num_marked} of {len(val)} faces are the list's"
    )
    return replace(reading, records=records, cleaned=told)


def read_list(path: Path) -> dict[str, Listed]:
    """File name -> what the authors' pickle says of it. Only data are read: nothing in the file is run."""
    return {
        Path(name).name: Listed(
            bool(np.asarray(entry["expression_correct"]).all()),
            points_of(entry["landmarks_fan"], f"{path}: {name}") if entry.get("landmarks_fan") is not None else None,
        )
        for name, entry in _entries(read_pickle(path), path)
    }


def _entries(content: Any, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, labels) of a dict of dicts, or of a list of dicts with their names inside."""
    rows: list[tuple[Any, Any]] = []
    if isinstance(content, dict):
        rows = [(name, entry) for name, entry in content.items() if isinstance(entry, dict)]
    elif isinstance(content, (list, tuple)) and all(isinstance(entry, dict) for entry in content):
        rows = [(next((e[key] for key in _NAME_KEYS if key in e), None), e) for e in content]
    if not rows or not all(isinstance(name, str) and "expression_correct" in entry for name, entry in rows):
        raise TrainingError(
            f"{path}: expected a dict from file names to dicts with 'expression_correct' (and 'landmarks_fan'), or a "
            f"list of such dicts with their {', '.join(_NAME_KEYS)}; got {type(content).__name__} of another kind"
        )
    yield from rows


def _same_face(points: np.ndarray | None, record: Record) -> bool:
    """Whether landmarks (68, 2) lie where the data set itself says that the face is, if it says so."""
    if points is None:
        return False
    own = record.landmarks if record.landmarks is not None else np.reshape(record.box or (), (-1, 2))
    if not len(own):
        return True
    low, high = np.stack([points.min(0), own.min(0)]), np.stack([points.max(0), own.max(0)])
    common = (high.min(0) - low.max(0)).clip(0).prod()
    return bool(common >= IOU_MIN * ((high - low).prod(1).sum() - common))
