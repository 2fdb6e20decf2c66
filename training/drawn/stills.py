"""Single pictures for training and tests."""

import numpy as np

from training.drawn.script import make_scene
from training.drawn.truth import FaceTruth


def still(
    seed: int,
    style: str | None = None,
    size_px: tuple[int, int] = (416, 416),
    *,
    num_people: int | None = None,
    face_px: tuple[float, float] | None = None,
    background: str | None = None,
) -> tuple[np.ndarray, list[FaceTruth]]:
    """One picture (H, W, 3) uint8 BGR and its faces, from back to front, all drawn from the seed.

    style: one of STYLES (by default any of them) or HELD_OUT_STYLE. face_px: smallest and largest height of a face.
    """
    scene = make_scene(
        seed,
        size_px=size_px,
        fps=1.0,
        duration_s=1.0,
        num_people=num_people,
        style=style,
        background=background,
        comings_and_goings=False,
        face_px=face_px,
    )
    return next(scene.frames())
