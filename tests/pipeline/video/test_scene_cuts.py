"""Cuts and camera motion between pictures of generated scenes."""

import cv2
import numpy as np
import pytest

from pipeline.types import Frame, Picture
from pipeline.video.scene_cuts import FLASH_FRAMES_MAX, SceneCuts, for_comparison
from tests.pipeline.faces.test_analyzer import frame

WIDTH, HEIGHT = 320, 180


def place(seed, width=2 * WIDTH, height=2 * HEIGHT):
    """A place with shapes of many sizes, larger than a picture of it."""
    rng = np.random.default_rng(seed)
    image = np.full((height, width), rng.integers(60, 160), np.uint8)
    for _ in range(160):
        at = (int(rng.integers(0, width)), int(rng.integers(0, height)))
        size = int(60 * rng.random() ** 2) + 3
        level = int(rng.integers(0, 256))
        if rng.random() < 0.5:
            cv2.circle(image, at, size, level, -1)
        else:
            end = (at[0] + int(rng.integers(5, 90)), at[1] + int(rng.integers(5, 90)))
            cv2.rectangle(image, at, end, level, -1)
    return image


def view(image, x=0.5, y=0.5, zoom=1.0, turn_deg=0.0):
    """The picture that a camera takes; x and y of its centre are shares of the picture's width and height."""
    angle, height, width = np.deg2rad(turn_deg), *image.shape
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    centre = width / 2 + (x - 0.5) * WIDTH, height / 2 + (y - 0.5) * HEIGHT
    shift = WIDTH / 2 - cos * centre[0] + sin * centre[1], HEIGHT / 2 - sin * centre[0] - cos * centre[1]
    return cv2.warpAffine(image, np.float32([[cos, -sin, shift[0]], [sin, cos, shift[1]]]), (WIDTH, HEIGHT))


def noisy(images, seed=0):
    rng = np.random.default_rng(seed)
    return [np.clip(image + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8) for image in images]


def looked_at(images):
    half = np.zeros((1, 1), np.uint8)
    cuts = SceneCuts()
    return [cuts.look(Picture(np.ascontiguousarray(image), half, half, True, "bt601")) for image in images]


def cuts(images):
    return [i for i, seen in enumerate(looked_at(noisy(images))) if seen.opens_scene]


@pytest.mark.parametrize("share", [0.02, 0.08, 0.15])
@pytest.mark.parametrize("direction", [(1, 0), (-1, 0), (0, 1), (0.7, 0.7)], ids=["right", "left", "down", "aslant"])
def test_a_camera_that_pans_or_tilts_by_up_to_15_percent_of_the_width_makes_no_cut(share, direction):
    for seed in range(6):
        start = [0.5 - 1.5 * share * d for d in direction]
        steps = [(start[0] + k * share * direction[0], start[1] + k * share * direction[1] * 16 / 9) for k in range(4)]
        assert cuts([view(place(seed), x, y) for x, y in steps]) == []


def test_the_motion_of_a_panning_camera_is_measured():
    image = place(3)
    seen = looked_at(noisy([view(image, 0.3 + 0.1 * k, 0.5 - 0.05 * k) for k in range(5)]))
    assert np.array([s.motion for s in seen[1:]]) == pytest.approx(np.tile([-0.1, 0.05], (4, 1)), abs=0.006)
    assert seen[0].motion == (0, 0)


