"""Pictures without any face, full of what detectors take for one: round things, letters, patterns, bare skin."""

from collections.abc import Callable

import cv2
import numpy as np

from training.drawn.backgrounds import BACKGROUNDS, paint_background
from training.drawn.colours import SKIN_TONES_SRGB
from training.drawn.noise import smooth_noise, smoothstep
from training.drawn.tone import to_uint8

Painter = Callable[[np.random.Generator, np.ndarray], None]
"""Draws over an (H, W, 3) uint8 picture in place."""

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
)  # fmt: skip
_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789&%@#!?"


def clutter(seed: int, size_px: tuple[int, int] = (416, 416), *, grey: bool = False) -> np.ndarray:
    """(H, W, 3) uint8 BGR, or (H, W) if `grey`: a place from the seed with one to three kinds of clutter in it."""
    rng = np.random.default_rng([seed, 0xC1])
    image = paint_background(rng, size_px, list(BACKGROUNDS)[rng.integers(len(BACKGROUNDS))])
    painters = tuple(CLUTTER.values())
    for index in rng.choice(len(painters), int(rng.integers(1, 4)), replace=False):
        painters[index](rng, image)
    noise = rng.normal(0, rng.uniform(0, 7), image.shape[:2])[..., None]
    image = to_uint8(image + noise)
    if rng.random() < 0.4:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.6))
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if grey else image


def _any_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    blue, green, red = (float(c) for c in rng.uniform(5, 250, 3))
    return blue, green, red


def _skin_colour(rng: np.random.Generator) -> tuple[float, float, float]:
    red, green, blue = SKIN_TONES_SRGB[rng.integers(len(SKIN_TONES_SRGB))]
    return float(blue), float(green), float(red)


def _spot(rng: np.random.Generator, image: np.ndarray) -> tuple[tuple[int, int], int]:
    """A place, and a size from a thirtieth to a third of the picture."""
    height, width = image.shape[:2]
    size = int(min(height, width) * np.exp(rng.uniform(np.log(0.03), np.log(0.33)))) + 4
    return (int(rng.uniform(0, width)), int(rng.uniform(0, height))), size


def _text(rng: np.random.Generator, image: np.ndarray) -> None:
    """Words in many fonts, sizes and colours."""
    for _ in range(int(rng.integers(2, 9))):
        word = "".join(rng.choice(list(_SIGNS), int(rng.integers(1, 12))))
        (x, y), size = _spot(rng, image)
        scale = size / 40
        thick = max(1, int(scale * rng.uniform(1, 5)))
        cv2.putText(image, word, (x - size, y), int(rng.choice(_FONTS)), scale, _any_colour(rng), thick, cv2.LINE_AA)


