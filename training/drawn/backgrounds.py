"""Places with nobody in them: walls, rooms, streets, lights out of focus, bricks, shelves, leaves."""

from collections.abc import Callable

import cv2
import numpy as np

from training.drawn.noise import smooth_noise, smoothstep
from training.drawn.tone import to_uint8

Painter = Callable[[np.random.Generator, int, int], np.ndarray]
"""(rng, height, width) -> (H, W, 3) float32 BGR, 0..255."""


def paint_background(
    rng: np.random.Generator, size_px: tuple[int, int], kind: str, brightness: float = 1.0
) -> np.ndarray:
    """(H, W, 3) uint8 BGR of a random place of this kind, one of BACKGROUNDS."""
    width, height = size_px
    if kind not in BACKGROUNDS:
        raise ValueError(f"unknown background {kind!r}: must be one of {', '.join(BACKGROUNDS)}")
    sharp = BACKGROUNDS[kind](rng, height, width) * np.float32(brightness)
    out_of_focus = max(rng.uniform(0.001, 0.012) * height, 0.3)
    return to_uint8(np.asarray(cv2.GaussianBlur(sharp, (0, 0), out_of_focus)))


def _colour(rng: np.random.Generator, low: float = 40, high: float = 200, vivid: float = 0.25) -> np.ndarray:
    """(3,) BGR of moderate saturation."""
    grey = rng.uniform(low, high)
    return np.asarray(np.clip(grey * (1 + vivid * rng.standard_normal(3)), 5, 245), np.float32)


def _bgr(colour: np.ndarray) -> tuple[float, float, float]:
    """For OpenCV, which draws with tuples."""
    blue, green, red = colour.tolist()
    return blue, green, red


