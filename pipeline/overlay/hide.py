"""Hiding faces: opaque mosaic over every face in every frame."""

from collections.abc import Iterable

import cv2
import numpy as np

MARGIN = 0.3
"""How much larger than the face's box the mosaic is."""
HOLD_S = 1.0
"""How long before it was first seen and after it was last seen a face is covered."""
FPS_MIN = 5.0
"""Fewest analysed frames per second. With two, somebody who walks past was outside the mosaic in single frames."""
BLOCKS = 6
"""Most blocks along a side: too few to tell who it is."""


def hide(image: np.ndarray, boxes: Iterable[np.ndarray]) -> None:
    """Cover boxes (4,) of `image` (H, W, 3) uint8 in place."""
    height, width = image.shape[:2]
    for box in boxes:
        grow = (box[2:] - box[:2]) * MARGIN / 2
        x1, y1 = np.maximum(np.floor(box[:2] - grow), 0).astype(int)
        x2, y2 = np.minimum(np.ceil(box[2:] + grow), [width, height]).astype(int)
        if x2 <= x1 or y2 <= y1:
            continue
        part = image[y1:y2, x1:x2]
        blocks = cv2.resize(part, (min(BLOCKS, x2 - x1), min(BLOCKS, y2 - y1)), interpolation=cv2.INTER_AREA)
        image[y1:y2, x1:x2] = cv2.resize(blocks, (x2 - x1, y2 - y1), interpolation=cv2.INTER_NEAREST)
