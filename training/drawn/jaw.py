"""The jaw: how far it drops, and how it takes the chin and the skin of the cheeks along."""

import cv2
import numpy as np

from training.drawn.actions import Actions
from training.drawn.sheet import Sheet

_CANVAS_PER_MM = 1.1
"""Canvas mm by which the sheet has to slide for the chin to come down by one mm."""


def jaw_drop_mm(actions: Actions) -> float:
    """How far the chin is lowered."""
    return 19.0 * max(actions.open, 0.0) + 2.0 * max(actions.teeth, 0.0) - 1.5 * max(actions.pout, 0.0)


def jaw_share(y: np.ndarray, z: np.ndarray, length: float) -> np.ndarray:
    """How far points at this height and depth (mm) go along with the chin, 0..1; `length` as in `Shape`."""
    down = np.clip((y - 52 * length) / (38 * length), 0, 1)
    return np.asarray(down * down * (3 - 2 * down) * np.clip((z + 12) / 80, 0, 1))


def drop_jaw(sheet: Sheet, drop_mm: float, length: float) -> None:
    """Pull shape and colour below the mouth down."""
    if abs(drop_mm) < 0.2:
        return
    head = sheet.head
    front, columns = head.window(-80, 80, 45, 200)
    window = (slice(front.start, head.canvas.shape[0]), columns)
    share = jaw_share(head.position[1][window], head.position[2][window], length)
    from_row, from_column = np.indices(share.shape, dtype=np.float32)
    from_row += front.start - share * np.float32(_CANVAS_PER_MM * drop_mm / head.canvas.step_mm)
    from_column += columns.start
    for layer in (sheet.radius, sheet.colour):
        layer[window] = cv2.remap(layer, from_column, from_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    # The chin swings back on its hinge less than a plain turn about the origin would take it.
    sheet.radius[window] += 0.10 * drop_mm * share
