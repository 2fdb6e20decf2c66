"""The analyzer: from the pixels of a batch to all that is known of its faces.

Stateless: what it says of a batch depends on that batch alone. (It remembers the detections of the key frame that two
batches share, so as not to make them twice; the answer is the same without.)

Shapes: M detections over all key frames, Q faces on the frames between, R = rows given back, S side of a crop.
"""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np

from engines import EXPRESSIONS, Engine
from pipeline.faces.appearance import DESCRIPTOR_SIZE, describe, face_patches
from pipeline.faces.camera import CameraPath
from pipeline.faces.crops import to_picture
from pipeline.faces.detection import detect, landmark_squares
from pipeline.faces.pixels import crop_faces
from pipeline.faces.tracklets import (
    NONE,
    NS,
    ahead,
    associate,
    collect,
    interpolate,
    is_unambiguous,
    name_tracklets,
    refine,
    visible_rows,
)
from pipeline.heartbeat import beat
from pipeline.types import AffectBatch, Faces, Frame, FrameBatch, Picture

QUALITY_PX = 128
SPLITS_MAX = 3
"""How often an interval is halved where matches are ambiguous. At 10 frames per second, this reaches every frame."""
SPLIT_S_MIN = 0.1
"""Nothing as short as this is halved: faces hardly change in it."""
CROPS_MAX = 256
"""Crops per call of EmoFAN. A crowd takes seconds; shorter calls let the watchdog see progress in between."""


class Analyzer:
    """Detector, crop, EmoFAN. Not thread-safe: its engines are not."""

    def __init__(self, detector: Engine, affect: Engine, *, gap_s_max: float = 1.0):
        """No face is followed across more than `gap_s_max` of stream time without a picture."""
        assert detector.spec.detector is not None and affect.spec.crop is not None
        assert affect.spec.input.height_px is not None
        self._detector, self._affect = detector, affect
        self._box_map, self._factor = detector.spec.detector.box_map, affect.spec.crop.factor
        self._side_px = affect.spec.input.height_px
        self._gap_ns_max = round(gap_s_max * NS)
        self._shared: tuple[Frame, Faces] | None = None

    def analyze(self, batch: FrameBatch) -> AffectBatch:
        """All faces of the batch's own frames, in one pass of EmoFAN."""
        frames = batch.frames
        camera, apart = CameraPath(frames), self._apart(frames)
        found = self._find(batch, camera, apart)
        detections = collect(found)
        links = associate(frames, found, detections, camera, apart, closed=batch.closed)
        inner = interpolate(frames, list(found), links, detections, camera)
        squares = landmark_squares(np.concatenate([detections.boxes, inner.boxes]), self._box_map, self._factor)
        frame_of = np.concatenate([detections.frame, inner.frame])
        answer = self._estimate(self._crop(frames, frame_of, squares))
        landmarks = to_picture(answer["landmarks"], squares, self._side_px)
        visibility = self._visibility(answer["landmark_peak"])
        inner_boxes = refine(inner, links, detections, landmarks, visibility, self._box_map).astype(np.float32)
        inner_appearance = _appearance(frames, inner.frame, inner_boxes)

        # A row is a tracklet's own detection at its first frame, or what counts of it on a frame between.
        began = np.flatnonzero(links.begin != NONE)
        counted = visible_rows(frames, inner, links, detections, visibility[len(detections) :], inner_appearance)
        source = np.concatenate([links.begin[began], len(detections) + counted])
        tracklet = np.concatenate([began, inner.tracklet[counted]])
        score = np.concatenate([detections.scores[links.begin[began]], np.full(len(counted), np.nan)])
        order = np.lexsort((tracklet, frame_of[source]))
        source, tracklet, frame = source[order], tracklet[order], frame_of[source[order]]
        boxes = np.concatenate([detections.boxes, inner_boxes])[source]
        luma, blur = _measure(frames, frame, boxes)
        own = range(len(frames) - batch.closed)
        return AffectBatch(
            frames=[replace(frames[i], picture=None, is_key=i in found) for i in own],
            next_ns=frames[-1].pts_ns + (not batch.closed),
            tracklets=name_tracklets(frames, links, detections),
            tracklet=tracklet,
            frame=frame,
            boxes=boxes,
            det_score=score[order].astype(np.float32),
            landmarks=landmarks[source].astype(np.float32),
            visibility=visibility[source],
            expression=self._all_classes(answer["expression"][source]),
            valence=answer["valence"][source],
            arousal=answer["arousal"][source],
            luma=luma,
            blur=blur,
            appearance=np.concatenate([detections.appearance, inner_appearance])[source],
        )

    def _apart(self, frames: list[Frame]) -> set[int]:
        """Frames to which no face is followed from the picture before: they open a scene, or come after a long gap."""
        pictured = [i for i, frame in enumerate(frames) if frame.picture is not None]
        return {
            after
            for before, after in pairwise(pictured)
            if frames[after].scene_cut or frames[after].pts_ns - frames[before].pts_ns > self._gap_ns_max
        }

    def _find(self, batch: FrameBatch, camera: CameraPath, apart: set[int]) -> dict[int, Faces]:
        """The faces of all key frames, by place in the batch; key frames are added where it is not plain who is who."""
        frames = batch.frames
        keys = [i for i, frame in enumerate(frames) if frame.is_key or i in apart]
        found = {i: self._detect(frames[i]) for i in keys}
        for key, following in zip(keys, [*keys[1:], None], strict=False):
            inside = [i for i in range(key + 1, following or len(frames)) if frames[i].picture is not None]
            if not inside:
                continue
            # The last look before the scene is over, the picture changes its size, or nothing comes for long.
            if following is None or following in apart or _size(frames[following]) != _size(frames[key]):
                found[inside[-1]] = self._detect(frames[inside[-1]])
                following = inside.pop()
            self._look_between(frames, camera, found, key, following, inside, SPLITS_MAX)
        if batch.closed:
            self._shared = (frames[-1], found[len(frames) - 1])
        return dict(sorted(found.items()))

    def _look_between(
        self,
        frames: list[Frame],
        camera: CameraPath,
        found: dict[int, Faces],
        key: int,
        following: int,
        inside: list[int],
        splits: int,
    ) -> None:
        """Detect half way between two key frames, and again in the halves, until it is plain who is who."""
        assert self._detector.spec.detector is not None
        start = self._detector.spec.detector.score_start
        elapsed_s = (frames[following].pts_ns - frames[key].pts_ns) / NS
        if not splits or not inside or elapsed_s <= SPLIT_S_MIN:
            return
        if is_unambiguous(ahead(found[key], camera, key, following), found[following], elapsed_s, start):
            return
        place = len(inside) // 2
        middle = inside[place]
        found[middle] = self._detect(frames[middle])
        self._look_between(frames, camera, found, key, middle, inside[:place], splits - 1)
        self._look_between(frames, camera, found, middle, following, inside[place + 1 :], splits - 1)

    def _detect(self, frame: Frame) -> Faces:
        if self._shared is not None and self._shared[0] is frame:
            return self._shared[1]
        beat()
        return detect(self._detector, _picture(frame))

    def _estimate(self, crops: np.ndarray) -> dict[str, np.ndarray]:
        """EmoFAN's answer for crops (K, S, S, C)."""
        pieces = []
        for start in range(0, max(len(crops), 1), CROPS_MAX):
            pieces.append(self._affect.run(crops[start : start + CROPS_MAX]))
            beat()
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}

    def _crop(self, frames: list[Frame], frame: np.ndarray, squares: np.ndarray) -> np.ndarray:
        """Crops (K, S, S, C) of squares (K, 3) on frames (K,)."""
        channels, rule = self._affect.spec.input.channels, self._affect.spec.crop
        assert rule is not None
        crops = np.empty((len(squares), self._side_px, self._side_px, channels), np.uint8)
        for i in np.unique(frame):
            rows = frame == i
            crops[rows] = crop_faces(
                _picture(frames[i]),
                squares[rows],
                self._side_px,
                channels=channels,
                resample=rule.resample,
                fill=rule.fill,
            )
        return crops

    def _visibility(self, peaks: np.ndarray) -> np.ndarray:
        """(K, 68) landmark peaks -> (K,) float32 in 0..1."""
        mean, rule = peaks.mean(1), self._affect.spec.visibility
        if rule is None:
            return np.asarray(mean.clip(0, 1), np.float32)
        return np.asarray(1 / (1 + np.exp(-(rule.slope * mean + rule.offset))), np.float32)

    def _all_classes(self, expression: np.ndarray) -> np.ndarray:
        """(K, C) of the network's own classes -> (K, 8) in EmoNet's order; NaN for those it lacks."""
        out = np.full((len(expression), len(EXPRESSIONS)), np.nan, np.float32)
        out[:, [EXPRESSIONS.index(name) for name in self._affect.spec.classes]] = expression
        return out


