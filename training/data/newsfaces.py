"""muxspace/facial_expressions: 128 x 128 grey faces of people in the news. Used for its landmarks; its single
expression labels are noisy and are not read."""

from pathlib import Path

import numpy as np

from training.data.faceset import FaceSet, decode_picture, landmarks_px, read_columns


def read_newsfaces(path: Path, split: str) -> FaceSet:
    """Faces with landmarks of one split (split by person)."""
    table = read_columns(path, ["image_id", "image", "landmarks"], split)
    names = table["image_id"].to_pylist()
    images = [decode_picture(i, f"{path}: {n}") for i, n in zip(table["image"].to_pylist(), names, strict=True)]
    unknown = np.full((len(images), 8), np.nan, np.float32)
    votes = np.full((len(images), 10), -1, np.int64)
    landmarks = landmarks_px(table["landmarks"].to_pylist(), images)
    return FaceSet(images, landmarks, unknown, votes, np.full((len(images), 2), np.nan, np.float32))
