"""The faces that all others are blended from, and where each has its place.

Places: Russell & Mehrabian 1977, as (valence, arousal); for contempt the same guess as the training targets use.
Every expression has one prototype at its own place; more of the same name fill the rest of the circumplex.
"""

from dataclasses import dataclass

from training.drawn.actions import Actions


@dataclass(frozen=True, slots=True)
class Prototype:
    """A face of one pure expression."""

    name: str
    """The expression it stands for."""
    valence: float
    arousal: float
    actions: Actions


# fmt: off
PROTOTYPES = (
    Prototype("neutral", 0.0, 0.0, Actions()),
    Prototype("neutral", 0.0, -0.75, Actions(smile=0.03, brow_inner=0.05, eye_open=-0.75, gaze_down=0.2)),
    Prototype("neutral", 0.05, 0.5, Actions(teeth=0.15, open=0.06, brow_inner=0.2, brow_outer=0.25, eye_open=0.45)),
    Prototype("happiness", 0.81, 0.51, Actions(smile=1.0, wide=0.75, teeth=1.0, open=0.12, upper_lip=0.3,
                                               brow_outer=0.1, cheek=0.9, squint=0.55)),
    Prototype("happiness", 0.60, 0.85, Actions(smile=0.95, wide=0.55, teeth=0.9, open=0.75, upper_lip=0.3,
                                               brow_inner=0.3, brow_outer=0.45, cheek=0.85, squint=0.35)),
    Prototype("happiness", 0.85, -0.10, Actions(smile=0.85, wide=0.6, teeth=0.35, cheek=0.75, squint=0.5)),
    Prototype("happiness", 0.50, -0.40, Actions(smile=0.68, wide=0.35, cheek=0.5, squint=0.4, eye_open=-0.25)),
    Prototype("sadness", -0.63, -0.27, Actions(smile=-0.85, pout=0.7, press=0.1, brow_inner=1.0, frown=0.25,
                                               eye_open=-0.45, gaze_down=0.25)),
    Prototype("sadness", -0.50, -0.75, Actions(smile=-0.7, pout=0.4, brow_inner=0.75, eye_open=-0.8, gaze_down=0.5)),
    Prototype("surprise", 0.40, 0.67, Actions(smile=0.15, wide=-0.25, open=0.8, brow_inner=1.0, brow_outer=1.0,
                                              eye_open=1.0)),
    Prototype("surprise", 0.05, 0.90, Actions(wide=-0.35, open=1.0, brow_inner=1.0, brow_outer=1.0, eye_open=1.0)),
    Prototype("fear", -0.64, 0.60, Actions(smile=-0.4, wide=0.7, teeth=0.4, open=0.38, lower_lip=0.6, brow_inner=1.0,
                                           brow_outer=0.45, frown=0.45, eye_open=1.0)),
    Prototype("disgust", -0.60, 0.35, Actions(smile=-0.5, teeth=0.35, upper_lip=1.0, frown=0.5, eye_open=-0.2,
                                              squint=0.75, cheek=0.45, nose_wrinkle=1.0)),
    Prototype("anger", -0.51, 0.59, Actions(smile=-0.4, press=0.75, frown=1.0, eye_open=0.45, squint=0.6,
                                            nose_wrinkle=0.2)),
    Prototype("anger", -0.60, 0.88, Actions(smile=-0.35, wide=0.35, teeth=1.0, open=0.45, upper_lip=0.7, lower_lip=0.7,
                                            frown=1.0, eye_open=0.6, squint=0.5, nose_wrinkle=0.55)),
    Prototype("contempt", -0.45, 0.25, Actions(smirk=0.9, press=0.25, brow_outer=0.1, eye_open=-0.35, squint=0.2)),
)
# fmt: on
