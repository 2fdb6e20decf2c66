"""What the stream loop gives to sinks: frames, points and tracks as columns, with nothing of a file format in them.

Shapes: N frames, R points (one per face and frame), C classes of expression.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np

from engines import EXPRESSIONS
from pipeline.types import Frame


class EndReason(StrEnum):
    """Why a track is over."""

    LOST = "lost"
    SCENE_CUT = "scene_cut"
    END_OF_STREAM = "end_of_stream"
    DISCONTINUITY = "discontinuity"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamKey:
    """What every row of a stream begins with."""

    run_id: str
    stream_id: str
    epoch: int = 0
    """Grows when a live stream's clock starts anew."""
    ts_source: str = "file"
    """Where times come from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Points:
    """Faces on frames, one row each, in order of time."""

    pts_ns: np.ndarray
    """(R,) int64 stream time."""
    frame_index: np.ndarray
    """(R,) int64 ordinal in presentation order; -1 where it is not known."""
    shown_s: np.ndarray
    """(R,) float64: for how long the frame is shown, s."""
    track_id: np.ndarray
    """(R,) int32."""
    boxes: np.ndarray
    """(R, 4) float32 x1 y1 x2 y2, px."""
    det_score: np.ndarray
    """(R,) float32 in 0..1; NaN where the detector did not run or did not find the face."""
    pose: np.ndarray
    """(R, 3) float32 yaw, pitch, roll, degrees; NaN where it is not known."""
    visibility: np.ndarray
    """(R,) float32 in 0..1."""
    luma: np.ndarray
    """(R,) float32 mean brightness of the face, 0..255."""
    blur: np.ndarray
    """(R,) float32 variance of the Laplacian of the face at 128 px."""
    quality: np.ndarray
    """(R,) int flags (`pipeline.faces.quality.Quality`)."""
    grade: np.ndarray
    """(R,) int 0 bad, 1 usable, 2 good."""
    affect: np.ndarray
    """(R, 2) float32 valence and arousal, -1..1."""
    expression: np.ndarray
    """(R, C) float32 probabilities; NaN for a class that the network lacks."""
    landmarks: np.ndarray
    """(R, 136) float32 x y of 68 points, px; (R, 0) where they are not kept."""

    def __len__(self) -> int:
        return len(self.pts_ns)

    def take(self, rows: np.ndarray) -> "Points":
        """Some of the rows, chosen by a mask or by their indices."""
        return Points(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def followed_by(self, later: "Points") -> "Points":
        """With later rows at the end."""
        return Points(
            **{f.name: np.concatenate([getattr(self, f.name), getattr(later, f.name)]) for f in fields(Points)}
        )

    @property
    def most_probable(self) -> np.ndarray:
        """(R,) index of the most probable expression."""
        return np.nan_to_num(self.expression, nan=-1.0).argmax(1)


NO_POINTS = Points(
    pts_ns=np.zeros(0, np.int64),
    frame_index=np.zeros(0, np.int64),
    track_id=np.zeros(0, np.int32),
    quality=np.zeros(0, np.int32),
    grade=np.zeros(0, np.int8),
    shown_s=np.zeros(0),
    boxes=np.zeros((0, 4), np.float32),
    pose=np.zeros((0, 3), np.float32),
    affect=np.zeros((0, 2), np.float32),
    expression=np.zeros((0, len(EXPRESSIONS)), np.float32),
    landmarks=np.zeros((0, 0), np.float32),
    **{name: np.zeros(0, np.float32) for name in ("det_score", "visibility", "luma", "blur")},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackRecord:
    """A track that is over. Figures of valence and arousal are of smooth values, weighted by time; None without any."""

    track_id: int
    start_ns: int
    end_ns: int
    num_points: int
    share_good: float
    end_reason: EndReason
    brief: bool
    valence_mean: float | None
    valence_sd: float | None
    valence_min: float | None
    valence_max: float | None
    arousal_mean: float | None
    arousal_sd: float | None
    arousal_min: float | None
    arousal_max: float | None
    expression: str
    expression_share: float
    face_px_mean: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamUpdate:
    """What has become final since the last update. Points come a window of the temporal model after their frames."""

    key: StreamKey
    frames: Sequence[Frame]
    """In order of time, without their pictures."""
    num_faces: np.ndarray
    """(N,) tracked faces on each frame."""
    points: Points
    smooth: np.ndarray
    """(R, 2) float64 valence and arousal over time, from the temporal model; NaN where there is none."""
    started: tuple[int, ...]
    """Tracks whose first point is among `points`."""
    updated: tuple[int, ...]
    """Tracks that had points before and have more among `points`."""
    ended: tuple[TrackRecord, ...]
    """Tracks that are over and whose last point has left."""

    @property
    def end_ns(self) -> int:
        """Where the last of `frames` ends; 0 without any."""
        return max((frame.pts_ns + frame.shown_ns for frame in self.frames), default=0)
