"""Pictures with marked faces: the reader of ``faces_in_scenes.parquet``. Boxes are x1 y1 x2 y2 in px."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.faceset import decode_picture, read_columns
from training.errors import TrainingError

HELD_OUT_EVERY = 8
"""One event in so many is never trained on."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture and its marked faces."""

    image: np.ndarray
    """(H, W) uint8 luma, or (H, W, 3) RGB."""
    boxes: np.ndarray
    """(G, 4) float32 px."""
    invalid: np.ndarray
    """(G,) bool: not a usable face, ignored in training and scoring."""
    event: str = ""
    """What is going on, as WIDER FACE calls it; pictures of one event resemble each other. "" if unknown."""
    clear: np.ndarray | None = None
    """(G,) bool: neither blurred nor covered, and in a usual pose; None if unknown."""
    profile: np.ndarray | None = None
    """(G,) bool: in an unusual pose, most often in profile; None if unknown."""


def read_scenes(path: Path, split: str, *, colour: bool = False) -> list[Scene]:
    """All pictures of one split (`train` or `val`), decoded to luma, or to RGB."""
    columns = ["event", "image", "boxes", "invalid", "blur", "occlusion", "pose", "width", "height"]
    scenes = []
    for row in read_columns(path, columns, split).to_pylist():
        image = decode_picture(row["image"], str(path), colour=colour)
        size = np.tile(np.array([row["width"], row["height"]], np.float32), 2)
        boxes = np.array(row["boxes"], np.float32).reshape(-1, 4) * size
        doubts = np.array([row["blur"], row["occlusion"], row["pose"]], np.int8)
        invalid = np.array(row["invalid"], np.int8) == 1
        scenes.append(Scene(image, boxes, invalid, row["event"], clear=(doubts == 0).all(0), profile=doubts[2] == 1))
    return scenes


def hold_out(scenes: Sequence[Scene]) -> tuple[list[Scene], list[Scene]]:
    """Split by event: scenes to learn from, and one event in `HELD_OUT_EVERY` to choose between checkpoints.

    Raises TrainingError where there are too few events.
    """
    held = set(sorted({scene.event for scene in scenes})[HELD_OUT_EVERY // 2 :: HELD_OUT_EVERY])
    if not held:
        raise TrainingError(f"the scenes to learn from show fewer than {HELD_OUT_EVERY // 2 + 1} events: none to spare")
    return [s for s in scenes if s.event not in held], [s for s in scenes if s.event in held]
