"""Scripts of scenes from a seed: how many people, in which look, where, when the picture cuts and the light changes."""

from collections.abc import Sequence

import numpy as np

from training.drawn.backgrounds import paint_background
from training.drawn.casting import Cast, choose_spots
from training.drawn.courses import Course
from training.drawn.expression import Negative
from training.drawn.identity import Identity
from training.drawn.scene import Scene, Shot
from training.drawn.styles import STYLES, style_named

NUM_PEOPLE_MAX = 6
_PASSER_BY = 1000
"""The passer-by of shot k is person _PASSER_BY + k of the scene: none of those that stand there."""


def make_scene(
    seed: int,
    *,
    size_px: tuple[int, int] = (1280, 720),
    fps: float = 25.0,
    duration_s: float = 10.0,
    num_people: int | None = None,
    style: str | None = None,
    background: str | None = None,
    num_cuts: int = 0,
    crossing: bool = False,
    comings_and_goings: bool = True,
    lamp_switch: bool = False,
    grain: float | None = None,
    face_px: tuple[float, float] | None = None,
    identities: Sequence[Identity] = (),
    courses: Sequence[Course] = (),
    negatives: Sequence[Negative] = (),
) -> Scene:
    """A scene; what is not given is drawn from the seed.

    num_people: 1 to 6. style: one of STYLES or HELD_OUT_STYLE. background: one of BACKGROUNDS. crossing: somebody walks
    past in front of the others. comings_and_goings: some people enter or leave. lamp_switch: the first shot begins dim.
    grain: standard deviation of the sensor's noise, levels of 255. face_px: smallest and largest height of a face.
    identities, courses, negatives: for the people in order; those beyond the end are drawn from the seed. Seeds from
    HELD_OUT_SEED_MIN on show only people held out from training.
    """
    if num_people is not None and not 1 <= num_people <= NUM_PEOPLE_MAX:
        raise ValueError(f"num_people must be in [1, {NUM_PEOPLE_MAX}], got {num_people}")
    rng = np.random.default_rng([seed, 0x5CE])
    count = num_people or int(rng.integers(1, 5))
    look = style_named(style or STYLES[rng.integers(len(STYLES))])
    cast = Cast(rng, seed, size_px[0], duration_s, identities, courses, negatives)
    first_who = 0
    shots = []
    for index, (start, end) in enumerate(_spans(rng, duration_s, num_cuts)):
        if index > 0 and not identities and rng.random() < 0.5:
            first_who += count  # new people
        spots = choose_spots(rng, size_px, count, face_px)
        actors = []
        for k, spot in enumerate(spots):
            # The first person of the first shot is always there, so that no scene is empty.
            enters = comings_and_goings and end - start > 3 and k + index > 0 and rng.random() < 0.3
            leaves = comings_and_goings and end - start > 5 and k > 0 and rng.random() < 0.25
            person_id = index * 100 + k + 1
            actors.append(cast.stand(person_id, first_who + k, spot, (start, end), enters=enters, leaves=leaves))
        if crossing:
            person_id = index * 100 + count + 1
            actors.append(cast.pass_by(person_id, _PASSER_BY + index, spots[-1], (start, end), size_px[1]))
        place = background or look.places[rng.integers(len(look.places))]
        shots.append(
            Shot(
                start_s=start,
                background=paint_background(rng, size_px, place, look.backdrop),
                light=look.light(rng),
                actors=tuple(actors),
                lamp_on_s=start + 0.4 * (end - start) if lamp_switch and index == 0 else -np.inf,
                flicker=(float(rng.uniform(0, 0.18)), float(rng.uniform(0, 6))),
            )
        )
    strength = float(rng.uniform(*look.grain)) if grain is None else grain
    return Scene(seed, size_px, fps, duration_s, look, tuple(shots), strength, float(rng.uniform(*look.blur_px)))


def _spans(rng: np.random.Generator, duration_s: float, num_cuts: int) -> list[tuple[float, float]]:
    """Start and end of each shot, seconds."""
    jitter = rng.uniform(-0.25, 0.25, num_cuts)
    cuts = [float(k + 1 + j) / (num_cuts + 1) * duration_s for k, j in enumerate(jitter)]
    return list(zip([0.0, *cuts], [*cuts, duration_s], strict=True))
