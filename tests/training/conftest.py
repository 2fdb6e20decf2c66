"""What tests of training share: small data laid out like the real ones."""

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.data.drawn import draw_faces, draw_scenes


def png(image):
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three files that training reads, with drawn people in them."""
    folder = tmp_path_factory.mktemp("data")
    faces, scenes = draw_faces(24, seed=50), draw_scenes(8, clutter_share=0.0, seed=50)
    names, splits = [str(i) for i in range(24)], ["train"] * 16 + ["val"] * 8
    marks = [(points + 0.5).ravel() / 200 for points in faces.landmarks]
    happy = [0, 8, 1, 0, 0, 0, 0, 0, 1, 0]  # FER+'s order: neutral, happiness, surprise, ...
    common = {"image_id": names, "split": splits, "image": [png(i) for i in faces.images], "landmarks": marks}
    pq.write_table(pa.table({**common, "votes": [happy] * 24}), folder / "ferplus.parquet")
    pq.write_table(pa.table({**common, "person": names}), folder / "newsfaces.parquet")
    sizes = [np.array([*s.image.shape[::-1]] * 2, np.float32) for s in scenes]
    rows = {
        "image": [png(s.image) for s in scenes],
        "boxes": [(s.boxes / size).ravel() for s, size in zip(scenes, sizes, strict=True)],
        "invalid": [s.invalid.astype(np.int8) for s in scenes],
        **{code: [np.zeros(len(s.boxes), np.int8) for s in scenes] for code in ("blur", "occlusion", "pose")},
        "event": [f"event {i}" for i in range(8)],
        "width": [s.image.shape[1] for s in scenes],
        "height": [s.image.shape[0] for s in scenes],
        "split": ["train"] * 5 + ["val"] * 3,
    }
    pq.write_table(pa.table(rows), folder / "faces_in_scenes.parquet")
    return folder