def _plain(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A studio backdrop: a colour that falls off from a bright spot."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    cx, cy = width * rng.uniform(0.2, 0.8), height * rng.uniform(0.1, 0.7)
    distance = np.hypot(columns - cx, rows - cy) / np.hypot(width, height)
    fall = 1.15 - rng.uniform(0.5, 1.1) * distance + 0.03 * smooth_noise(rng, (height, width), height / 5)
    return np.asarray(fall[..., None] * _colour(rng, 40, 200, 0.15), np.float32)


def _lights(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Evening lights far out of focus."""
    image = _plain(rng, height, width) * 0.4
    for _ in range(int(rng.integers(15, 45))):
        centre = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        radius = int(height * rng.uniform(0.015, 0.07))
        disc = image.copy()
        cv2.circle(disc, centre, radius, _bgr(_colour(rng, 120, 240, 0.35)), -1, cv2.LINE_AA)
        image += np.float32(rng.uniform(0.2, 0.7)) * (disc - image)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(height * 0.004, 0.5)))


def _room(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A wall and a floor, a window or pictures, a lamp, a plant, furniture."""
    wall, floor = _colour(rng, 110, 215, 0.10), _colour(rng, 50, 130, 0.2)
    image = np.empty((height, width, 3), np.float32)
    image[:] = wall
    edge = int(height * rng.uniform(0.72, 0.9))
    image[edge:] = floor
    cv2.rectangle(image, (0, edge - height // 60), (width, edge), _bgr(wall * 0.75), -1)
    for _ in range(int(rng.integers(2, 5))):
        w, h = int(width * rng.uniform(0.08, 0.25)), int(height * rng.uniform(0.15, 0.4))
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0.05, 0.4) * height)
        _framed(rng, image, x, y, w, h)
    for _ in range(int(rng.integers(1, 4))):
        w, h = int(width * rng.uniform(0.1, 0.3)), int(height * rng.uniform(0.2, 0.5))
        x, y = int(rng.uniform(-0.1, 1) * width), height - int(h * rng.uniform(0.6, 1.0))
        cv2.rectangle(image, (x, y), (x + w, height), _bgr(_colour(rng, 40, 140, 0.25)), -1)
        cv2.rectangle(image, (x, y), (x + w, y + h // 14), _bgr(_colour(rng, 60, 170, 0.2)), -1)
    light = 1 + 0.12 * smooth_noise(rng, (height, width), height / 2) + 0.015 * smooth_noise(rng, (height, width), 3)
    rows = np.linspace(1.05, 0.85, height, dtype=np.float32)[:, None]
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(height / 400, 0.5)) * (light * rows)[..., None], np.float32)


def _framed(rng: np.random.Generator, image: np.ndarray, x: int, y: int, w: int, h: int) -> None:
    """A picture or a window with a view of blurred shapes."""
    part = image[max(y, 0) : y + h, max(x, 0) : x + w]
    if min(part.shape[:2]) < 8:
        return
    view = smooth_noise(rng, part.shape[:2], max(w / 4, 2), 2)[..., None] * 25 + _colour(rng, 60, 225, 0.12)
    part[...] = np.clip(view, 0, 255)
    cv2.rectangle(image, (x, y), (x + w, y + h), _bgr(_colour(rng, 20, 220, 0.1)), max(2, h // 18), cv2.LINE_AA)
    if rng.random() < 0.5:
        cv2.line(image, (x + w // 2, y), (x + w // 2, y + h), (230.0, 230.0, 230.0), max(1, h // 30))


def _street(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Sky, houses with rows of windows, a pavement."""
    image = np.empty((height, width, 3), np.float32)
    image[:] = np.linspace(1.0, 0.8, height, dtype=np.float32)[:, None, None] * np.array([225, 210, 190], np.float32)
    ground = int(height * rng.uniform(0.62, 0.8))
    x = -int(rng.uniform(0, 0.1) * width)
    while x < width:
        w = int(width * rng.uniform(0.12, 0.3))
        top = int(height * rng.uniform(-0.1, 0.3))
        house = _colour(rng, 70, 180, 0.07)
        cv2.rectangle(image, (x, top), (x + w, ground), _bgr(house), -1)
        pane = _bgr(_colour(rng, 25, 110, 0.1))
        pitch_x, pitch_y = w / rng.integers(2, 6), height * rng.uniform(0.09, 0.15)
        for wx in np.arange(x + 0.25 * pitch_x, x + w - 0.4 * pitch_x, pitch_x):
            for wy in np.arange(top + 0.3 * pitch_y, ground - 0.8 * pitch_y, pitch_y):
                cv2.rectangle(image, (int(wx), int(wy)), (int(wx + 0.5 * pitch_x), int(wy + 0.6 * pitch_y)), pane, -1)
        x += w
    image[ground:] = _colour(rng, 80, 150, 0.06)
    shade = 1 + 0.10 * smooth_noise(rng, (height, width), height / 6, 3) + 0.03 * smooth_noise(rng, (height, width), 2)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(height / 300, 0.6)) * shade[..., None], np.float32)


def _bricks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A brick wall."""
    h = max(6, int(height * rng.uniform(0.03, 0.06)))
    w = int(h * rng.uniform(2.2, 3.2))
    rows, columns = np.mgrid[0:height, 0:width]
    course = rows // h
    along = columns + (course % 2) * (w // 2)
    tone = rng.normal(1, 0.12, (height // h + 2, width // w + 3)).astype(np.float32)
    mortar = np.minimum(np.minimum(rows % h, h - 1 - rows % h), np.minimum(along % w, w - 1 - along % w)) < max(
        1, h // 14
    )
    stone = _colour(rng, 90, 150, 0.05) * np.array([0.6, 0.75, 1.15], np.float32)
    image = tone[course, along // w][..., None] * stone
    image[mortar] = _colour(rng, 130, 190, 0.05)
    rough = 1 + 0.08 * smooth_noise(rng, (height, width), 3, 2) + 0.12 * smooth_noise(rng, (height, width), height / 3)
    return np.asarray(image * rough[..., None], np.float32)


def _shelf(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Shelves full of books."""
    image = np.full((height, width, 3), 30.0, np.float32)
    wood = _bgr(_colour(rng, 60, 150, 0.05) * np.array([0.6, 0.8, 1.1]))
    board = int(height * rng.uniform(0.2, 0.33))
    for bottom in range(board, height + board, board):
        x = 0
        while x < width:
            w = int(board * rng.uniform(0.06, 0.22)) + 2
            h = int(board * rng.uniform(0.6, 0.9))
            if rng.random() < 0.9:
                spine = _colour(rng, 35, 170, 0.25)
                cv2.rectangle(image, (x, bottom - h), (x + w - 2, bottom), _bgr(spine), -1)
                band = bottom - int(h * rng.uniform(0.3, 0.8))
                cv2.rectangle(
                    image,
                    (x, band),
                    (x + w - 2, band + h // 12),
                    _bgr(np.clip(spine * 1.6, 0, 255)),
                    -1,
                )
            x += w
        cv2.rectangle(image, (0, bottom), (width, bottom + board // 14 + 1), wood, -1)
    return image * (1 + 0.1 * smooth_noise(rng, (height, width), height / 3))[..., None]


def _leaves(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Trees and sky between them."""
    shape = (height, width)
    green = np.array([58, 98, 80], np.float32) * rng.uniform(0.6, 1.2)
    depth = smooth_noise(rng, shape, height / 7, 5)
    sky = smoothstep(0.9, 1.5, depth - np.linspace(-0.6, 0.8, height, dtype=np.float32)[:, None])
    leaves = np.clip(1 + 0.35 * depth + 0.25 * smooth_noise(rng, shape, 5, 2), 0.15, 2.2)
    image = leaves[..., None] * green
    image += (np.array([225, 215, 205], np.float32) - image) * sky[..., None]
    return cv2.GaussianBlur(image, (0, 0), max(height / 200, 0.6))


BACKGROUNDS: dict[str, Painter] = {
    "plain": _plain,
    "lights": _lights,
    "room": _room,
    "street": _street,
    "bricks": _bricks,
    "shelf": _shelf,
    "leaves": _leaves,
}
