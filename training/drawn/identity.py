"""Who somebody is: everything about a drawn person that does not change from frame to frame."""

from dataclasses import dataclass
from typing import Literal

from training.drawn.colours import Colour

HELD_OUT_SEED_MIN = 1_000_000
"""People with this seed or a higher one are never trained on."""

HairStyle = Literal[
    "bald", "receding", "buzz", "short", "side part", "fringe", "curly", "afro", "bob", "long", "wavy", "tied"
]
Beard = Literal["none", "stubble", "moustache", "goatee", "beard"]
Glasses = Literal["none", "round", "square", "half"]
Clothes = Literal["t-shirt", "v-neck", "shirt", "jacket", "hoodie"]


@dataclass(frozen=True, slots=True)
class Shape:
    """The head, in mm: mostly deviations from an average one."""

    width: float
    """Factor on all widths of the skull."""
    length: float
    """Factor on the height of the face below the eyes."""
    cheekbone: float
    cheek: float
    """Fullness of the cheeks: negative is hollow."""
    jaw: float
    """Half width added at the angle of the jaw."""
    jaw_square: float
    chin_width: float
    chin_length: float
    chin_forward: float
    brow_ridge: float
    forehead: float
    """Height of the hairline above the average."""
    ears: float
    """How far the ears stand out."""
    nose_length: float
    nose_width: float
    nose_forward: float
    nose_bridge: float
    nose_tip: float
    """Rise (negative) or droop of the tip."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """Eyes and brows, in mm."""

    half_distance: float
    """From the middle of the face to the middle of an eye."""
    half_width: float
    opening: float
    """Factor on the height of the opening."""
    tilt: float
    """Rise of the outer corner per mm outwards."""
    crease: float
    """Height of the fold above the upper lid; 0 is a single lid."""
    iris: Colour
    lashes: float
    brow_height: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    brow_density: float
    brow_colour: Colour


@dataclass(frozen=True, slots=True)
class Mouth:
    """The closed, resting mouth, in mm."""

    half_width: float
    upper: float
    lower: float
    bow: float
    """Depth of the cupid's bow."""
    colour: Colour


@dataclass(frozen=True, slots=True)
class Hair:
    """Hair on the head and on the face."""

    style: HairStyle
    colour: Colour
    beard: Beard
    beard_colour: Colour


@dataclass(frozen=True, slots=True)
class Skin:
    """The look of the skin."""

    colour: Colour
    melanin: float
    redness: float
    freckles: float
    mottling: float
    shine: float
    wrinkles: float
    """0 (young) to 1 (old)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One person."""

    seed: int
    age_years: float
    masculine: float
    """0 to 1: how strongly the features of grown men show."""
    shape: Shape
    eyes: Eyes
    mouth: Mouth
    hair: Hair
    skin: Skin
    glasses: Glasses
    clothes: Clothes
    cloth_colour: Colour
    cloth_accent: Colour
