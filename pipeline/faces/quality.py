"""How far a face can be trusted: flags and a grade per row. A bad face is flagged and kept, never dropped.

The thresholds are from practice with face analysis systems (sizes, angles) or measured (blur, light, visibility): see
docs/decisions/0011. Pure functions. Shapes: R rows.
"""

from enum import IntFlag

import numpy as np


class Quality(IntFlag):
    """Bits of the column `quality`."""

    SMALL = 1 << 0
    LOW_RES = 1 << 1
    POSE_45 = 1 << 2
    POSE_25 = 1 << 3
    DARK = 1 << 4
    BRIGHT = 1 << 5
    BLURRED = 1 << 6
    OCCLUDED = 1 << 7
    LOW_SCORE = 1 << 8
    # 1 << 9 was a box jump, which nothing raised: the bit stays reserved
    AT_BORDER = 1 << 10
    CORRUPT = 1 << 11


BAD = Quality.SMALL | Quality.POSE_45 | Quality.OCCLUDED
"""Any of these makes a row grade 0; any other flag makes it grade 1; none, grade 2."""

DESCRIPTIONS = {
    Quality.SMALL: "face under 32 px",
    Quality.LOW_RES: "face under 64 px",
    Quality.POSE_45: "turned by more than 45°",
    Quality.POSE_25: "turned by more than 25°",
    Quality.DARK: "dark",
    Quality.BRIGHT: "overexposed",
    Quality.BLURRED: "blurred",
    Quality.OCCLUDED: "hidden or not seen clearly",
    Quality.LOW_SCORE: "detector unsure",
    Quality.AT_BORDER: "at the picture's edge",
    Quality.CORRUPT: "damaged frame",
}

SMALL_PX, LOW_RES_PX = 32.0, 64.0
DARK_LUMA, BRIGHT_LUMA = 40.0, 215.0
BLUR_MIN = 6.0
VISIBLE_MIN = 0.5
"""Minimum visibility for landmarks to be trusted, and for a face detected at one end of an interval to count."""
BORDER_PX = 2.0


def flag(
    *,
    boxes: np.ndarray,
    size: np.ndarray,
    pose: np.ndarray,
    det_score: np.ndarray,
    score_start: float,
    visibility: np.ndarray,
    luma: np.ndarray,
    blur: np.ndarray,
    corrupt: np.ndarray,
) -> np.ndarray:
    """(R,) int32 bits of `Quality`.

    boxes (R, 4) px, size (R, 2) of the picture as width, height, pose (R, 3) degrees or NaN, the rest (R,).
    """
    side = (boxes[:, 2:] - boxes[:, :2]).min(1)
    turned = np.nan_to_num(np.abs(pose[:, :2])).max(1, initial=0)
    low, high = boxes[:, :2], size - boxes[:, 2:]
    conditions = {
        Quality.SMALL: side < SMALL_PX,
        Quality.LOW_RES: side < LOW_RES_PX,
        Quality.POSE_45: turned > 45,
        Quality.POSE_25: turned > 25,
        Quality.DARK: luma < DARK_LUMA,
        Quality.BRIGHT: luma > BRIGHT_LUMA,
        Quality.BLURRED: blur < BLUR_MIN,
        Quality.OCCLUDED: visibility < VISIBLE_MIN,
        Quality.LOW_SCORE: np.nan_to_num(det_score, nan=1.0) < score_start,
        Quality.AT_BORDER: (low < BORDER_PX).any(1) | (high < BORDER_PX).any(1),
        Quality.CORRUPT: corrupt,
    }
    bits = np.zeros(len(boxes), np.int32)
    for quality, condition in conditions.items():
        bits |= np.where(condition, np.int32(quality), np.int32(0))
    return bits


def grade(bits: np.ndarray) -> np.ndarray:
    """(R,) int8: 2 good, 1 weak, 0 bad."""
    return np.where(bits & int(BAD), 0, np.where(bits, 1, 2)).astype(np.int8)
