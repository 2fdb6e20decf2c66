"""The clip to show: three people in a room, then two of them outdoors, with evident joy, grief and surprise."""

import numpy as np

from training.drawn.backgrounds import paint_background
from training.drawn.casting import Spot
from training.drawn.courses import course_through
from training.drawn.light import Light
from training.drawn.motion import Walk, random_motion
from training.drawn.people import make_identity
from training.drawn.pose import Pose
from training.drawn.scene import Actor, Scene, Shot
from training.drawn.styles import style_named

DEMO_S = 12.0
_CUT_S = 7.6
_PEOPLE = (15, 20, 26)
"""Identity seeds."""
# fmt: off
_COURSES = tuple(course_through(points) for points in (
    # Seconds, valence, arousal: a broad smile, surprise, contentment, a smile again.
    [(1, 0, 0), (2.2, 0.81, 0.51), (4, 0.85, 0.4), (6.2, 0.05, 0.9), (7.4, 0.1, 0.8), (9, 0.5, -0.4), (11, 0.85, 0.5)],
    # Sadness, surprise, sadness.
    [(0.5, 0, 0), (2.6, -0.63, -0.27), (5, -0.6, -0.4), (5.9, 0.4, 0.67), (7, 0.4, 0.7), (9.6, -0.63, -0.27)],
    # Comes in and laughs.
    [(4.4, 0.2, 0), (5.4, 0.6, 0.85), (7.2, 0.8, 0.5)],
))
# fmt: on


def demo_scene(*, size_px: tuple[int, int] = (1280, 720), fps: float = 25.0, duration_s: float = DEMO_S) -> Scene:
    """Two people side by side, a third who comes in at the edge after three seconds; a cut; two of them outdoors.

    Lasts 12 s; `duration_s` cuts it short.
    """
    room = Light((-0.5, -0.55, 0.75), (0.80, 0.86, 0.90), (0.44, 0.44, 0.44), (0.26, 0.27, 0.29), 0.3)
    outdoors = Light((0.55, -0.6, 0.7), (0.86, 0.95, 1.0), (0.52, 0.49, 0.46), (0.27, 0.29, 0.30), 0.55)
    rng = np.random.default_rng([0xDE, 1])
    first = Shot(
        0.0,
        paint_background(rng, size_px, "room"),
        room,
        (
            _actor(0, 0, [(0, Spot(0.30, 0.44, 0.30)), (8, Spot(0.31, 0.44, 0.31))], size_px, yaw=9),
            _actor(0, 1, [(0, Spot(0.60, 0.47, 0.32)), (8, Spot(0.595, 0.47, 0.32))], size_px, yaw=-8),
            _actor(0, 2, [(3, Spot(1.40, 0.45, 0.35)), (5, Spot(0.86, 0.45, 0.35))], size_px, yaw=-14),
        ),
        flicker=(0.06, 0.0),
    )
    second = Shot(
        _CUT_S,
        paint_background(rng, size_px, "leaves"),
        outdoors,
        (
            _actor(1, 1, [(7, Spot(0.30, 0.46, 0.36)), (12, Spot(0.31, 0.46, 0.37))], size_px, yaw=10),
            _actor(1, 0, [(7, Spot(0.68, 0.48, 0.42)), (12, Spot(0.67, 0.48, 0.43))], size_px, yaw=-8),
        ),
        flicker=(0.10, 1.0),
    )
    style = style_named("studio")
    return Scene(_PEOPLE[0], size_px, fps, min(duration_s, DEMO_S), style, (first, second), grain=3.8, blur_px=0.4)


def _actor(shot: int, who: int, way: list[tuple[float, Spot]], size_px: tuple[int, int], yaw: float) -> Actor:
    """Person `who`; spots are given as shares of the picture's width, height and height (of the face)."""
    width, height = size_px
    places = np.array([spot for _, spot in way]) * (width, height, height)
    motion = random_motion(np.random.default_rng([0xDE, shot, who]), DEMO_S, lively=0.7, rest=Pose(yaw))
    face_px = float(places[0, 2])
    walk = Walk(np.array([seconds for seconds, _ in way]), places, 0.02 * face_px, 0.03 * face_px, float(who))
    return Actor(shot * 100 + who + 1, make_identity(_PEOPLE[who]), _COURSES[who], "anger", motion, walk)
