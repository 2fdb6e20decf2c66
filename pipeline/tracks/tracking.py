"""Tracks: who is who over time. Deterministic; ages in seconds; no clock.

Inside a hop, and from hop to hop, a face is followed by its strands, which meet in detections. The tracker adds what
that cannot: it starts tracks, ends them, and joins them again over a gap, when somebody was hidden for a moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from pipeline.faces.boxes import centres, sizes
from pipeline.faces.detection import best_pairs
from pipeline.types import AffectBatch

NS = 1_000_000_000


class EndReason(StrEnum):
    """Why a track is over."""

    LOST = "lost"
    SCENE_CUT = "scene_cut"
    END_OF_STREAM = "end_of_stream"
    DISCONTINUITY = "discontinuity"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class TrackerConfig:
    """When a face that was out of sight is the same face again."""

    gap_s_max: float = 1.0
    """A track is over when its face was not seen for longer than this."""
    likeness_min: float = 0.3
    """Smallest correlation of looks before and after: a face that comes out from behind another is half covered."""
    likeness_margin: float = 0.25
    """By how much more a face must look like somebody lost from sight to be given to them."""
    change_max: float = 1.4
    """Largest sum of the distance from where it was expected (in face sizes), twice the logarithm of its growth, and
    one and a half times what its looks lack of perfect correlation."""


@dataclass(frozen=True, slots=True)
class TrackRows:
    """What the tracker says of a batch."""

    row: np.ndarray
    """(T,) rows of the batch that belong to a track, in the batch's order."""
    track_id: np.ndarray
    """(T,) int32."""
    jump: np.ndarray
    """(T,) bool: the box moved or changed farther than a face can since the track's row before."""
    ended: dict[int, EndReason]
    """Tracks that are over, by id."""


@dataclass(slots=True)
class _Track:
    track_id: int
    last_ns: int
    box: np.ndarray
    velocity: np.ndarray
    """(2,) px per s of the box's centre."""
    look: np.ndarray


