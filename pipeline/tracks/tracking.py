"""Tracks: who is who over time. Deterministic; ages in seconds; no clock.

Tracklets follow a face within a detection interval, and from one interval to the next through the detections that they
share. The tracker starts and ends tracks, and resumes a track after a short gap, such as a brief occlusion.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.faces.appearance import blend, similarity
from pipeline.faces.association import Change, best_pairs, similarity_floor
from pipeline.faces.boxes import centres
from pipeline.faces.camera import CameraPath, carry
from pipeline.types import AffectBatch
from pipeline.updates import EndReason

NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """When a face that was out of sight is the same face again."""

    gap_s_max: float = 1.0
    """A track is over when its face was not seen for longer than this."""
    similarity_margin: float = 0.25
    """A tracklet moves to a lost track if it resembles that track by at least this much more than its own."""
    change_max: float = 1.4
    """Largest cost (`pipeline.faces.association`) from where the face was expected to where one is found."""


@dataclass(frozen=True, slots=True)
class TrackRows:
    """What the tracker says of a batch."""

    row: np.ndarray
    """(T,) rows of the batch that belong to a track, in the batch's order."""
    track_id: np.ndarray
    """(T,) int32."""
    ended: dict[int, EndReason]
    """Tracks that are over, by id."""


@dataclass(slots=True)
class _Track:
    track_id: int
    last_ns: int
    box: np.ndarray
    """(4,) px of the frame of its last row."""
    view: tuple[np.ndarray, np.ndarray]
    """That frame's camera offset (2,) and size (2,)."""
    velocity: np.ndarray
    """(2,) px per s of the box's centre, beside the camera's motion."""
    appearance: np.ndarray

    def box_in(self, view: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Its last box (4,) where it would be in another frame had only the camera moved."""
        return carry(self.box, self.view, view)


class Tracker:
    """One per stream and epoch. Feed it the batches of the stream in order."""

    def __init__(self, config: TrackerConfig, *, score_start: float):
        """`score_start`: a track is only ever started by a detection of at least this score."""
        self._config, self._score_start = config, score_start
        self._next_id = 1
        self._open: dict[tuple[int, int], _Track] = {}
        self._lost: list[_Track] = []
        self._offset = np.zeros(2)
        """Sum of the camera's motion up to the last batch."""

    def update(self, batch: AffectBatch) -> TrackRows:
        """Give the faces of a batch to tracks; faces too uncertain to start one, and not part of one, are left out."""
        track_ids = np.zeros(len(batch.tracklet), np.int32)
        camera = CameraPath(batch.frames, self._offset)
        self._offset = camera.end
        ended: dict[int, EndReason] = {}
        cuts_ns = {frame.pts_ns for frame in batch.frames if frame.scene_cut}
        rows_of = _rows_by_tracklet(batch)
        for key_ns in [frame.pts_ns for frame in batch.frames if frame.is_key]:
            if key_ns in cuts_ns:
                ended |= self.end_all(EndReason.SCENE_CUT)
            ended |= self._forget(key_ns)
            for tracklet, track in self._claim(
                batch, camera, np.flatnonzero(batch.tracklets.key_ns == key_ns), rows_of
            ):
                track_ids[rows_of[tracklet]] = track.track_id
                _follow(track, batch, camera, rows_of[tracklet])
        kept = np.flatnonzero(track_ids)
        return TrackRows(kept, track_ids[kept], ended)

    def end_all(self, reason: EndReason) -> dict[int, EndReason]:
        """The stream is over, or changes: every track ends. Those long out of sight were lost before."""
        ended = {track.track_id: reason for track in self._tracks()}
        self._open, self._lost = {}, []
        return ended

    def _tracks(self) -> Iterator[_Track]:
        yield from self._open.values()
        yield from self._lost

    def _forget(self, now_ns: int) -> dict[int, EndReason]:
        oldest_ns = now_ns - round(self._config.gap_s_max * NS)
        ended = {t.track_id: EndReason.LOST for t in self._lost if t.last_ns < oldest_ns}
        self._lost = [t for t in self._lost if t.last_ns >= oldest_ns]
        return ended

    def _claim(
        self, batch: AffectBatch, camera: CameraPath, tracklets: np.ndarray, rows_of: dict[int, np.ndarray]
    ) -> Iterator[tuple[int, _Track]]:
        """Tracks for the tracklets of one interval that have rows."""
        arriving, self._open = self._open, {}
        owners: dict[int, _Track] = {}
        fresh: list[int] = []
        for tracklet in tracklets.tolist():
            track = arriving.pop(_name(batch.tracklets.begin[tracklet]), None)
            if track is not None:
                owners[tracklet] = track
            elif tracklet in rows_of:
                fresh.append(tracklet)
        self._lost += arriving.values()
        self._correct(batch, camera, owners, rows_of)
        owners |= self._rejoin(batch, camera, fresh, rows_of)
        # Ids go by first time, then from left to right.
        fresh = [s for s in fresh if s not in owners and batch.tracklets.score[s] >= self._score_start]
        fresh.sort(key=lambda s: (batch.frame[rows_of[s][0]], batch.boxes[rows_of[s][0], 0]))
        for tracklet in fresh:
            first = rows_of[tracklet][0]
            at, box = int(batch.frame[first]), batch.boxes[first]
            now_ns, appearance = batch.frames[at].pts_ns, batch.appearance[first]
            owners[tracklet] = _Track(self._next_id, now_ns, box, camera.at(at), np.zeros(2), appearance)
            self._next_id += 1
        for tracklet, track in owners.items():
            if batch.tracklets.end[tracklet, 0] >= 0:
                self._open[_name(batch.tracklets.end[tracklet])] = track
            else:
                self._lost.append(track)
        yield from ((tracklet, track) for tracklet, track in owners.items() if tracklet in rows_of)

    def _correct(
        self, batch: AffectBatch, camera: CameraPath, owners: dict[int, _Track], rows_of: dict[int, np.ndarray]
    ) -> None:
        """Where two people passed each other a tracklet may have changed over: give it to whom it looks like."""
        for tracklet in [tracklet for tracklet in owners if tracklet in rows_of and self._lost]:
            cost, alike = self._compare(batch, camera, [tracklet], rows_of)
            clearest = _clearest(batch, rows_of[tracklet])
            own = similarity(owners[tracklet].appearance[None], batch.appearance[clearest][None])[0, 0]
            better = (cost[:, 0] <= self._config.change_max) & (alike[:, 0] >= own + self._config.similarity_margin)
            if better.any():
                other = int(np.where(better, cost[:, 0], np.inf).argmin())
                self._lost[other], owners[tracklet] = owners[tracklet], self._lost[other]

    def _rejoin(
        self, batch: AffectBatch, camera: CameraPath, fresh: list[int], rows_of: dict[int, np.ndarray]
    ) -> dict[int, _Track]:
        """Tracklets that continue a track after a gap."""
        if not fresh or not self._lost:
            return {}
        cost, _ = self._compare(batch, camera, fresh, rows_of)
        pairs = best_pairs(np.where(cost <= self._config.change_max, cost, np.inf))
        joined = {fresh[column]: self._lost[row] for row, column in pairs}
        taken = {row for row, _ in pairs}
        self._lost = [track for row, track in enumerate(self._lost) if row not in taken]
        return joined

    def _compare(
        self, batch: AffectBatch, camera: CameraPath, tracklets: list[int], rows_of: dict[int, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """What each lost track would have changed to be each tracklet, and how alike they look: (lost, tracklets) each.

        The cost is infinite where too long has passed or the face looks like somebody else's.
        """
        costs, alike = [], []
        for tracklet in tracklets:
            first, clearest = rows_of[tracklet][0], _clearest(batch, rows_of[tracklet])
            at = int(batch.frame[first])
            gap_s = (batch.frames[at].pts_ns - np.array([t.last_ns for t in self._lost])) / NS
            coasted = np.stack([t.velocity for t in self._lost]) * np.minimum(gap_s, COASTING_S)[:, None]
            expected = np.stack([t.box_in(camera.at(at)) for t in self._lost]) + np.tile(coasted, 2)
            appearance = np.stack([t.appearance for t in self._lost])
            change = Change.between(expected, appearance, batch.boxes[first][None], batch.appearance[clearest][None])
            able = (gap_s > 0) & (gap_s <= self._config.gap_s_max)
            able &= change.similarity[:, 0] >= similarity_floor(gap_s)
            costs.append(np.where(able, change.cost[:, 0], np.inf))
            alike.append(change.similarity[:, 0])
        return np.stack(costs, 1), np.stack(alike, 1)


COASTING_S = 0.5
"""How long a face out of sight is expected to go on as it went."""
APPEARANCE_SHARE = 0.25
"""How much of a track's appearance each clearly visible row replaces."""
VELOCITY_S = 0.25
"""Time constant of a track's velocity: about as long as a head keeps going the same way."""


def _follow(track: _Track, batch: AffectBatch, camera: CameraPath, rows: np.ndarray) -> None:
    """Move a track along its new rows, in order of time."""
    for row in rows.tolist():
        at, box = int(batch.frame[row]), batch.boxes[row]
        now_ns, view = batch.frames[at].pts_ns, camera.at(at)
        elapsed_s = (now_ns - track.last_ns) / NS
        if elapsed_s > 0:
            step = centres(box[None])[0] - centres(track.box_in(view)[None])[0]
            keep = np.exp(-elapsed_s / VELOCITY_S)
            track.velocity = keep * track.velocity + (1 - keep) * step / elapsed_s
        track.last_ns, track.box, track.view = now_ns, box, view
        track.appearance = blend(
            track.appearance, batch.appearance[row], APPEARANCE_SHARE * float(batch.visibility[row])
        )


def _clearest(batch: AffectBatch, rows: np.ndarray) -> int:
    """The row in which the face is seen best."""
    return int(rows[batch.visibility[rows].argmax()])


def _rows_by_tracklet(batch: AffectBatch) -> dict[int, np.ndarray]:
    """Rows of each tracklet that has any, in order of time."""
    order = np.argsort(batch.tracklet, kind="stable")
    names, starts = np.unique(batch.tracklet[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True)) if len(names) else {}


def _name(detection: np.ndarray) -> tuple[int, int]:
    return int(detection[0]), int(detection[1])
