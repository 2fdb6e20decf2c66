"""The values that pass between the stages: `FrameBatch` (pixels), `Faces`, `AffectBatch` (columns, no pixels).

Shapes: N analysed frames, D detected faces of one picture, R faces over all frames, S tracklets, H W pixels.
Pixels are of the upright, square-pixel picture, origin top left; boxes are x1 y1 x2 y2.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

ColourMatrix = Literal["bt601", "bt709", "bt2020"]


@dataclass(frozen=True, slots=True)
class Picture:
    """One frame as 8-bit I420 planes, as decoded: 1.5 bytes a pixel."""

    y: np.ndarray
    """(H, W) uint8 luma."""
    u: np.ndarray
    """(ceil(H / 2), ceil(W / 2)) uint8."""
    v: np.ndarray
    """Like `u`."""
    full_range: bool
    """Luma runs over 0..255; else over 16..235."""
    matrix: ColourMatrix

    @property
    def width(self) -> int:
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        return int(self.y.shape[0])

    @property
    def nbytes(self) -> int:
        return self.y.size + self.u.size + self.v.size


@dataclass(frozen=True, slots=True)
class Frame:
    """One analysed frame, or a sampling tick for which there was none."""

    pts_ns: int
    frame_index: int | None
    """Ordinal in presentation order; None where it is not known."""
    picture: Picture | None
    """None: nothing could be decoded for this tick, or the pixels have been let go."""
    width: int
    height: int
    missing: bool = False
    """A tick for which nothing could be decoded."""
    corrupt: bool = False
    """The decoder hid damage in it."""
    is_key: bool = False
    """The detector runs here: the first of its interval, or of a scene."""
    scene_cut: bool = False
    motion: tuple[float, float] = (0.0, 0.0)
    """By how much the camera moved the scene since the last picture: shares of the picture's width and height."""
    shown_ns: int = 0
    """How long it stands: until the next analysed frame or missing tick, or the end of the video."""


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Whole detection intervals of one stream, in order of time."""

    frames: list[Frame]
    """In order of time; missing ticks stand among the frames with a picture."""
    closed: bool
    """The last frame is the key frame that opens the next batch: this one's last interval ends there, without it."""

    @property
    def nbytes(self) -> int:
        return sum(frame.picture.nbytes for frame in self.frames if frame.picture is not None)


@dataclass(frozen=True, slots=True)
class Faces:
    """What the detector found in one picture, best first."""

    boxes: np.ndarray
    """(D, 4) float32 px."""
    scores: np.ndarray
    """(D,) float32 in 0..1."""
    appearance: np.ndarray
    """(D, L) float32: a coarse normalised picture of each, to tell people apart for moments. Never stored."""

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class Tracklets:
    """Faces followed through one detection interval each, from one key frame to the next.

    A detection is named by its key frame's time and its place in `Faces`: (pts_ns, index), or (-1, -1) for none. Where
    a tracklet ends on the detection that another begins with, both are the same face.
    """

    begin: np.ndarray
    """(S, 2) int64: the detection at the interval's first frame."""
    end: np.ndarray
    """(S, 2) int64: the detection at the next interval's first frame."""
    key_ns: np.ndarray
    """(S,) int64: time of the interval's first frame; tracklets are ordered by it."""
    score: np.ndarray
    """(S,) float32: the better of the two detections' scores."""


@dataclass(frozen=True, slots=True)
class AffectBatch:
    """All that is known of the faces of a `FrameBatch`, one row per face and frame, ordered by frame."""

    frames: list[Frame]
    """The batch's own frames without their pictures, missing ticks among them, in order of time."""
    next_ns: int
    """No later frame of the stream comes before this."""
    tracklets: Tracklets
    tracklet: np.ndarray
    """(R,) int: row of `tracklets`."""
    frame: np.ndarray
    """(R,) int: place in `frames`."""
    boxes: np.ndarray
    """(R, 4) float32 px, in the detector's convention."""
    det_score: np.ndarray
    """(R,) float32; NaN where the detector did not run or did not find this face."""
    landmarks: np.ndarray
    """(R, 68, 2) float32 px."""
    visibility: np.ndarray
    """(R,) float32 in 0..1."""
    expression: np.ndarray
    """(R, 8) float32 probabilities; NaN for a class the network lacks."""
    valence: np.ndarray
    """(R,) float32 in -1..1."""
    arousal: np.ndarray
    """(R,) float32 in -1..1."""
    luma: np.ndarray
    """(R,) float32: mean brightness of the face, 0..255."""
    blur: np.ndarray
    """(R,) float32: variance of the Laplacian of the face at 128 px."""
    appearance: np.ndarray
    """(R, L) float32, as in `Faces`."""
