"""Drawn people as training data: identities and styles that are held out elsewhere never appear here."""

from collections.abc import Iterator

import cv2
import numpy as np

from training.data.faceset import FaceSet
from training.data.scenes import Scene
from training.drawn import HELD_OUT_SEED_MIN, STYLES, Course, clutter, course_through, make_scene, still

_MOMENTS = 6
"""Faces drawn of each person: making a person takes longer than drawing one once more."""
_NEGATIVES = ("anger", "fear", "disgust", "contempt")


def draw_faces(count: int, *, seed: int = 0, style: str | None = None) -> FaceSet:
    """`count` close-ups, each person with several expressions all over the circumplex; `style` None: all of STYLES."""
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []
    for person in range(-(-count // _MOMENTS)):
        rows += _moments(seed + person, style)
    images, landmarks, expression, affect = zip(*rows[:count], strict=True)
    return FaceSet.of(
        list(images), landmarks=np.stack(landmarks), expression=np.stack(expression), affect=np.stack(affect)
    )


def _moments(seed: int, style: str | None) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Picture, landmarks, expression and affect of one person at several moments."""
    rng = np.random.default_rng([seed, 0xFACE])
    scene = make_scene(
        seed,
        size_px=(200, 200),
        fps=1.0,
        duration_s=float(_MOMENTS),
        num_people=1,
        style=style or STYLES[seed % len(STYLES)],
        comings_and_goings=False,
        face_px=(60, 120),
        courses=[_wander(rng)],
        negatives=[_NEGATIVES[rng.integers(len(_NEGATIVES))]],  # type: ignore[list-item]
    )
    for image, truths in scene.frames():
        for truth in truths:
            affect = np.array([truth.valence, truth.arousal], np.float32)
            grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
            yield grey, truth.landmarks.astype(np.float32), truth.expression.astype(np.float32), affect


def _wander(rng: np.random.Generator) -> Course:
    """A place on the circumplex for each moment, evenly over the disk."""
    angle, radius = rng.uniform(0, 2 * np.pi, _MOMENTS), np.sqrt(rng.uniform(0, 1, _MOMENTS))
    return course_through(
        [(float(i), r * np.cos(a), r * np.sin(a)) for i, (a, r) in enumerate(zip(angle, radius, strict=True))]
    )


def draw_scenes(count: int, *, clutter_share: float = 0.4, seed: int = 0) -> list[Scene]:
    """`count` pictures for the detector: people in front of something, and clutter without any face."""
    scenes = []
    for index in range(count):
        rng = np.random.default_rng([seed, index, 0x5EE])
        size = (416, int(rng.integers(240, 420)))
        if rng.random() < clutter_share:
            grey = clutter(seed + index, size, grey=True)
            scenes.append(Scene(grey, np.zeros((0, 4), np.float32), np.zeros(0, bool)))
            continue
        face_px = np.exp(rng.uniform(np.log(16), np.log(size[1] * 0.7)))
        picture, truths = still(
            (seed + index) % HELD_OUT_SEED_MIN, None, size, face_px=(max(face_px / 1.5, 16), face_px)
        )
        boxes = np.array([(t.x1, t.y1, t.x2, t.y2) for t in truths], np.float32).reshape(-1, 4)
        hidden = np.array([t.visible < 0.5 for t in truths], bool)
        scenes.append(Scene(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), boxes.clip(0, [*size, *size]), hidden))
    return scenes
