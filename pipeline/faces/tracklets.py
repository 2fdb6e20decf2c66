"""Following faces through one detection interval, from the detections at its first frame to those at the next one's.

A tracklet is one face in one interval, detected at both ends or at one only. With one end, its box stays where it was
detected, and it counts on the frames where the landmarks confirm the face. Pure functions.
Shapes: M detections over all key frames of a batch, S tracklets, Q faces on the frames between key frames.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from engines import BoxMap
from pipeline.faces.appearance import DESCRIPTOR_SIZE, similarity_of_pairs
from pipeline.faces.association import similarity_floor
from pipeline.faces.boxes import centres, sizes
from pipeline.faces.camera import CameraPath
from pipeline.faces.detection import interpolate_boxes, landmark_boxes, match
from pipeline.faces.quality import VISIBLE_MIN
from pipeline.types import Faces, Frame, Tracklets

NS = 1_000_000_000
NONE = -1
UNAMBIGUOUS_STEP = 0.6
"""A face that moves by more than this many of its own sizes from one key frame to the next is looked at in between."""
UNAMBIGUOUS_SIMILARITY = 0.7
"""... and so is one that looks less alike than nineteen in twenty do over half a second."""


@dataclass(frozen=True, slots=True)
class Detections:
    """All faces found on the key frames of a batch."""

    frame: np.ndarray
    """(M,) place of the key frame in the batch."""
    index: np.ndarray
    """(M,) place in that key frame's `Faces`."""
    boxes: np.ndarray
    """(M, 4)."""
    scores: np.ndarray
    """(M,)."""
    appearance: np.ndarray
    """(M, L) appearance."""

    def __len__(self) -> int:
        return len(self.frame)

    def on(self, frame: int) -> np.ndarray:
        """Rows of one key frame."""
        return np.flatnonzero(self.frame == frame)


@dataclass(frozen=True, slots=True)
class Associations:
    """The tracklets of a batch, by rows of `Detections`; NONE where an end does not know the face."""

    begin: np.ndarray
    """(S,)"""
    end: np.ndarray
    """(S,)"""
    key: np.ndarray
    """(S,) place of the interval's first frame in the batch."""

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, slots=True)
class Interpolated:
    """Faces on the frames between key frames, before the landmarks are known."""

    tracklet: np.ndarray
    """(Q,)"""
    frame: np.ndarray
    """(Q,) place in the batch."""
    share: np.ndarray
    """(Q,) how much of the way from one key frame to the next is done, 0..1."""
    boxes: np.ndarray
    """(Q, 4)"""


def collect(found: dict[int, Faces]) -> Detections:
    """One table of the faces of all key frames, given by their place in the batch."""
    empty, no_appearance = np.zeros((0, 4), np.float32), np.zeros((0, DESCRIPTOR_SIZE), np.float32)
    return Detections(
        frame=np.repeat(np.array(list(found), int), [len(faces) for faces in found.values()]),
        index=np.concatenate([np.arange(len(faces)) for faces in found.values()] or [np.zeros(0, int)]),
        boxes=np.concatenate([faces.boxes for faces in found.values()] or [empty]),
        scores=np.concatenate([faces.scores for faces in found.values()] or [empty[:, 0]]),
        appearance=np.concatenate([faces.appearance for faces in found.values()] or [no_appearance]),
    )


def ahead(faces: Faces, camera: CameraPath, key: int, following: int) -> Faces:
    """The faces of key frame `key` where they would be in frame `following` had only the camera moved."""
    return replace(faces, boxes=camera.carried(faces.boxes, key, following))


def is_unambiguous(a: Faces, b: Faces, elapsed_s: float, score_start: float) -> bool:
    """Whether all matches are clear: no confident face appears, vanishes, moves far or changes its appearance."""
    if not len(a) and not len(b):
        return True
    pairs = match(a, b, elapsed_s)
    sure_a, sure_b = set(np.flatnonzero(a.scores >= score_start)), set(np.flatnonzero(b.scores >= score_start))
    if sure_a - {i for i, _ in pairs} or sure_b - {j for _, j in pairs}:
        return False
    if not pairs:
        return True
    rows, columns = np.array(pairs).T
    step = np.linalg.norm(centres(a.boxes[rows]) - centres(b.boxes[columns]), axis=1)
    similarity = similarity_of_pairs(a.appearance[rows], b.appearance[columns])
    return bool(((step <= UNAMBIGUOUS_STEP * sizes(a.boxes[rows])) & (similarity >= UNAMBIGUOUS_SIMILARITY)).all())


def associate(
    frames: list[Frame],
    found: dict[int, Faces],
    detections: Detections,
    camera: CameraPath,
    apart: Collection[int],
    *,
    closed: bool,
) -> Associations:
    """Join the detections of neighbouring key frames into tracklets, but never across the frames in `apart`."""
    rows: list[tuple[int, int, int]] = []
    keys = list(found)
    for key, following in zip(keys, [*keys[1:], None], strict=False):
        here = detections.on(key)
        if following is None or following in apart:
            if following is not None or not closed:
                rows += [(row, NONE, key) for row in here]
            continue
        there = detections.on(following)
        elapsed_s = (frames[following].pts_ns - frames[key].pts_ns) / NS
        ends = dict(match(ahead(found[key], camera, key, following), found[following], elapsed_s))
        rows += [(row, there[ends[i]] if i in ends else NONE, key) for i, row in enumerate(here)]
        known = set(ends.values())
        rows += [(NONE, row, key) for j, row in enumerate(there) if j not in known]
    table = np.array(rows, int).reshape(-1, 3)
    return Associations(table[:, 0], table[:, 1], table[:, 2])