@pytest.mark.parametrize(
    "images",
    [
        lambda p: [view(p, zoom=1.1**k) for k in range(5)],
        lambda p: [view(p, 0.5 + 0.06 * (-1) ** k, 0.5 + 0.04 * (k % 3), turn_deg=2 * (-1) ** k) for k in range(6)],
        lambda p: [view(p), view(p) * 0.4 + 20, view(p)],
        lambda p: [view(p), view(p) * 1.8 + 40, view(p) * 1.5 + 20, view(p)],
        lambda p: [view(p), np.full((HEIGHT, WIDTH), 255), np.full((HEIGHT, WIDTH), 250), view(p, 0.52)],
        lambda p: [view(p), np.full((HEIGHT, WIDTH), 2), view(p)],
        lambda p: [view(p), cv2.resize(view(p), (WIDTH // 4, HEIGHT // 4)), cv2.resize(view(p), (2 * WIDTH, HEIGHT))],
    ],
    ids=["zoom", "shake", "lamp", "flash", "white-out", "drop-out", "size"],
)
def test_zooms_shakes_light_and_size_make_no_cut(images):
    for seed in range(6):
        assert cuts(images(place(seed))) == []


def test_something_that_passes_in_front_makes_no_cut():
    for seed in range(6):
        before, other = view(place(seed)), view(place(seed + 100))
        hidden = [before]
        for left in range(0, WIDTH, 60):
            image = before.copy()
            image[:, left : left + WIDTH // 3] = other[:, left : left + WIDTH // 3]
            hidden.append(image)
        assert cuts(hidden) == []


def test_tiles_that_change_places_make_no_cut():
    tiles = [cv2.resize(view(place(seed)), (WIDTH // 3, HEIGHT // 3)) for seed in range(9)]

    def call(order):
        return np.vstack([np.hstack([tiles[k] for k in order[row : row + 3]]) for row in (0, 3, 6)])

    assert cuts([call([*range(9)]), call([1, 0, *range(2, 9)]), call([1, 0, 2, 3, 4, 8, 6, 7, 5])]) == []


def test_cuts_to_another_place_are_found():
    found = [cuts([view(place(a)), view(place(b))]) == [1] for a in range(12) for b in range(12) if a != b]
    assert np.mean(found) >= 0.98


def test_cuts_during_a_pan_are_found():
    found = []
    for seed in range(40):
        panned = [view(place(seed), 0.3 + 0.08 * k) for k in range(3)]
        found.append(cuts([*panned, *(view(place(seed + 100), 0.7 - 0.08 * k) for k in range(3))]) == [3])
    assert np.mean(found) >= 0.98


def test_cuts_between_scenes_of_the_same_levels_are_found():
    """To the mirror image, which has the same histogram, and to another part of the same place."""
    found = []
    for seed in range(40):
        image = place(seed, 4 * WIDTH, 2 * HEIGHT)
        found.append(cuts([view(image, -0.5), view(image, -0.5)[:, ::-1]]) == [1])
        found.append(cuts([view(image, -0.5), view(image, 1.5)]) == [1])
    assert np.mean(found) >= 0.98


@pytest.mark.parametrize("num_blank", [1, FLASH_FRAMES_MAX, FLASH_FRAMES_MAX + 1, 20])
def test_what_follows_black_is_a_cut_if_it_is_another_scene(num_blank):
    black = [np.full((HEIGHT, WIDTH), 2)] * num_blank
    assert cuts([view(place(1)), *black, view(place(2))]) == [num_blank + 1]


def test_a_video_that_begins_black_has_a_cut_to_its_first_scene_and_black_has_none():
    black = np.full((HEIGHT, WIDTH), 2)
    assert cuts([black, black + 3, black, view(place(1))]) == [3]


@pytest.mark.parametrize("num_blank", [0, 1, FLASH_FRAMES_MAX, FLASH_FRAMES_MAX + 1, 9])
def test_what_is_said_of_a_picture_depends_on_few_pictures_before_it(num_blank):
    """Segments of a video start in its middle, with the pictures before reduced to what is compared."""
    black = [np.full((HEIGHT, WIDTH), 2)] * num_blank
    images = [*(view(place(1), 0.1 * k) for k in range(8)), *black, *(view(place(1), 0.8 + 0.1 * k) for k in range(4))]
    images += [view(place(2), 0.06 * k) for k in range(6)]
    images, half = noisy(images), np.zeros((1, 1), np.uint8)
    pictures = [Picture(image, half, half, True, "bt601") for image in images]
    whole = looked_at(images)
    for start in range(FLASH_FRAMES_MAX + 1, len(images)):
        part = SceneCuts()
        for picture in pictures[start - FLASH_FRAMES_MAX - 1 : start]:
            part.look(for_comparison(Frame(0, None, picture, WIDTH, HEIGHT)).picture)
        assert part.look(pictures[start]) == whole[start]


def test_a_face_that_comes_into_view_before_an_even_wall_makes_no_cut():
    frames = [frame(t, *([(60, 40, 100, 80)] if 1000 <= t < 2000 else [])) for t in range(0, 3000, 100)]
    assert cuts([f.picture.y for f in frames]) == []
