"""The looks in which people are drawn: how skin is textured, lit and developed, and what the camera adds."""

from dataclasses import dataclass

import numpy as np

from training.drawn.colours import Colour, scaled
from training.drawn.light import Light


@dataclass(frozen=True, slots=True)
class Style:
    """One look."""

    name: str
    albedo: float = 1.0
    """1: skin and hair in their own colours; 0: all of one matter."""
    matter: Colour = (0.5, 0.5, 0.5)
    """That matter's reflectance."""
    scatter: float = 1.0
    """How far light creeps through the skin."""
    gloss: float = 1.0
    texture: float = 0.0
    """Coarseness added to the skin."""
    chalk: bool = False
    """Drawn in few tones with strokes and contours on paper, instead of photographed."""
    lamp: tuple[float, float] = (0.7, 0.9)
    """Range of the lamp's strength."""
    around: tuple[float, float] = (0.5, 0.7)
    """Range of the strength of the light from all around."""
    lamp_colours: tuple[Colour, ...] = ((1.0, 1.0, 1.0),)
    around_colours: tuple[Colour, ...] = ((1.0, 1.0, 1.0),)
    hardness: tuple[float, float] = (0.2, 0.5)
    side: float = 0.6
    """How far sideways the lamp may stand: 0 in front, 1 at the side."""
    grain: tuple[float, float] = (1.0, 2.5)
    """Sensor noise: range of its standard deviation, in levels of 255."""
    blur_px: tuple[float, float] = (0.0, 0.5)
    """Range of the softness of the lens."""
    places: tuple[str, ...] = ("plain", "lights", "room", "street", "bricks", "shelf", "leaves")
    """Backgrounds that go with it."""
    backdrop: float = 1.0
    """Brightness of the background."""
    contrast: float = 1.0
    saturation: float = 1.0
    tint: Colour = (1.0, 1.0, 1.0)
    """Colour cast of the finished picture."""

    def light(self, rng: np.random.Generator) -> Light:
        """A light as this look is usually shot in."""
        turn = rng.uniform(-1, 1) * self.side * np.pi / 2
        height = rng.uniform(0.25, 0.75)
        lamp, around = rng.uniform(*self.lamp), rng.uniform(*self.around)
        lamp_colour = self.lamp_colours[rng.integers(len(self.lamp_colours))]
        around_colour = self.around_colours[rng.integers(len(self.around_colours))]
        floor = rng.uniform(0.45, 0.8)
        return Light(
            direction=(float(np.sin(turn)), float(-height), float(np.cos(turn))),
            lamp=scaled(lamp_colour, lamp),
            above=scaled(around_colour, around),
            below=scaled(around_colour, around * floor),
            hardness=float(rng.uniform(*self.hardness)),
            gloss=self.gloss,
        )


def in_style(colour: np.ndarray, style: Style) -> np.ndarray:
    """(..., 3) float32 linear reflectances as far as this look keeps them."""
    if style.albedo == 1:
        return colour
    own, matter = np.maximum(colour, 1e-3), np.array(style.matter, np.float32)
    return np.asarray(own ** np.float32(style.albedo) * matter ** np.float32(1 - style.albedo))


_WHITE, _WARM, _COLD, _SUN = (1.0, 1.0, 1.0), (0.72, 0.88, 1.0), (1.0, 0.93, 0.84), (0.86, 0.96, 1.0)

# fmt: off
_ALL = (
    Style(  # smooth, large soft lamps
        "studio", lamp=(0.75, 0.95), around=(0.32, 0.48), hardness=(0.15, 0.4), side=0.55, grain=(2.0, 4.0),
        places=("plain", "lights", "room", "shelf"),
    ),
    Style(  # sun from the side, skin with all its pores
        "street", lamp=(0.9, 1.3), around=(0.22, 0.36), lamp_colours=(_SUN, _WHITE), around_colours=(_COLD, _WHITE),
        hardness=(0.65, 1.0), side=0.8, texture=0.7, gloss=1.2, grain=(2.5, 4.5), blur_px=(0.0, 0.7), contrast=1.04,
        places=("street", "leaves", "bricks"),
    ),
    Style(  # the flat, tinted, noisy light of a screen and a ceiling
        "webcam", lamp=(0.3, 0.6), around=(0.6, 0.85), lamp_colours=(_COLD, _WARM, _WHITE),
        around_colours=(_COLD, _WARM), hardness=(0.1, 0.35), side=0.8, gloss=1.0, grain=(3.0, 5.5), blur_px=(0.3, 0.9),
        contrast=0.92, saturation=0.85, places=("room", "shelf", "plain", "bricks"), backdrop=0.85,
    ),
    Style(  # one warm lamp in a dark place
        "film", lamp=(0.9, 1.25), around=(0.10, 0.20), lamp_colours=((0.84, 0.94, 1.0), (0.76, 0.90, 1.0)),
        around_colours=((1.0, 0.95, 0.88), (1.0, 0.90, 0.85)), hardness=(0.35, 0.7), side=0.85, gloss=1.2,
        grain=(3.0, 5.0), blur_px=(0.2, 0.7), contrast=1.08, saturation=0.8, tint=(0.95, 0.99, 1.02),
        places=("lights", "room", "bricks", "street", "plain"), backdrop=0.5,
    ),
    Style(  # sculptures with painted eyes, brows and lips
        "clay", albedo=0.22, matter=(0.40, 0.46, 0.52), scatter=0.25, gloss=0.15, lamp=(0.7, 0.95), around=(0.3, 0.45),
        hardness=(0.3, 0.6), side=0.6, grain=(1.5, 3.0),
    ),
    Style(  # chalk on rough paper
        "pastel", albedo=0.8, matter=(0.55, 0.56, 0.60), scatter=0.5, gloss=0.3, chalk=True, lamp=(0.7, 0.95),
        around=(0.4, 0.55), around_colours=((1.0, 0.85, 0.88), (0.95, 0.92, 0.85)), hardness=(0.3, 0.6), side=0.6,
        grain=(1.0, 2.5),
    ),
)
# fmt: on

HELD_OUT_STYLE = "pastel"
"""Never trained on."""
STYLES = tuple(style.name for style in _ALL if style.name != HELD_OUT_STYLE)
"""The looks that may be trained on."""


def style_named(name: str) -> Style:
    """The look with this name."""
    for style in _ALL:
        if style.name == name:
            return style
    raise ValueError(f"unknown style {name!r}: must be one of {', '.join(s.name for s in _ALL)}")
