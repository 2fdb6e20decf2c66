"""Small made-up copies of published data sets, each in its own layout."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np

from pipeline.tracks.head_model import HEAD_MODEL

SIZE = (150, 200)
"""Height and width of a picture, px."""


def landmarks(seed: int) -> np.ndarray:
    """(68, 2) float32 px of a face somewhere in a picture, about 50 px wide."""
    rng = np.random.default_rng([seed, 1])
    points = HEAD_MODEL[:, :2] * 35 + rng.uniform([80, 55], [120, 75]) + rng.normal(0, 0.3, (68, 2))
    return np.asarray(points.round(2), np.float32)


def picture(seed: int, marks: np.ndarray | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB: dark, unlike any other, reddish, with white spots at the outer corners of the eyes."""
    rng = np.random.default_rng([seed, 2])
    image = rng.integers(0, 12, (*SIZE, 3)) + np.array([30, 10, 0])
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    for cx, cy in () if marks is None else marks[[36, 45]]:
        image = image + 200 * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 1.5**2))[..., None]
    return np.asarray(image.clip(0, 255).round(), np.uint8)


def spots(image: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """(2, 2) px: where the white spots nearest the marked corners of the eyes really are."""
    grey = image.astype(float) if image.ndim == 2 else image.mean(2)
    weight = (grey - 60).clip(0)
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]]
    found = []
    for cx, cy in marks[[36, 45]]:
        near = weight * (np.hypot(x - cx, y - cy) < 7)
        found.append([(near * x).sum() / near.sum(), (near * y).sum() / near.sum()])
    return np.array(found)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    assert cv2.imwrite(str(path), stored, [cv2.IMWRITE_JPEG_QUALITY, 98])


