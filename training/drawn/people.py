"""Drawing people from seeds: features as they vary and as they go together in mankind."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar, get_args

import numpy as np

from training.drawn.colours import CLOTH_SRGB, HAIR_SRGB, IRIS_SRGB, Colour, mix, reflectance, scaled, skin_reflectance
from training.drawn.identity import (
    Beard,
    Clothes,
    Eyes,
    Glasses,
    Hair,
    HairStyle,
    Identity,
    Mouth,
    Shape,
    Skin,
)

T = TypeVar("T")
_DARK = ("black", "black", "dark brown")
_FAIR = ("dark brown", "brown", "brown", "chestnut", "auburn", "ginger", "dark blond", "blond")
_MALE_HAIR: dict[HairStyle, float] = {
    "bald": 0.08, "receding": 0.05, "buzz": 0.14, "short": 0.3, "side part": 0.2, "fringe": 0.08, "curly": 0.1,
    "afro": 0.12, "wavy": 0.03,
}  # fmt: skip
_FEMALE_HAIR: dict[HairStyle, float] = {
    "buzz": 0.02, "short": 0.07, "side part": 0.04, "fringe": 0.1, "curly": 0.12, "afro": 0.16, "bob": 0.16,
    "long": 0.22, "wavy": 0.16, "tied": 0.16,
}  # fmt: skip
_BEARDS: dict[Beard, float] = {"none": 0.42, "stubble": 0.24, "moustache": 0.07, "goatee": 0.09, "beard": 0.18}
"""How common each is; weights of hair styles need not sum to 1."""
_LIPSTICKS_SRGB = ((168, 44, 56), (186, 86, 92), (150, 60, 84), (196, 100, 88))
_BLOOD_SRGB = (176, 84, 84)
_GLASSES: tuple[Glasses, ...] = ("round", "square", "half")


@lru_cache(maxsize=256)
def make_identity(seed: int) -> Identity:
    """The person with this seed; always the same one."""
    rng = np.random.default_rng([seed, 0x1D])
    age = float(np.clip(rng.gamma(5.0, 8.0), 17, 82))
    male = rng.random() < 0.5
    masculine = float(np.clip(rng.normal(0.85 if male else 0.12, 0.12), 0, 1))
    melanin = float(rng.uniform(0.02, 1.0))
    hair = _hair(rng, male, age, melanin)
    skin = _skin(rng, age, melanin)
    return Identity(
        seed=seed,
        age_years=age,
        masculine=masculine,
        shape=_shape(rng, masculine, melanin),
        eyes=_eyes(rng, masculine, melanin, hair.colour, age),
        mouth=_mouth(rng, masculine, skin, made_up=not male and rng.random() < 0.45),
        hair=hair,
        skin=skin,
        glasses=_pick(rng, _GLASSES) if rng.random() < 0.15 + 0.003 * age else "none",
        clothes=_pick(rng, get_args(Clothes)),
        cloth_colour=reflectance(np.clip(np.array(_pick(rng, CLOTH_SRGB)) * rng.uniform(0.8, 1.1), 12, 240)),
        cloth_accent=reflectance(_pick(rng, CLOTH_SRGB)),
    )


def _pick(rng: np.random.Generator, options: Sequence[T], odds: np.ndarray | None = None) -> T:
    """One of `options`, all alike or by `odds` that sum to 1."""
    return options[int(rng.choice(len(options), p=odds))]


def _shape(rng: np.random.Generator, masculine: float, melanin: float) -> Shape:
    def around(mean: float, spread: float) -> float:
        return float(mean + spread * np.clip(rng.standard_normal(), -2, 2))

    broad_nose = float(np.clip(rng.normal(0.25 + 0.5 * melanin, 0.22), 0, 1))
    return Shape(
        width=around(0.985 + 0.03 * masculine, 0.032),
        length=around(0.975 + 0.05 * masculine, 0.03),
        cheekbone=around(0.5, 1.4),
        cheek=around(0.3 - 0.6 * masculine, 1.6),
        jaw=around(-2.5 + 6 * masculine, 2.4),
        jaw_square=float(np.clip(rng.normal(0.15 + 0.6 * masculine, 0.25), 0, 1)),
        chin_width=around(-2 + 4 * masculine, 2.5),
        chin_length=around(0, 2.0),
        chin_forward=around(0.5, 2.0),
        brow_ridge=around(0.6 + 3.0 * masculine, 0.8),
        forehead=around(0, 4.0),
        ears=around(0, 2.0),
        nose_length=around(0, 2.4),
        nose_width=around(-1.5 + 5 * broad_nose + 1.2 * masculine, 0.9),
        nose_forward=around(1.5 - 3.5 * broad_nose + 2 * masculine, 1.6),
        nose_bridge=around(0.5 - 2.5 * broad_nose + 1.5 * masculine, 1.2),
        nose_tip=around(-0.5 + 1.0 * masculine, 1.4),
    )


def _eyes(rng: np.random.Generator, masculine: float, melanin: float, hair: Colour, age: float) -> Eyes:
    single_lid = rng.random() < 0.18
    dark = rng.random() < 0.15 + 1.5 * melanin
    iris = _pick(rng, ("dark brown", "brown") if dark else ("brown", "hazel", "green", "grey", "blue", "blue"))
    brow = mix(mix(hair, reflectance(HAIR_SRGB["dark brown"]), 0.7), hair, float(age > 60))
    return Eyes(
        half_distance=float(rng.normal(31.5 + 0.8 * masculine, 1.1)),
        half_width=float(rng.normal(14.8, 0.6)),
        opening=float(
            np.clip(rng.normal(1.04 - 0.12 * masculine - 0.12 * single_lid - 0.002 * (age - 35), 0.07), 0.8, 1.25)
        ),
        tilt=float(rng.normal(0.05 + 0.09 * single_lid, 0.045)),
        crease=0.0 if single_lid else float(np.clip(rng.normal(4.6 - 1.6 * masculine, 0.8), 1.8, 6.5)),
        iris=reflectance(IRIS_SRGB[iris]),
        lashes=float(np.clip(rng.normal(1.0 - 0.55 * masculine, 0.15), 0.2, 1.3)),
        brow_height=float(rng.normal(22.5 - 3.0 * masculine, 1.5)),
        brow_thickness=float(np.clip(rng.normal(7.0 + 2.8 * masculine, 1.1), 4.8, 12)),
        brow_arch=float(np.clip(rng.normal(3.2 - 1.6 * masculine, 1.2), 0.2, 6)),
        brow_tilt=float(rng.normal(0.02, 0.05)),
        brow_density=float(np.clip(rng.normal(0.9, 0.08), 0.65, 1)),
        brow_colour=brow,
    )


def _mouth(rng: np.random.Generator, masculine: float, skin: Skin, made_up: bool) -> Mouth:
    full = float(np.clip(rng.normal(0.35 + 0.4 * skin.melanin - 0.15 * masculine, 0.22), 0, 1))
    natural = mix(scaled(skin.colour, 0.62 - 0.08 * skin.melanin), reflectance(_BLOOD_SRGB), 0.45 - 0.2 * skin.melanin)
    stick = reflectance(_pick(rng, _LIPSTICKS_SRGB))
    return Mouth(
        half_width=float(rng.normal(25.2 + 1.2 * masculine, 1.6)),
        upper=float(5.2 + 4.6 * full + rng.normal(0, 0.4)),
        lower=float(7.2 + 5.0 * full + rng.normal(0, 0.5)),
        bow=float(np.clip(rng.normal(1.6, 0.6), 0.3, 3)),
        colour=mix(natural, stick, float(rng.uniform(0.35, 0.8))) if made_up else natural,
    )


def _hair(rng: np.random.Generator, male: bool, age: float, melanin: float) -> Hair:
    dark = melanin > 0.5 or rng.random() < 0.3
    rgb = np.array(HAIR_SRGB[_pick(rng, _DARK if dark else _FAIR)]) * rng.uniform(0.8, 1.2)
    colour = reflectance(np.clip(rgb, 8, 235))
    grey = float(np.clip((age - 42) / 30 + rng.normal(0, 0.25), 0, 1)) if male or rng.random() < 0.5 else 0.0
    colour = mix(colour, reflectance(HAIR_SRGB[_pick(rng, ("grey", "white"))]), 0.9 * grey)
    beard: Beard = "none"
    weights = dict(_MALE_HAIR if male else _FEMALE_HAIR)
    if melanin < 0.5:
        weights["afro"] = 0.0
    if male:
        thinning = float(np.clip((age - 30) / 60, 0, 0.5))
        weights["bald"] += thinning
        weights["receding"] += thinning
        beard = _pick(rng, tuple(_BEARDS), np.array(list(_BEARDS.values())))
    odds = np.array(list(weights.values()))
    style = _pick(rng, tuple(weights), odds / odds.sum())
    return Hair(style, colour, beard, mix(colour, reflectance(HAIR_SRGB["grey"]), 0.3 * grey))


def _skin(rng: np.random.Generator, age: float, melanin: float) -> Skin:
    return Skin(
        colour=skin_reflectance(melanin, float(rng.uniform(-1, 1))),
        melanin=melanin,
        redness=float(rng.uniform(0.3, 1.2) * (1 - 0.5 * melanin)),
        freckles=float(max(rng.uniform(-2.5, 1.0), 0) * (1 - melanin)),
        mottling=float(rng.uniform(0.5, 1.3)),
        shine=float(rng.uniform(0.4, 1.3)),
        wrinkles=float(np.clip((age - 28) / 45 + rng.normal(0, 0.1), 0, 1)),
    )
