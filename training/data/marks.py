"""Landmarks found anew by a network, as those that the paper's networks were all trained with.

Shapes: K faces, N = 68 landmarks. A square is (centre x, centre y, side), px.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engines import Engine
from pipeline.faces.crops import crop_matrix, to_picture, warp
from training.data.cut import square_of
from training.data.faceset import in_channels
from training.data.records import Record
from training.errors import TrainingError

ROUNDS = 2
"""How often the network looks: where the record says that the face is, then where it found it."""
VISIBLE_MIN = 0.5


def find_landmarks(
    engine: Engine, images: Sequence[np.ndarray], records: Sequence[Record]
) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks (K, N, 2) float32 px of pictures uint8 (H, W) or (H, W, 3), and whether a face was seen, (K,) bool."""
    rule, size = engine.spec.crop, engine.spec.input
    if engine.spec.kind != "affect" or rule is None or size.height_px is None:
        raise TrainingError(f"{engine.spec.name}: finds no landmarks; expected an affect network, such as emofan-s")
    side = size.height_px
    squares = [square_of(record, image, rule.factor) for image, record in zip(images, records, strict=True)]
    for _ in range(ROUNDS):
        crops = [
            warp(
                in_channels(image, size.channels),
                crop_matrix(square, side),
                side,
                resample=rule.resample,
                fill=rule.fill,
            )
            for image, square in zip(images, squares, strict=True)
        ]
        answer = engine.run(np.stack(crops).reshape(-1, side, side, size.channels))
        found = to_picture(answer["landmarks"], np.array(squares), side)
        squares = [
            square_of(replace(record, landmarks=points), image, rule.factor)
            for image, record, points in zip(images, records, found, strict=True)
        ]
    visibility = engine.spec.visibility
    peak = answer["landmark_peak"].mean(1)
    if visibility is None:
        return found.astype(np.float32), np.ones(len(found), bool)
    return found.astype(np.float32), 1 / (1 + np.exp(-(visibility.slope * peak + visibility.offset))) >= VISIBLE_MIN
