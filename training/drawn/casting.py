"""Who plays in a shot: where people stand, how they come and go, what they feel and how they move."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np

from training.drawn.courses import Course, random_course
from training.drawn.expression import Negative
from training.drawn.identity import HELD_OUT_SEED_MIN, Identity
from training.drawn.motion import Walk, random_motion
from training.drawn.people import make_identity
from training.drawn.pose import Pose
from training.drawn.scene import Actor

_WALKING_YAW = 22.0
"""Degrees that somebody who walks past is turned in the direction of the walk."""
_OUTSIDE = 1.4
"""Face heights beside the picture at which nothing shows of somebody, not even a shoulder."""


class Spot(NamedTuple):
    """Where somebody stands: the middle of the head, and the height of the face, px."""

    x: float
    y: float
    face_px: float


Way = list[tuple[float, Spot]]
"""Seconds from the start of the scene, and where somebody is then."""


def person_seed(seed: int, index: int) -> int:
    """The seed of person `index` of a scene; on the same side of HELD_OUT_SEED_MIN as the scene's own."""
    drawn = int(np.random.default_rng([seed, index, 0x9E]).integers(HELD_OUT_SEED_MIN))
    return drawn + (HELD_OUT_SEED_MIN if seed >= HELD_OUT_SEED_MIN else 0)


def choose_spots(
    rng: np.random.Generator, size_px: tuple[int, int], count: int, face_px: tuple[float, float] | None
) -> list[Spot]:
    """Spots for `count` people side by side, from the furthest to the nearest; face_px: smallest and largest face."""
    width, height = size_px
    largest = min(0.46 * height, 0.62 * width / count)
    low, high = face_px or (max(0.30 * largest, min(24.0, largest)), largest)
    columns = (rng.permutation(count) + 0.5 + rng.uniform(-0.18, 0.18, count)) * width / count
    faces = np.sort(np.exp(rng.uniform(np.log(low), np.log(high), count)))
    spots = []
    for x, face in zip(columns, faces, strict=True):
        y = np.clip(height * rng.uniform(0.3, 0.5), 0.55 * face, max(height - 0.75 * face, 0.55 * face))
        inside = np.clip(x, 0.5 * face, max(width - 0.5 * face, 0.5 * face))
        spots.append(Spot(float(inside), float(y), float(face)))
    return spots


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """Makes actors for a scene: takes what the caller gave, and draws the rest."""

    rng: np.random.Generator
    seed: int
    width_px: int
    duration_s: float
    identities: Sequence[Identity]
    courses: Sequence[Course]
    negatives: Sequence[Negative]

    def stand(
        self, person_id: int, who: int, spot: Spot, span_s: tuple[float, float], *, enters: bool, leaves: bool
    ) -> Actor:
        """Somebody who stays about `spot`, and may come in or leave, by the nearer edge or by a fade."""
        rng, (start, end) = self.rng, span_s
        by_edge = rng.random() < 0.7
        away = _OUTSIDE * spot.face_px
        beside = spot._replace(x=-away if spot.x < self.width_px / 2 else self.width_px + away)
        shift = spot.face_px * rng.normal(0, 1, 2) * (0.12, 0.06)
        drift = Spot(spot.x + shift[0], spot.y + shift[1], spot.face_px * rng.uniform(0.94, 1.06))
        way: Way = [(start, spot), (end, drift)]
        if enters and by_edge:
            come = start + rng.uniform(0.0, 0.35) * (end - start)
            way = [(start - 1, beside), (come, beside), (come + rng.uniform(1.4, 2.4), spot), (end + 3, drift)]
        if leaves and by_edge:
            go = end - rng.uniform(0.15, 0.3) * (end - start)
            way = [*(p for p in way if p[0] < go - 0.2), (go, spot), (go + rng.uniform(1.2, 2.0), beside)]
        fades_in_s = start + rng.uniform(0.3, 1.5) if enters and not by_edge else -np.inf
        fades_out_s = end - rng.uniform(0.8, 2.0) if leaves and not by_edge else np.inf
        yaw = float(np.clip(rng.normal(0, 9), -20, 20))
        return self._actor(person_id, who, way, yaw, float(fades_in_s), float(fades_out_s))

    def pass_by(self, person_id: int, who: int, nearest: Spot, span_s: tuple[float, float], height_px: int) -> Actor:
        """Somebody in front of all others who walks from one edge to the other."""
        start, end = span_s
        spot = nearest._replace(face_px=min(1.2 * nearest.face_px, 0.55 * height_px))
        away = _OUTSIDE * spot.face_px
        left, right = spot._replace(x=-away), spot._replace(x=self.width_px + away)
        rightwards = self.rng.random() < 0.5
        begin = start + 0.15 * (end - start)
        arrive = max(start + 0.9 * (end - start), begin + 0.5)
        way = [(begin, left if rightwards else right), (arrive, right if rightwards else left)]
        return self._actor(person_id, who, way, _WALKING_YAW if rightwards else -_WALKING_YAW, -np.inf, np.inf)

    def _actor(self, person_id: int, who: int, way: Way, yaw: float, fades_in_s: float, fades_out_s: float) -> Actor:
        rng = self.rng
        face_px = max(spot.face_px for _, spot in way)
        rest = Pose(yaw, float(rng.normal(0, 4)), float(rng.normal(0, 2.5)))
        drawn_course, drawn_negative = random_course(rng, self.duration_s), get_args(Negative)[rng.integers(4)]
        given = who < len(self.identities)
        return Actor(
            person_id=person_id,
            identity=self.identities[who] if given else make_identity(person_seed(self.seed, who)),
            course=self.courses[who] if who < len(self.courses) else drawn_course,
            negative=self.negatives[who] if who < len(self.negatives) else drawn_negative,
            motion=random_motion(rng, self.duration_s, lively=float(rng.uniform(0.5, 1.3)), rest=rest),
            walk=Walk(
                np.array([seconds for seconds, _ in way]),
                np.array([spot for _, spot in way], np.float64),
                sway_px=0.02 * face_px,
                bob_px=0.03 * face_px,
                phase=float(rng.uniform(0, 6)),
            ),
            fades_in_s=fades_in_s,
            fades_out_s=fades_out_s,
        )
