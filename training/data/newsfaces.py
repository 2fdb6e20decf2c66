"""muxspace/facial_expressions: 128 x 128 grey faces of people in the news. Used for its landmarks; its single
expression labels are noisy and are not read."""

from pathlib import Path

from training.data.faceset import FaceSet, decode_picture, landmarks_px, read_columns


def read_newsfaces(path: Path, split: str) -> FaceSet:
    """Faces with landmarks of one split (split by person)."""
    table = read_columns(path, ["image_id", "image", "landmarks", "person"], split)
    names = table["image_id"].to_pylist()
    images = [decode_picture(i, f"{path}: {n}") for i, n in zip(table["image"].to_pylist(), names, strict=True)]
    landmarks = landmarks_px(table["landmarks"].to_pylist(), images)
    return FaceSet.of(images, landmarks=landmarks, persons=table["person"].to_pylist(), names=names)
