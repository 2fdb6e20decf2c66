"""Scene cuts and camera motion: what each analysed picture shares with the one before.

A camera that pans, tilts, zooms or shakes shows the same scene, displaced; so do a flash and a change of picture size.
Two pictures are therefore compared after alignment: blocks of one are sought in the other, and the scene is the same if
most of them are found and agree on the displacement. Figures and alternatives: docs/decisions/0020.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.types import Frame, Picture

THUMBNAIL_PX = (96, 54)
"""Width and height at which pictures of every size and shape are compared."""
REACH_PX = 16
"""How far blocks are sought, in thumbnail pixels: 17 % of the width, so that 15 % is found."""
FLASH_FRAMES_MAX = 3
"""So many pictures without structure (a flash, black) may stand between two of the same scene."""

_UNCHANGED_CORRELATION = 0.85
"""Pictures that correlate this well as they are need no alignment. Of 1,100 pairs of different scenes none did."""
_SCORE_PX, _SCORE = (4, 12), (0.6, 0.85)
"""How well blocks must be found that moved by up to 4 px and from 12 px on: the farther, the more may fit by chance."""
_SAME_CORRELATION, _BOTH_WAYS = 0.4, 0.67
"""Either the area that both pictures share correlates this well once aligned, or blocks of each picture are found
in the other with at least this score."""
_FROM_BLANK_DIFFERENCE = 36.0
"""Mean difference in grey levels above which the picture after a blank one opens a scene. A face that comes into view
changes less."""
_BLOCK_ROWS, _BLOCK_COLUMNS = 3, 4
_BLOCK_H, _BLOCK_W = THUMBNAIL_PX[1] // _BLOCK_ROWS, THUMBNAIL_PX[0] // _BLOCK_COLUMNS
_BLOCKS_MIN = 4
"""A picture with fewer blocks that show any structure is sparse: there is too little to align."""
_OVEREXPOSED = 160
"""Mean level above which a sparse picture is one that a flash has whitened."""
_SPARSE_CORRELATION, _SPARSE_DIFFERENCE = (0.25, 0.55), 18.0
"""Sparse pictures are of two scenes below the first correlation, or below the second if levels differ by so much."""
_AGREEING = 0.6
"""Share of the blocks that must be found: the others may be hidden, or new in the picture."""
_STRUCTURE = 2.0
"""Standard deviation, in grey levels, of a block with something to recognise."""
_DETAIL_PX = 4
"""Shapes much larger than this are removed: light and large shapes are alike in many scenes."""
_TOLERANCE_PX = 3
"""Blocks agree within this: a zoom or a turn displaces each a little differently."""
_STILL_PX = 1.0
"""Smaller displacements count as no camera motion: matching faces by distance copes with them."""
_CAMERA_BLOCKS_MIN = 6
"""With fewer blocks to recognise, what moves may be a thing in front of an even background."""
_MOTION_STEPS = 1024
"""Motion is rounded to 1/1024: sums of such numbers are exact, whatever frame they start from."""
_STILL_BONUS = 0.05
"""A displacement must correlate better than none by this much; otherwise the camera counts as still."""


@dataclass(frozen=True, slots=True)
class View:
    """How a picture relates to the ones before it."""

    opens_scene: bool
    motion: tuple[float, float] = (0.0, 0.0)
    """By how much the scene moved in the picture since the last one: shares of the picture's width and height."""


