"""AffectNet (Mollahosseini, Hasani, Mahoor 2017): web pictures rated by hand, in its original and its 2021 release."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.data.csv_rows import number, points, points_of, read_csv
from training.data.records import TRAIN, VAL, Reading, Record, need, need_folder
from training.errors import TrainingError

OWNER = "AffectNet is lent for research by Mohammad Mahoor's laboratory (mohammadmahoor.com, AffectNet): ask there"
COLUMNS = (
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height"),
    *("facial_landmarks", "expression", "valence", "arousal"),
)
NO_EXPRESSION = {8: "expression none", 9: "expression uncertain", 10: "no face"}
"""Codes after the eight classes, which stand in our own order: neutral, happy, sad, surprise, fear, disgust, anger,
contempt."""
NOT_RATED = -2.0
_CLASSES = np.eye(8, dtype=np.float32)


def read_affectnet(source: Path) -> Reading:
    """All faces with one of the eight expressions, of whichever release lies in `source`. Raises TrainingError."""
    left_out: Counter[str] = Counter()
    newer = need_folder(source, OWNER) / "train_set"
    read = _newer_release if newer.is_dir() else _original_release
    return Reading(data_set="AffectNet", records=list(read(source, left_out)), splits=(TRAIN, VAL), left_out=left_out)


def _original_release(source: Path, left_out: Counter[str]) -> Iterator[Record]:
    """`training.csv`, `validation.csv`, and the pictures they name; some copies of the files have no header."""
    folders = [source / "Manually_Annotated_Images", source / "Manually_Annotated" / "Manually_Annotated_Images"]
    pictures = need(next((folder for folder in folders if folder.is_dir()), folders[0]), OWNER)
    for split, file in ((TRAIN, "training.csv"), (VAL, "validation.csv")):
        for where, row in read_csv(need(source / file, OWNER), COLUMNS, headless=COLUMNS):
            expression = _expression(row["expression"], where)
            if reason := NO_EXPRESSION.get(expression):
                left_out[reason] += 1
                continue
            x, y, width, height = (number(row[name], -1e5, 1e5, f"{where}: {name}") for name in COLUMNS[1:5])
            yield Record(
                name=row[COLUMNS[0]],
                picture=pictures / row[COLUMNS[0]],
                split=split,
                box=(x, y, x + width, y + height),
                landmarks=points(row["facial_landmarks"], ";", where),
                expression=_CLASSES[expression],
                valence=_rating(row["valence"], f"{where}: valence"),
                arousal=_rating(row["arousal"], f"{where}: arousal"),
            )


def _newer_release(source: Path, left_out: Counter[str]) -> Iterator[Record]:
    """`train_set/` and `val_set/`, each with `images/ID.jpg` (224 px, cut already) and `annotations/ID_exp.npy`, ..."""
    for split, name in ((TRAIN, "train_set"), (VAL, "val_set")):
        images, notes = (need(source / name / part, OWNER) for part in ("images", "annotations"))
        for picture in sorted(images.glob("*.jpg"), key=lambda path: (len(path.stem), path.stem)):
            start = notes / picture.stem
            if not start.with_name(f"{start.name}_exp.npy").is_file():
                left_out["no annotation"] += 1
                continue
            expression = _expression(_single(start, "exp"), f"{start}_exp.npy")
            if reason := NO_EXPRESSION.get(expression):
                left_out[reason] += 1
                continue
            marks = start.with_name(f"{start.name}_lnd.npy")
            yield Record(
                name=f"{name}/{picture.name}",
                picture=picture,
                split=split,
                landmarks=points_of(_load(marks).tolist(), str(marks)) if marks.is_file() else None,
                expression=_CLASSES[expression],
                valence=_rating(_single(start, "val"), f"{start}_val.npy"),
                arousal=_rating(_single(start, "aro"), f"{start}_aro.npy"),
            )


def _expression(text: str, where: str) -> int:
    code = number(text, 0, 10, f"{where}: expression")
    if code != int(code):
        raise TrainingError(f"{where}: expression is {text!r}; expected a whole number in 0..10")
    return int(code)


def _rating(text: str, where: str) -> float | None:
    """Valence or arousal; None where it is -2, AffectNet's mark for no rating."""
    try:
        if float(text) == NOT_RATED:
            return None
    except ValueError:
        pass  # `number` says what is wrong
    return number(text, -1, 1, where)


def _single(start: Path, kind: str) -> str:
    """The one value of an annotation, which may be a number or text, in an array of any shape."""
    path = start.with_name(f"{start.name}_{kind}.npy")
    values = _load(path)
    if values.size != 1:
        raise TrainingError(f"{path}: holds {values.size} values; expected 1")
    return str(values.reshape(-1)[0])


def _load(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError) as exc:
        raise TrainingError(f"{path}: is no array that can be read: {exc}") from exc