def interpolate(
    frames: list[Frame], keys: list[int], links: Associations, detections: Detections, camera: CameraPath
) -> Interpolated:
    """A box for every tracklet on every pictured frame of its interval: interpolated or held, moved with the scene."""
    ends = dict(zip(keys, [*keys[1:], len(frames)], strict=False))
    tracklet, frame, share = [], [], []
    for s, key in enumerate(links.key.tolist()):
        end = ends[key]
        begin_ns = frames[key].pts_ns
        length_ns = frames[end].pts_ns - begin_ns if end < len(frames) else 1
        for i in range(key + 1, end):
            if frames[i].picture is not None:
                tracklet.append(s)
                frame.append(i)
                share.append((frames[i].pts_ns - begin_ns) / length_ns)
    rows = np.array(tracklet, int)
    done, at = np.array(share, float), np.array(frame, int)
    begin, end_row = links.begin[rows], links.end[rows]
    first, last = np.where(begin == NONE, end_row, begin), np.where(end_row == NONE, begin, end_row)
    boxes = interpolate_boxes(
        camera.carried(detections.boxes[first], detections.frame[first], at),
        camera.carried(detections.boxes[last], detections.frame[last], at),
        np.where((begin == NONE) | (end_row == NONE), 0.0, done),
    )
    return Interpolated(rows, at, done, boxes)


def refine(
    inner: Interpolated,
    links: Associations,
    detections: Detections,
    landmarks: np.ndarray,
    visibility: np.ndarray,
    box_map: BoxMap,
) -> np.ndarray:
    """Boxes (Q, 4) between key frames, moved to where the landmarks are.

    landmarks (M + Q, 68, 2) and visibility (M + Q,) are of the detections, then of the faces between. What a detector's
    box and the landmarks' box differ by at the ends is carried along, so that boxes meet the detections.
    """
    count = len(detections)
    drawn = landmark_boxes(landmarks, box_map)
    residual = detections.boxes - drawn[:count]
    begin, end = links.begin[inner.tracklet], links.end[inner.tracklet]
    first = np.where(begin == NONE, end, begin)
    last = np.where(end == NONE, begin, end)
    moved = drawn[count:] + interpolate_boxes(residual[first], residual[last], inner.share)
    size = inner.boxes[:, 2:] - inner.boxes[:, :2]
    # Landmarks half a face away from the interpolated box are somebody else's, or wrong.
    near = (np.abs(moved - inner.boxes) <= 0.5 * np.tile(size, 2)).all(1)
    believed = near & (visibility[count:] >= VISIBLE_MIN)
    believed &= (visibility[:count][first] >= VISIBLE_MIN) & (visibility[:count][last] >= VISIBLE_MIN)
    return np.where(believed[:, None], moved, inner.boxes)


def visible_rows(
    frames: list[Frame],
    inner: Interpolated,
    links: Associations,
    detections: Detections,
    visibility: np.ndarray,
    appearance: np.ndarray,
) -> np.ndarray:
    """Rows of `inner` that count, in order: all rows of a tracklet detected at both ends; else the rows next to its one
    detection, for as long as the same face is visible.

    visibility is (Q,), appearance (Q, L).
    """
    begin, end = links.begin[inner.tracklet], links.end[inner.tracklet]
    known = np.where(begin == NONE, end, begin)
    pts_ns = np.array([frame.pts_ns for frame in frames], np.int64)
    elapsed_s = np.abs(pts_ns[inner.frame] - pts_ns[detections.frame[known]]) / NS
    keep = (begin != NONE) & (end != NONE)
    shows = visibility >= VISIBLE_MIN
    asked = np.flatnonzero(~keep & shows)
    shows[asked] = similarity_of_pairs(appearance[asked], detections.appearance[known[asked]]) >= similarity_floor(
        elapsed_s[asked]
    )
    for s in np.unique(inner.tracklet[~keep]):
        rows = np.flatnonzero(inner.tracklet == s)
        if links.end[s] == NONE:
            keep[rows] = np.logical_and.accumulate(shows[rows])
        else:
            keep[rows] = np.logical_and.accumulate(shows[rows][::-1])[::-1]
    return np.flatnonzero(keep)


def name_tracklets(frames: list[Frame], links: Associations, detections: Detections) -> Tracklets:
    """The tracklets with their detections named by time and place, which mean the same in every batch."""

    pts_ns = np.array([frame.pts_ns for frame in frames], np.int64)

    def names(rows: np.ndarray) -> np.ndarray:
        known = rows != NONE
        out = np.full((len(rows), 2), NONE, np.int64)
        out[known] = np.column_stack([pts_ns[detections.frame[rows[known]]], detections.index[rows[known]]])
        return out

    scores = np.concatenate([detections.scores, [0.0]])  # NONE is the last
    best = np.maximum(scores[links.begin], scores[links.end]).astype(np.float32)
    return Tracklets(names(links.begin), names(links.end), pts_ns[links.key], best)