def _appearance(frames: list[Frame], frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Appearance (Q, L) of the faces in boxes (Q, 4) on frames (Q,)."""
    out = np.zeros((len(boxes), DESCRIPTOR_SIZE), np.float32)
    for i in np.unique(frame):
        rows = frame == i
        out[rows] = describe(face_patches(_picture(frames[i]), boxes[rows]))
    return out


def _measure(frames: list[Frame], frame: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of boxes (R, 4) on frames (R,): brightness (R,) 0..255, and Laplacian variance at 128 px (R,)."""
    luma, blur = np.zeros(len(boxes), np.float32), np.zeros(len(boxes), np.float32)
    for row, (i, box) in enumerate(zip(frame.tolist(), boxes, strict=True)):
        picture = _picture(frames[i])
        x1, y1 = np.clip(box[:2], 0, [picture.width - 1, picture.height - 1]).astype(int)
        x2, y2 = np.maximum(np.ceil(np.minimum(box[2:], [picture.width, picture.height])).astype(int), [x1 + 1, y1 + 1])
        part = picture.y[y1:y2, x1:x2]
        shrink = cv2.INTER_AREA if min(part.shape) > QUALITY_PX else cv2.INTER_LINEAR
        face = cv2.resize(part, (QUALITY_PX, QUALITY_PX), interpolation=shrink)
        gain, black = (1.0, 0.0) if picture.full_range else (255 / 219, 16.0)
        luma[row] = min(max((float(cv2.mean(face)[0]) - black) * gain, 0.0), 255.0)
        blur[row] = cv2.meanStdDev(cv2.Laplacian(face, cv2.CV_16S))[1].item() ** 2 * gain * gain
    return luma, blur


def _size(frame: Frame) -> tuple[int, int]:
    return frame.width, frame.height


def _picture(frame: Frame) -> Picture:
    assert frame.picture is not None
    return frame.picture