def write_csv(path: Path, header: list[str] | None, rows: list[list]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(([header] if header else []) + rows)
    return path


AFFECTNET = [
    *("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height"),
    *("facial_landmarks", "expression", "valence", "arousal"),
]


def affectnet_row(name: str, seed: int, expression: int, valence: float, arousal: float) -> list:
    marks = landmarks(seed)
    (x1, y1), (x2, y2) = marks.min(0).astype(int), marks.max(0).astype(int)
    text = ";".join(f"{value:.2f}" for value in marks.ravel())
    return [name, x1, y1, x2 - x1, y2 - y1, text, expression, valence, arousal]


def affectnet(folder: Path, *, header: bool = True, nested: bool = False) -> Path:
    """Eight faces of train, one per expression, five of val, and three that are no faces with an expression."""
    pictures = folder / ("Manually_Annotated/Manually_Annotated_Images" if nested else "Manually_Annotated_Images")
    train = [affectnet_row(f"1/t{i}.jpg", i, i, -0.5 + i / 8, i / 8) for i in range(8)]
    train += [affectnet_row(f"1/n{i}.jpg", 0, i, -2, -2) for i in (8, 9, 10)]
    val = [affectnet_row(f"2/v{i}.jpg", 20 + i, *labels) for i, labels in enumerate(AFFECTNET_VAL)]
    for name, seed in [(f"1/t{i}.jpg", i) for i in range(8)] + [(f"2/v{i}.jpg", 20 + i) for i in range(5)]:
        save(pictures / name, picture(seed, landmarks(seed)))
    write_csv(folder / "training.csv", AFFECTNET if header else None, train)
    write_csv(folder / "validation.csv", AFFECTNET if header else None, val)
    return folder


AFFECTNET_VAL = [(0, 0.1, 0.1), (0, 0.3, 0.0), (1, 0.7, 0.2), (2, -0.6, -0.3), (6, -2, -2)]
"""Expression, valence, arousal; by the rules the first, third and fourth are clean."""


def affectnet_2021(folder: Path) -> Path:
    """Three faces and one without any in each split; values as text, as numbers, and in arrays of one."""
    for part, start in (("train_set", 0), ("val_set", 100)):
        for i, expression in enumerate((3, 7, 5, 9)):
            marks, name = landmarks(start + i), str(start + i)
            save(folder / part / "images" / f"{name}.jpg", picture(start + i, marks))
            notes = folder / part / "annotations"
            notes.mkdir(parents=True, exist_ok=True)
            np.save(notes / f"{name}_exp.npy", np.array(str(expression)))
            np.save(notes / f"{name}_val.npy", np.array([0.25 * i]))
            np.save(notes / f"{name}_aro.npy", np.array(str(-0.25 * i)))
            if i != 2:
                np.save(notes / f"{name}_lnd.npy", marks.ravel().astype(np.float64))
    return folder


def afew_va(folder: Path, *, grouped: bool = False) -> Path:
    """Six clips of three actors, three frames each."""
    for clip in range(1, 7):
        home = folder / ("01" if grouped else "") / f"{clip:03d}"
        frames = {}
        for frame in range(3):
            seed = 10 * clip + frame
            save(home / f"{frame:05d}.png", picture(seed, landmarks(seed)))
            frames[f"{frame:05d}"] = {
                "landmarks": landmarks(seed).astype(float).tolist(),
                "valence": float(frame - 5),
                "arousal": 2.0 * frame,
            }
        content = {"video_id": f"{clip:03d}", "actor": f"actor {clip % 3}", "frames": frames}
        (home / f"{clip:03d}.json").write_text(json.dumps(content))
    return folder


def sewa(folder: Path) -> Path:
    """Three recordings of three frames: one with 68 points, one with 49, one with none."""
    for number, name in enumerate(("SEWA0101", "SEWA0102", "SEWA0103")):
        home = folder / name
        for frame in (1, 2, 3):
            seed = 10 * number + frame
            save(home / "frames" / f"{frame:06d}.jpg", picture(seed, landmarks(seed)))
        for value in ("valence", "arousal"):
            rows = [[frame, frame / 4] for frame in (1, 2, 3)]
            write_csv(home / f"{value}.csv", ["frame", "value"], rows[: 2 if value == "arousal" else 3])
    marks = folder / "SEWA0101" / "landmarks"
    marks.mkdir()
    for frame in (1, 2, 3):
        body = "\n".join(f"{x:.2f} {y:.2f}" for x, y in landmarks(frame))
        (marks / f"{frame:06d}.pts").write_text(f"version: 1\nn_points: 68\n{{\n{body}\n}}\n")
    inner = [i for i in range(17, 68) if i not in (60, 64)]
    rows = [[frame, *landmarks(10 + frame)[inner].ravel().tolist()] for frame in (1, 2, 3)]
    header = ["frame", *(f"{axis}{i}" for i in range(49) for axis in "xy")]
    write_csv(folder / "SEWA0102" / "landmarks.csv", header, rows)
    return folder


FERPLUS = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]


def ferplus(folder: Path) -> Path:
    """Two faces in each split, the last of them also in train, and a row that FER+ left without a name."""
    pixels = np.random.default_rng(0).integers(0, 256, (7, 48 * 48))
    pixels[4] = pixels[0]
    usage = ["Training", "Training", "Training", "PublicTest", "PublicTest", "PrivateTest", "PrivateTest"]
    votes = [
        [0, 8, 1, 0, 0, 0, 0, 0, 1, 0],
        [0, 0, 6, 4, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
        [0, 0, 0, 0, 5, 5, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 10, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 10, 0, 0],
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    ]
    write_csv(
        folder / "fer2013.csv",
        ["emotion", "pixels", "Usage"],
        [[0, " ".join(map(str, row)), use] for row, use in zip(pixels, usage, strict=True)],
    )
    write_csv(
        folder / "fer2013new.csv",
        ["Usage", "Image name", *FERPLUS],
        [
            [use, "" if i == 2 else f"fer{i:07d}.png", *row]
            for i, (use, row) in enumerate(zip(usage, votes, strict=True))
        ],
    )
    return folder


def table(folder: Path, header: list[str], *rows: list) -> Path:
    """A CSV file, with a picture for each row whose first cell names one that is not there yet."""
    for seed, row in enumerate(rows):
        if row[0] and not (folder / row[0]).exists():
            save(folder / row[0], picture(seed, landmarks(seed)))
    return write_csv(folder / "faces.csv", header, list(rows))
