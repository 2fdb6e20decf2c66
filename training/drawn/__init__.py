"""Drawn people: procedurally shaded faces whose box, landmarks, pose, valence and arousal are known exactly.

`render_face` draws one person, `make_scene` scripts a video, `still` gives single pictures, `demo_scene` the clip to
show, and `clutter` pictures without any face. The same seed always gives the same pixels.
"""

from training.drawn.actions import Actions
from training.drawn.backgrounds import BACKGROUNDS
from training.drawn.clutter import clutter
from training.drawn.courses import Course, course_through
from training.drawn.demo import demo_scene
from training.drawn.expression import EXPRESSIONS, Expression, Negative, express
from training.drawn.face import FacePatch, render_face
from training.drawn.identity import HELD_OUT_SEED_MIN, Identity
from training.drawn.light import Light
from training.drawn.patch import lay_into, lay_over
from training.drawn.people import make_identity
from training.drawn.pose import Pose
from training.drawn.scene import Actor, Scene, Shot
from training.drawn.script import NUM_PEOPLE_MAX, make_scene
from training.drawn.stills import still
from training.drawn.styles import HELD_OUT_STYLE, STYLES, Style, style_named
from training.drawn.truth import FaceTruth

__all__ = [
    "BACKGROUNDS",
    "EXPRESSIONS",
    "HELD_OUT_SEED_MIN",
    "HELD_OUT_STYLE",
    "NUM_PEOPLE_MAX",
    "STYLES",
    "Actions",
    "Actor",
    "Course",
    "Expression",
    "FacePatch",
    "FaceTruth",
    "Identity",
    "Light",
    "Negative",
    "Pose",
    "Scene",
    "Shot",
    "Style",
    "clutter",
    "course_through",
    "demo_scene",
    "express",
    "lay_into",
    "lay_over",
    "make_identity",
    "make_scene",
    "render_face",
    "still",
    "style_named",
]