def _logo(rng: np.random.Generator, image: np.ndarray) -> None:
    """A letter or a sign in a disc, a ring or a box."""
    for _ in range(int(rng.integers(1, 5))):
        (x, y), size = _spot(rng, image)
        if rng.random() < 0.6:
            cv2.circle(image, (x, y), size, _any_colour(rng), -1, cv2.LINE_AA)
            cv2.circle(image, (x, y), int(size * 0.9), _any_colour(rng), max(1, size // 12), cv2.LINE_AA)
        else:
            cv2.rectangle(image, (x - size, y - size), (x + size, y + size), _any_colour(rng), -1)
        sign = str(rng.choice(list(_SIGNS)))
        scale = size / 18
        (w, h), _ = cv2.getTextSize(sign, cv2.FONT_HERSHEY_DUPLEX, scale, 2)
        cv2.putText(
            image,
            sign,
            (x - w // 2, y + h // 2),
            cv2.FONT_HERSHEY_DUPLEX,
            scale,
            _any_colour(rng),
            max(1, int(scale * 3)),
            cv2.LINE_AA,
        )


def _ellipses(rng: np.random.Generator, image: np.ndarray) -> None:
    """Shaded round things: balls, balloons, plates, fruit."""
    for _ in range(int(rng.integers(2, 8))):
        (x, y), size = _spot(rng, image)
        colour = np.array(_skin_colour(rng) if rng.random() < 0.4 else _any_colour(rng))
        _shaded_ellipse(rng, image, (x, y), (size, size * rng.uniform(0.6, 1.5)), colour)


def _shaded_ellipse(
    rng: np.random.Generator, image: np.ndarray, centre: tuple[int, int], axes: tuple[float, float], colour: np.ndarray
) -> None:
    height, width = image.shape[:2]
    reach = int(max(axes)) + 2
    x0, y0, x1, y1 = (
        max(centre[0] - reach, 0),
        max(centre[1] - reach, 0),
        min(centre[0] + reach, width),
        min(centre[1] + reach, height),
    )
    if x1 <= x0 or y1 <= y0:
        return
    rows, columns = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    u, v = (columns - centre[0]) / axes[0], (rows - centre[1]) / axes[1]
    z = np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    lamp = rng.normal((0, -0.4, 0.8), 0.5)
    lamp /= np.linalg.norm(lamp)
    light = 0.35 + 0.75 * np.clip(u * lamp[0] + v * lamp[1] + z * lamp[2], 0, 1)
    light += rng.uniform(0, 0.10) * smooth_noise(rng, rows.shape, max(axes[0] / 14, 1.5))
    cover = smoothstep(1.0, 1 - 2 / min(axes), np.hypot(u, v))[..., None]
    part = image[y0:y1, x0:x1]
    part[...] = to_uint8(part + (light[..., None] * colour - part) * cover)


def _clouds(rng: np.random.Generator, image: np.ndarray) -> None:
    """Soft blotches of light and dark over everything."""
    noise = smooth_noise(rng, image.shape[:2], min(image.shape[:2]) * rng.uniform(0.05, 0.4), 4)
    tone = np.array(_any_colour(rng))
    cover = smoothstep(-0.4, 1.2, noise)[..., None] * rng.uniform(0.4, 0.9)
    image[...] = to_uint8(image + (tone - image) * cover)


def _stripes(rng: np.random.Generator, image: np.ndarray) -> None:
    """Bars, blinds, fences."""
    height, width = image.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    across = columns * np.cos(turn) + rows * np.sin(turn)
    wave = np.cos(2 * np.pi * across / (min(height, width) * rng.uniform(0.02, 0.2)))
    cover = smoothstep(-0.1, 0.1, wave - rng.uniform(-0.6, 0.6))[..., None] * rng.uniform(0.5, 1)
    image[...] = to_uint8(image + (np.array(_any_colour(rng)) - image) * cover)


def _wheels(rng: np.random.Generator, image: np.ndarray) -> None:
    """Wheels with spokes and clocks with hands."""
    for _ in range(int(rng.integers(1, 5))):
        centre, size = _spot(rng, image)
        rim, hub = _any_colour(rng), _any_colour(rng)
        cv2.circle(image, centre, size, hub, -1, cv2.LINE_AA)
        cv2.circle(image, centre, size, rim, max(1, size // 7), cv2.LINE_AA)
        is_clock = rng.random() < 0.5
        count = 12 if is_clock else int(rng.integers(5, 24))
        for angle in np.arange(count) * 2 * np.pi / count + (0 if is_clock else rng.uniform(0, 1)):
            towards = np.array([np.cos(angle), np.sin(angle)]) * size
            inner = np.array(centre) + towards * (0.75 if is_clock else 0.0)
            outer = np.array(centre) + towards * 0.9
            cv2.line(image, _whole(inner), _whole(outer), rim, max(1, size // 16), cv2.LINE_AA)
        if is_clock:
            for angle, reach in zip(rng.uniform(0, 2 * np.pi, 2), (0.5, 0.75), strict=True):
                hand = np.array(centre) + np.array([np.cos(angle), np.sin(angle)]) * size * reach
                cv2.line(image, centre, _whole(hand), rim, max(1, size // 14), cv2.LINE_AA)


def _whole(point: np.ndarray) -> tuple[int, int]:
    return int(point[0]), int(point[1])


def _hands(rng: np.random.Generator, image: np.ndarray) -> None:
    """Arms and hands: bent limbs of skin that end in fingers."""
    for _ in range(int(rng.integers(1, 4))):
        (x, y), size = _spot(rng, image)
        colour = np.array(_skin_colour(rng)) * rng.uniform(0.5, 1.0)
        height, width = image.shape[:2]
        cover = np.zeros((height, width), np.uint8)
        turn = rng.uniform(0, 2 * np.pi)
        wrist = np.array([x, y]) - size * 2.2 * np.array([np.cos(turn), np.sin(turn)])
        elbow = wrist - size * 3 * np.array([np.cos(turn + 0.5), np.sin(turn + 0.5)])
        cv2.line(cover, _whole(elbow), _whole(wrist), 255, int(size * 0.9), cv2.LINE_AA)
        cv2.line(cover, _whole(wrist), (x, y), 255, int(size * 1.1), cv2.LINE_AA)
        for finger in range(5):
            angle = turn + (finger - 2) * rng.uniform(0.15, 0.35)
            tip = np.array([x, y]) + size * rng.uniform(0.9, 1.6) * np.array([np.cos(angle), np.sin(angle)])
            cv2.line(cover, (x, y), _whole(tip), 255, max(2, int(size * 0.28)), cv2.LINE_AA)
        round_ = cv2.GaussianBlur(cover, (0, 0), max(size * 0.18, 0.8)).astype(np.float32) / 255
        light = 0.35 + 0.75 * round_ + 0.05 * smooth_noise(rng, (height, width), max(size / 2, 2))
        mask = cover[..., None] / np.float32(255)
        image[...] = to_uint8(image + (light[..., None] * colour - image) * mask)


def _skin_blobs(rng: np.random.Generator, image: np.ndarray) -> None:
    """Bare shoulders, knees, backs: large smooth shapes in the colours of skin, without features."""
    height, width = image.shape[:2]
    noise = smooth_noise(rng, (height, width), min(height, width) * rng.uniform(0.15, 0.4))
    cover = smoothstep(0.2, 0.35, noise)[..., None]
    slope = cv2.GaussianBlur(cv2.Sobel(noise, cv2.CV_32F, 1, 1, ksize=5), (0, 0), 5)
    light = np.clip(0.8 + 0.12 * noise + 0.3 * slope / max(float(np.abs(slope).max()), 1e-3), 0.2, 1.2)
    image[...] = to_uint8(image + (light[..., None] * np.array(_skin_colour(rng)) - image) * cover)


def _cloth(rng: np.random.Generator, image: np.ndarray) -> None:
    """Checked or dotted cloth in folds."""
    height, width = image.shape[:2]
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    fold = smooth_noise(rng, (height, width), min(height, width) / 4, 2) * min(height, width) * 0.03
    pitch = min(height, width) * rng.uniform(0.03, 0.12)
    u, v = np.cos(2 * np.pi * (columns + fold) / pitch), np.cos(2 * np.pi * (rows + fold) / pitch)
    pattern = smoothstep(0.2, 0.5, u * v if rng.random() < 0.5 else np.maximum(u, v))
    light = 1 + 0.25 * smooth_noise(rng, (height, width), min(height, width) / 6, 3)
    one, two = np.array(_any_colour(rng)), np.array(_any_colour(rng))
    cloth = (one + (two - one) * pattern[..., None]) * light[..., None]
    cover = smoothstep(-0.1, 0.1, smooth_noise(rng, (height, width), min(height, width) / 2) + 0.3)[..., None]
    image[...] = to_uint8(image + (cloth - image) * cover)


CLUTTER: dict[str, Painter] = {
    "text": _text,
    "logo": _logo,
    "ellipses": _ellipses,
    "clouds": _clouds,
    "stripes": _stripes,
    "wheels": _wheels,
    "hands": _hands,
    "skin": _skin_blobs,
    "cloth": _cloth,
}