class SceneCuts:
    """Finds scene cuts and camera motion. Feed it the pictures of a stream in order.

    What it remembers reaches back `FLASH_FRAMES_MAX` + 1 pictures and no farther.
    """

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        """The last picture with structure, as a thumbnail."""
        self._blank: np.ndarray | None = None
        """The last picture without, if it came later ..."""
        self._num_blank = 0
        """... and how many such pictures there were since."""

    def look(self, picture: Picture) -> View:
        """Compare a picture with those before it. A picture without structure opens no scene, nor does the first."""
        now, last, blank = thumbnail(picture), self._last, self._blank
        if (last is None or _correlation(last, now) < _UNCHANGED_CORRELATION) and is_blank(now):
            self._blank, self._num_blank = now, self._num_blank + 1
            if self._num_blank > FLASH_FRAMES_MAX:
                self._last = None
            return View(opens_scene=False)
        self._last, self._blank, self._num_blank = now, None, 0
        if last is None:
            return View(opens_scene=blank is not None and _difference(blank, now) > _FROM_BLANK_DIFFERENCE)
        motion = displacement(last, now)
        return View(opens_scene=True) if motion is None else View(opens_scene=False, motion=motion)


def thumbnail(picture: Picture) -> np.ndarray:
    """(54, 96) uint8 luma."""
    width, height = THUMBNAIL_PX
    if picture.y.shape == (height, width):
        return picture.y
    # In two steps: exact averaging of a large picture takes ten times as long and finds no more.
    fine = cv2.resize(picture.y, (4 * width, 4 * height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.resize(fine, THUMBNAIL_PX, interpolation=cv2.INTER_AREA))


def for_comparison(frame: Frame) -> Frame:
    """The frame with no more of its picture than `SceneCuts` looks at."""
    return (
        frame if frame.picture is None else replace(frame, picture=replace(frame.picture, y=thumbnail(frame.picture)))
    )


def is_blank(image: np.ndarray) -> bool:
    """Whether a thumbnail shows next to nothing: black, white, or whitened by a flash."""
    num_blocks = int(_has_structure(_detail(image)).sum())
    return num_blocks == 0 or (num_blocks < _BLOCKS_MIN and float(image.mean()) > _OVEREXPOSED)


def displacement(before: np.ndarray, after: np.ndarray) -> tuple[float, float] | None:
    """By how much the scene of two thumbnails moved: shares of width and height; None if they show different scenes."""
    correlation = _correlation(before, after)
    if correlation >= _UNCHANGED_CORRELATION:
        return 0.0, 0.0
    a, b = _detail(before), _detail(after)
    if max(_has_structure(a).sum(), _has_structure(b).sum()) < _BLOCKS_MIN:
        much = _difference(before, after) > _SPARSE_DIFFERENCE
        return None if correlation < _SPARSE_CORRELATION[int(much)] else (0.0, 0.0)
    there, x, y = _find(a, b)
    if _fits(there, x, y) and _overlap(before, after, x, y) >= _SAME_CORRELATION:
        return _motion(a, x, y)
    back, back_x, back_y = _find(b, a)  # one may lack what the other shows, as in a flash
    if _fits(back, back_x, back_y) and _overlap(before, after, -back_x, -back_y) >= _SAME_CORRELATION:
        return _motion(b, -back_x, -back_y)
    both = min(there, back) >= _BOTH_WAYS and (_fits(there, x, y) or _fits(back, back_x, back_y))
    return _motion(a, x, y) if both else None


def _fits(score: float, dx: float, dy: float) -> bool:
    return score >= float(np.interp(np.hypot(dx, dy), _SCORE_PX, _SCORE))


def _find(image: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """How well the blocks of `image` are found in `other`, -1..1, and the displacement x, y in px they agree on."""
    around = cv2.copyMakeBorder(other, REACH_PX, REACH_PX, REACH_PX, REACH_PX, cv2.BORDER_REPLICATE)
    scores = []
    for y, x in np.argwhere(_has_structure(image)) * (_BLOCK_H, _BLOCK_W):
        area = around[y : y + _BLOCK_H + 2 * REACH_PX, x : x + _BLOCK_W + 2 * REACH_PX]
        score = cv2.matchTemplate(area, image[y : y + _BLOCK_H, x : x + _BLOCK_W], cv2.TM_CCOEFF_NORMED)
        scores.append(np.where(np.abs(score) <= 1, score, 0))  # where the area is even, the score is not a number
    if len(scores) < _BLOCKS_MIN:
        return -1.0, 0.0, 0.0
    count = int(np.ceil(_AGREEING * len(scores)))
    side = 2 * _TOLERANCE_PX + 1
    tolerant = [cv2.dilate(score, np.ones((side, side), np.uint8)) for score in scores]
    votes = np.sort(tolerant, axis=0)[-count:].mean(0)
    near = np.unravel_index(votes.argmax(), votes.shape)
    return float(votes.max()), *_peak(np.sort(scores, axis=0)[-count:].mean(0), near)


def _peak(score: np.ndarray, near: tuple[np.intp, ...]) -> tuple[float, float]:
    """The displacement x, y in px, to a fraction, of the best score within the tolerance around `near`."""
    y0, x0 = (max(int(k) - _TOLERANCE_PX, 0) for k in near)
    part = score[y0 : int(near[0]) + _TOLERANCE_PX + 1, x0 : int(near[1]) + _TOLERANCE_PX + 1]
    y, x = (int(k) for k in np.unravel_index(part.argmax(), part.shape))
    if score[REACH_PX, REACH_PX] >= part.max() - _STILL_BONUS:
        return 0.0, 0.0
    return x0 + x + _vertex(score[y0 + y], x0 + x) - REACH_PX, y0 + y + _vertex(score[:, x0 + x], y0 + y) - REACH_PX


def _overlap(before: np.ndarray, after: np.ndarray, dx: float, dy: float) -> float:
    """Correlation of what two thumbnails share if the scene moved by dx, dy px."""
    x, y, (height, width) = round(dx), round(dy), before.shape
    part_before = before[max(-y, 0) : height - max(y, 0), max(-x, 0) : width - max(x, 0)]
    part_after = after[max(y, 0) : height - max(-y, 0), max(x, 0) : width - max(-x, 0)]
    return _correlation(part_before, part_after)


def _motion(detail: np.ndarray, dx: float, dy: float) -> tuple[float, float]:
    """A displacement in px as shares of width and height, in exact steps; 0, 0 if it need not be the camera's."""
    if np.hypot(dx, dy) < _STILL_PX or _has_structure(detail).sum() < _CAMERA_BLOCKS_MIN:
        return 0.0, 0.0
    width, height = THUMBNAIL_PX
    return round(dx / width * _MOTION_STEPS) / _MOTION_STEPS, round(dy / height * _MOTION_STEPS) / _MOTION_STEPS


def _vertex(line: np.ndarray, at: int) -> float:
    """Where the parabola through the peak and its neighbours is highest, from -0.5 to 0.5 beside the peak."""
    if not 0 < at < len(line) - 1:
        return 0.0
    before, peak, after = (float(v) for v in line[at - 1 : at + 2])
    curve = before - 2 * peak + after
    return 0.0 if curve >= 0 else float(np.clip((before - after) / (2 * curve), -0.5, 0.5))


def _has_structure(detail: np.ndarray) -> np.ndarray:
    """(3, 4) bool: blocks with something to recognise."""
    blocks = detail.reshape(_BLOCK_ROWS, _BLOCK_H, _BLOCK_COLUMNS, _BLOCK_W)
    return np.asarray(blocks.std((1, 3)) >= _STRUCTURE)


def _detail(image: np.ndarray) -> np.ndarray:
    """(54, 96) float32 without large shapes."""
    levels = image.astype(np.float32)
    return np.asarray(levels - cv2.GaussianBlur(levels, (0, 0), _DETAIL_PX))


def _correlation(before: np.ndarray, after: np.ndarray) -> float:
    a, b = before.astype(np.float32).ravel(), after.astype(np.float32).ravel()
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / (np.sqrt((a @ a) * (b @ b)) + 1e-6))


def _difference(before: np.ndarray, after: np.ndarray) -> float:
    """Mean absolute difference of levels, 0..255."""
    return float(cv2.absdiff(before, after).mean())