class Tracker:
    """One per stream and epoch. Feed it the batches of the stream in order."""

    def __init__(self, config: TrackerConfig, *, score_start: float):
        """`score_start`: a track is only ever started by a detection of at least this score."""
        self._config, self._score_start = config, score_start
        self._next_id = 1
        self._open: dict[tuple[int, int], _Track] = {}
        self._lost: list[_Track] = []

    def update(self, batch: AffectBatch) -> TrackRows:
        """Give the faces of a batch to tracks; faces too uncertain to start one, and not part of one, are left out."""
        track_ids, jump = np.zeros(len(batch.strand), np.int32), np.zeros(len(batch.strand), bool)
        ended: dict[int, EndReason] = {}
        cuts_ns = {frame.pts_ns for frame in batch.frames if frame.scene_cut}
        rows_of = _rows_by_strand(batch)
        for key_ns in [frame.pts_ns for frame in batch.frames if frame.is_key]:
            if key_ns in cuts_ns:
                ended |= self.end_all(EndReason.SCENE_CUT)
            ended |= self._forget(key_ns)
            for strand, track in self._claim(batch, np.flatnonzero(batch.strands.key_ns == key_ns), rows_of):
                rows = rows_of[strand]
                track_ids[rows] = track.track_id
                jump[rows] = _follow(track, batch, rows)
        kept = np.flatnonzero(track_ids)
        return TrackRows(kept, track_ids[kept], jump[kept], ended)

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
        self, batch: AffectBatch, strands: np.ndarray, rows_of: dict[int, np.ndarray]
    ) -> Iterator[tuple[int, _Track]]:
        """Tracks for the strands of one hop that have rows."""
        arriving, self._open = self._open, {}
        owners: dict[int, _Track] = {}
        fresh: list[int] = []
        for strand in strands.tolist():
            track = arriving.pop(_name(batch.strands.begin[strand]), None)
            if track is not None:
                owners[strand] = track
            elif strand in rows_of:
                fresh.append(strand)
        self._lost += arriving.values()
        self._correct(batch, owners, rows_of)
        owners |= self._rejoin(batch, fresh, rows_of)
        # Ids go by first time, then from left to right.
        fresh = [s for s in fresh if s not in owners and batch.strands.score[s] >= self._score_start]
        fresh.sort(key=lambda s: (batch.frame[rows_of[s][0]], batch.boxes[rows_of[s][0], 0]))
        for strand in fresh:
            first = rows_of[strand][0]
            now_ns, box = batch.frames[batch.frame[first]].pts_ns, batch.boxes[first]
            owners[strand] = _Track(self._next_id, now_ns, box, np.zeros(2), batch.look[first])
            self._next_id += 1
        for strand, track in owners.items():
            if batch.strands.end[strand, 0] >= 0:
                self._open[_name(batch.strands.end[strand])] = track
            else:
                self._lost.append(track)
        yield from ((strand, track) for strand, track in owners.items() if strand in rows_of)

    def _correct(self, batch: AffectBatch, owners: dict[int, _Track], rows_of: dict[int, np.ndarray]) -> None:
        """Where two people passed each other a strand may have changed over: give it to whom it looks like."""
        for strand in [strand for strand in owners if strand in rows_of and self._lost]:
            change, likeness = self._compare(batch, [strand], rows_of)
            own = float(owners[strand].look @ batch.look[_clearest(batch, rows_of[strand])])
            better = (change[:, 0] <= self._config.change_max) & (likeness[:, 0] >= own + self._config.likeness_margin)
            if better.any():
                other = int(np.where(better, change[:, 0], np.inf).argmin())
                self._lost[other], owners[strand] = owners[strand], self._lost[other]

    def _rejoin(self, batch: AffectBatch, fresh: list[int], rows_of: dict[int, np.ndarray]) -> dict[int, _Track]:
        """Strands that continue a track after a gap."""
        if not fresh or not self._lost:
            return {}
        change, likeness = self._compare(batch, fresh, rows_of)
        able = (likeness >= self._config.likeness_min) & (change <= self._config.change_max)
        pairs = best_pairs(np.where(able, change, np.inf))
        joined = {fresh[column]: self._lost[row] for row, column in pairs}
        taken = {row for row, _ in pairs}
        self._lost = [track for row, track in enumerate(self._lost) if row not in taken]
        return joined

    def _compare(
        self, batch: AffectBatch, strands: list[int], rows_of: dict[int, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """How much each lost track would have changed to be each strand, and how alike they look: (lost, strands)."""
        first = np.array([rows_of[strand][0] for strand in strands])
        now_ns = np.array([batch.frames[i].pts_ns for i in batch.frame[first]])
        gap_s = (now_ns[None] - np.array([t.last_ns for t in self._lost])[:, None]) / NS
        before, now = np.stack([t.box for t in self._lost]), batch.boxes[first]
        velocity = np.stack([t.velocity for t in self._lost])
        expected = centres(before)[:, None] + velocity[:, None] * np.minimum(gap_s, COASTING_S)[..., None]
        distance = np.linalg.norm(expected - centres(now)[None], axis=2)
        distance /= np.sqrt(sizes(before)[:, None] * sizes(now)[None])
        growth = np.abs(np.log(sizes(before)[:, None] / sizes(now)[None]))
        clearest = [_clearest(batch, rows_of[strand]) for strand in strands]
        likeness = np.stack([t.look for t in self._lost]) @ batch.look[clearest].T
        change = distance + 2 * growth + 1.5 * (1 - likeness)
        return np.where((gap_s > 0) & (gap_s <= self._config.gap_s_max), change, np.inf), likeness


COASTING_S = 0.5
"""How long a face out of sight is expected to go on as it went."""
LOOK_SHARE = 0.25
"""How much of a track's look each clearly visible row replaces."""
JUMP_FACES_PER_S = 6.0
JUMP_FACES = 0.35
JUMP_GROWTH = 1.35


def _follow(track: _Track, batch: AffectBatch, rows: np.ndarray) -> np.ndarray:
    """Move a track along its new rows, in order of time; say which of them it jumped to."""
    jumped = np.zeros(len(rows), bool)
    for i, row in enumerate(rows.tolist()):
        now_ns, box = batch.frames[batch.frame[row]].pts_ns, batch.boxes[row]
        elapsed_s = (now_ns - track.last_ns) / NS
        if elapsed_s > 0:
            step = centres(box[None])[0] - centres(track.box[None])[0]
            size, size_before = sizes(np.stack([box, track.box]))
            jumped[i] = np.hypot(*step) > size * (JUMP_FACES + JUMP_FACES_PER_S * elapsed_s)
            jumped[i] |= abs(np.log(size / size_before)) > np.log(JUMP_GROWTH) + elapsed_s
            keep = np.exp(-elapsed_s / 0.25)
            track.velocity = keep * track.velocity + (1 - keep) * step / elapsed_s
        track.last_ns, track.box = now_ns, box
        track.look = _blend(track.look, batch.look[row], LOOK_SHARE * float(batch.visibility[row]))
    return jumped


def _clearest(batch: AffectBatch, rows: np.ndarray) -> int:
    """The row in which the face is seen best."""
    return int(rows[batch.visibility[rows].argmax()])


def _blend(look: np.ndarray, new: np.ndarray, share: float) -> np.ndarray:
    """A running look of unit length: a face half covered for a moment is remembered as it was."""
    mixed = (1 - share) * look + share * new
    return np.asarray(mixed / (np.linalg.norm(mixed) + 1e-6), np.float32)


def _rows_by_strand(batch: AffectBatch) -> dict[int, np.ndarray]:
    """Rows of each strand that has any, in order of time."""
    order = np.argsort(batch.strand, kind="stable")
    names, starts = np.unique(batch.strand[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True)) if len(names) else {}


def _name(detection: np.ndarray) -> tuple[int, int]:
    return int(detection[0]), int(detection[1])
