"""A scene: shots of people in places, drawn frame by frame with everything known about every face."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from training.drawn.courses import Course
from training.drawn.expression import Negative, express
from training.drawn.face import FACE_PX_MAX, FACE_PX_MIN, FacePatch, render_face
from training.drawn.finish import Grain, draw_on_paper, grade
from training.drawn.identity import Identity
from training.drawn.light import Light
from training.drawn.motion import HeadMotion, Walk
from training.drawn.occlusion import Uncovered
from training.drawn.patch import lay_into
from training.drawn.styles import Style
from training.drawn.truth import FaceTruth

_FADE_S = 0.6
_SWITCH_S = 0.12
"""How long a fade, and a lamp that is switched on, take."""
_LAMP_OFF, _DUSK = 0.1, 0.55
"""Strength of the lamp, and of the light from all around, before the lamp is switched on."""
_REACH = 1.9
"""People whose head is further outside of the picture than this many face heights cannot be seen at all."""
_OPACITY_MIN = 0.25
"""A face fainter than this is not there yet, or not any more."""


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """One person in one shot; times are in seconds from the start of the scene."""

    person_id: int
    identity: Identity
    course: Course
    negative: Negative
    motion: HeadMotion
    walk: Walk
    fades_in_s: float = -np.inf
    """When the person begins to appear."""
    fades_out_s: float = np.inf
    """When the person begins to vanish."""

    def opacity(self, seconds: float) -> float:
        """From 0 to 1."""
        come, go = (seconds - self.fades_in_s) / _FADE_S, (seconds - self.fades_out_s) / _FADE_S
        return float(np.clip(min(come, 1 - go), 0, 1))


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """People in one place under one light."""

    start_s: float
    background: np.ndarray
    """(H, W, 3) uint8."""
    light: Light
    actors: tuple[Actor, ...]
    """From back to front."""
    lamp_on_s: float = -np.inf
    """When the lamp is switched on; the light before is dim."""
    flicker: tuple[float, float] = (0.0, 0.0)
    """Slow change of the lamp: strength and phase."""

    def brightness(self, seconds: float) -> tuple[float, float]:
        """Strength of the lamp and of the light from all around."""
        slow = 1 + self.flicker[0] * np.sin(0.9 * seconds + self.flicker[1])
        on = float(np.clip((seconds - self.lamp_on_s) / _SWITCH_S, 0, 1))
        return float(slow * (_LAMP_OFF + (1 - _LAMP_OFF) * on)), float(_DUSK + (1 - _DUSK) * on)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A script, and the pictures and truths that follow from it; drawing it twice gives the same bits."""

    seed: int
    size_px: tuple[int, int]
    """Width, height."""
    fps: float
    duration_s: float
    style: Style
    shots: tuple[Shot, ...]
    """In order of time; a new shot is a cut."""
    grain: float = 0.0
    """Standard deviation of the sensor's noise, in levels of 255. 720p at 4 takes about 1 Mbit/s of H.264 (crf 23)."""
    blur_px: float = 0.0

    @property
    def num_frames(self) -> int:
        """How many frames there are."""
        return round(self.duration_s * self.fps)

    def frames(self) -> Iterator[tuple[np.ndarray, list[FaceTruth]]]:
        """All pictures (H, W, 3) uint8 BGR in order, with the faces in them from back to front."""
        grain = Grain(self.seed, self.size_px, self.grain) if self.grain > 0 else None
        backgrounds = [grade(shot.background, self.style, self.blur_px) for shot in self.shots]
        starts = [shot.start_s for shot in self.shots]
        for index in range(self.num_frames):
            seconds = index / self.fps
            k = int(np.searchsorted(starts, seconds + 1e-9, side="right")) - 1
            image, truths = self._draw(k, backgrounds[k], seconds)
            yield (grain.add(image, index) if grain else image), truths

    def _draw(self, shot_index: int, background: np.ndarray, seconds: float) -> tuple[np.ndarray, list[FaceTruth]]:
        """One picture without grain, and its truths."""
        shot = self.shots[shot_index]
        lamp, around = shot.brightness(seconds)
        image = cv2.convertScaleAbs(background, alpha=float(np.sqrt(0.4 * lamp + 0.6 * around)))
        seen: list[tuple[FaceTruth, Uncovered]] = []
        for actor in shot.actors:
            opacity = actor.opacity(seconds)
            x, _, face_px = actor.walk.at(seconds)
            if opacity == 0 or not -_REACH * face_px < x < self.size_px[0] + _REACH * face_px:
                continue
            patch, truth = self._draw_actor(actor, shot, shot_index, seconds)
            alpha = patch.alpha if opacity == 1 else cv2.convertScaleAbs(patch.alpha, alpha=opacity)
            lay_into(image, grade(patch.image, self.style, self.blur_px), alpha, patch.x0, patch.y0)
            for _, uncovered in seen:
                uncovered.cover(patch.x0, patch.y0, alpha)
            if opacity >= _OPACITY_MIN:
                seen.append((truth, Uncovered(patch.box, self.size_px, opacity)))
        if self.style.chalk:
            image = draw_on_paper(image, self.seed)
        return image, [replace(truth, visible=u.share()) for truth, u in seen if u.share() > 0]

    def _draw_actor(self, actor: Actor, shot: Shot, shot_index: int, seconds: float) -> tuple[FacePatch, FaceTruth]:
        """One person, and the truth about the face as if nobody stood in front."""
        x, y, face_px = actor.walk.at(seconds)
        lamp, around = shot.brightness(seconds)
        valence, arousal = actor.course(seconds)
        expression = express(valence, arousal, actor.negative)
        pose = actor.motion.pose(seconds)
        patch = render_face(
            actor.identity,
            self.style,
            shot.light,
            face_px=float(np.clip(face_px, FACE_PX_MIN, FACE_PX_MAX)),
            centre=(x, y),
            actions=expression.actions,
            pose=pose,
            blink=actor.motion.blink(seconds),
            gaze=actor.motion.gaze(seconds),
            pupil_mm=2.1 + 0.5 * max(arousal, 0.0),
            lamp=lamp,
            around=around,
            picture_px=self.size_px,
        )
        x1, y1, x2, y2 = patch.box
        truth = FaceTruth(
            person_id=actor.person_id,
            x1=x1,
            y1=y1,
            x2=x2,
            y2=y2,
            visible=1.0,
            landmarks=patch.landmarks,
            valence=valence,
            arousal=arousal,
            expression=expression.weights,
            yaw=pose.yaw,
            pitch=pose.pitch,
            roll=pose.roll,
            shot=shot_index,
        )
        return patch, truth
