"""Colours of people: skin, lips, irises and hair, as reflectances (linear light, BGR, 0..1)."""

import numpy as np

SKIN_TONES_SRGB = np.array(
    [
        (245, 221, 207), (237, 205, 187), (226, 188, 163), (210, 168, 140),
        (188, 143, 115), (163, 118, 92), (134, 95, 74), (107, 75, 58), (86, 60, 48), (71, 50, 41),
    ]
)  # fmt: skip
"""RGB, from the fairest to the darkest."""

HAIR_SRGB = {
    "black": (28, 24, 24), "dark brown": (48, 34, 27), "brown": (78, 54, 38), "chestnut": (95, 58, 38),
    "auburn": (108, 58, 38), "ginger": (142, 84, 50), "dark blond": (134, 108, 76), "blond": (188, 160, 118),
    "grey": (140, 138, 136), "white": (208, 206, 202),
}  # fmt: skip

IRIS_SRGB = {
    "dark brown": (52, 32, 20), "brown": (88, 56, 32), "hazel": (122, 92, 52), "green": (104, 120, 80),
    "grey": (118, 128, 134), "blue": (92, 128, 160),
}  # fmt: skip

CLOTH_SRGB = (
    (38, 44, 60), (70, 78, 92), (176, 180, 184), (226, 226, 222), (30, 30, 32), (120, 40, 46), (52, 88, 74),
    (64, 96, 140), (196, 170, 120), (150, 100, 76), (108, 74, 110), (206, 120, 92), (88, 110, 60), (222, 190, 190),
)  # fmt: skip

TROUSERS_SRGB = ((34, 40, 58), (48, 48, 52), (70, 72, 78), (112, 98, 78), (60, 52, 44), (28, 28, 30), (72, 88, 116))

Colour = tuple[float, float, float]


def reflectance(rgb: tuple[float, float, float] | np.ndarray) -> Colour:
    """sRGB 0..255 to linear BGR 0..1, with the square as the gamma curve (the renderer uses its inverse, a root)."""
    red, green, blue = (float(c) / 255 for c in rgb)
    return (blue * blue, green * green, red * red)


def skin_reflectance(melanin: float, warmth: float) -> Colour:
    """Skin between the fairest (0) and the darkest (1); `warmth` in [-1, 1] goes from rosy to golden."""
    place = np.clip(melanin, 0, 1) * (len(SKIN_TONES_SRGB) - 1)
    rgb = np.array([np.interp(place, range(len(SKIN_TONES_SRGB)), SKIN_TONES_SRGB[:, c]) for c in range(3)])
    return reflectance(rgb * (1 + warmth * np.array([0.0, 0.025, -0.035])))


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with `share` of it replaced by `b`."""
    blue, green, red = (x + (y - x) * share for x, y in zip(a, b, strict=True))
    return (blue, green, red)


def scaled(colour: Colour, by: float) -> Colour:
    """`colour` brighter or darker by this factor."""
    return (colour[0] * by, colour[1] * by, colour[2] * by)
