"""SEWA (Kossaifi et al. 2019): people of six cultures in front of their webcams, every frame rated.

The layout read here is ours (docs/datasets.md): no document of the official one was at hand.
"""

from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path

import numpy as np

from pipeline.sources.scan import PICTURE_SUFFIXES
from pipeline.tracks.head_model import HEAD_MODEL
from training.data.csv_rows import number, points_of, read_csv
from training.data.records import NAMED_MAX, Reading, Record, need, need_folder
from training.errors import TrainingError

OWNER = "SEWA is lent for research by its project (db.sewaproject.eu): ask there"
NUM_INNER = (49, 59)
"""How many points SEWA's own marks may have: without the jaw."""


def read_sewa(source: Path, value_range: tuple[float, float] = (-1.0, 1.0)) -> Reading:
    """All frames with both ratings, without splits. `value_range`: smallest and largest rating in the files, brought to
    -1..1. Raises TrainingError."""
    folders = sorted(path for path in need_folder(source, OWNER).iterdir() if (path / "frames").is_dir())
    if not folders:
        raise TrainingError(
            f"{source}: holds no recordings; expected RECORDING/frames/000001.jpg with valence.csv and arousal.csv "
            f"beside frames/ (docs/datasets.md); {OWNER}"
        )
    subjects = _subjects(source / "subjects.csv", folders)
    left_out: Counter[str] = Counter()
    records = [r for folder in folders for r in _recording(folder, subjects[folder.name], value_range, left_out)]
    return Reading(data_set="SEWA", records=records, left_out=left_out)


def _subjects(path: Path, folders: list[Path]) -> dict[str, str]:
    """Who is in each recording: as `subjects.csv` says, or somebody else in each where there is no such file."""
    if not path.is_file():
        return {folder.name: folder.name for folder in folders}
    subjects = {row["recording"]: row["subject"] for _, row in read_csv(path, ("recording", "subject"))}
    if missing := [folder.name for folder in folders if not subjects.get(folder.name)]:
        named = ", ".join(missing[:NAMED_MAX])
        raise TrainingError(f"{path}: names no subject for {len(missing)} recordings: {named}; add a row for each")
    return subjects


def _recording(
    folder: Path, subject: str, value_range: tuple[float, float], left_out: Counter[str]
) -> Iterator[Record]:
    valence, arousal = (_ratings(folder / f"{name}.csv", value_range) for name in ("valence", "arousal"))
    marks = _marks(folder)
    pictures = _pictures(folder / "frames")
    left_out["only one of valence and arousal"] += len(valence.keys() ^ arousal.keys())
    for frame in sorted(valence.keys() & arousal.keys()):
        points = marks.get(frame)
        whole = points is not None and len(points) == 68
        yield Record(
            name=f"{folder.name}/{frame:06d}",
            picture=pictures.get(frame, folder / "frames" / f"{frame:06d}.jpg"),
            person=subject,
            box=None if points is None else (_span(points) if whole else face_box(points)),
            landmarks=points if whole else None,
            valence=valence[frame],
            arousal=arousal[frame],
        )


def _pictures(folder: Path) -> dict[int, Path]:
    """Frame -> its picture; whatever else lies there is passed over."""
    pictures: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in PICTURE_SUFFIXES and path.stem.isdecimal():
            pictures[_frame(path.stem, str(path), pictures)] = path
    return pictures


def _ratings(path: Path, value_range: tuple[float, float]) -> dict[int, float]:
    """Frame -> rating in -1..1; frames without a value are not rated."""
    low, high = value_range
    ratings: dict[int, float] = {}
    for where, row in read_csv(need(path, OWNER), ("frame", "value")):
        if row["value"]:
            value = number(row["value"], low, high, f"{where}: value")
            ratings[_frame(row["frame"], where, ratings)] = (value - low) / (high - low) * 2 - 1
    return ratings


def _marks(folder: Path) -> dict[int, np.ndarray]:
    """Frame -> points (N, 2) px, of `landmarks/000001.pts` or of the rows of `landmarks.csv`: frame, x, y, x, y, ..."""
    marks: dict[int, np.ndarray] = {}
    for path in sorted((folder / "landmarks").glob("*.pts")):
        body = path.read_text(encoding="utf-8", errors="replace").partition("{")[2].partition("}")[0]
        marks[_frame(path.stem, str(path), marks)] = _points(body.split(), str(path))
    if (folder / "landmarks.csv").is_file():
        for where, row in read_csv(folder / "landmarks.csv", ("frame",)):
            cells = [cell for name, cell in row.items() if name != "frame"]
            if any(cells):
                marks[_frame(row["frame"], where, marks)] = _points(cells, where)
    return marks


def _points(cells: list[str], where: str) -> np.ndarray:
    if len(cells) == 136:
        return points_of(cells, where)
    if len(cells) not in [2 * count for count in NUM_INNER]:
        raise TrainingError(f"{where}: {len(cells) // 2} points; expected 49 or 59 (without the jaw) or 68")
    return np.array([number(cell, -1e5, 1e5, f"{where}: a coordinate") for cell in cells], np.float32).reshape(-1, 2)


def _frame(text: str, where: str, known: Container[int]) -> int:
    """A frame that is not `known` yet."""
    frame = number(text, 0, 1e9, f"{where}: frame")
    if frame != int(frame):
        raise TrainingError(f"{where}: frame is {text!r}; expected a whole number: frames are counted, as pictures are")
    if frame in known:
        raise TrainingError(f"{where}: frame {int(frame)} is there twice; expected each frame once")
    return int(frame)


def face_box(points: np.ndarray) -> tuple[float, float, float, float]:
    """The box that all 68 landmarks would have, guessed from the inner ones (N, 2) with a mean head seen from ahead."""
    inner, whole = _span(HEAD_MODEL[17:, :2]), _span(HEAD_MODEL[:, :2])
    x1, y1, x2, y2 = _span(points)
    grow = np.array([(x2 - x1) / (inner[2] - inner[0]), (y2 - y1) / (inner[3] - inner[1])])
    low = np.array([x1, y1]) + grow * (np.array(whole[:2]) - inner[:2])
    high = np.array([x2, y2]) + grow * (np.array(whole[2:]) - inner[2:])
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _span(points: np.ndarray) -> tuple[float, float, float, float]:
    (x1, y1), (x2, y2) = points.min(0).tolist(), points.max(0).tolist()
    return x1, y1, x2, y2
