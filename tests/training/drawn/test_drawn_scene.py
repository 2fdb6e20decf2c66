"""Scenes are reproducible, and their truths say who is where, and how much of them shows."""

import numpy as np
import pytest

from training.drawn import (
    HELD_OUT_SEED_MIN,
    HELD_OUT_STYLE,
    NUM_PEOPLE_MAX,
    STYLES,
    course_through,
    demo_scene,
    make_scene,
    still,
)

SMALL = {"size_px": (160, 120), "fps": 5.0, "duration_s": 2.0}


def test_a_seed_gives_bit_identical_frames_and_truths():
    first, second = (list(make_scene(5, num_people=2, grain=3.0, **SMALL).frames()) for _ in range(2))
    assert len(first) == 10
    for (image, truths), (image_again, truths_again) in zip(first, second, strict=True):
        assert image.dtype == np.uint8
        assert image.shape == (120, 160, 3)
        assert np.array_equal(image, image_again)
        assert [t.person_id for t in truths] == [t.person_id for t in truths_again]
        assert all(np.array_equal(a.landmarks, b.landmarks) for a, b in zip(truths, truths_again, strict=True))


def test_another_seed_gives_another_picture():
    assert not np.array_equal(still(1, size_px=(96, 96))[0], still(2, size_px=(96, 96))[0])


@pytest.mark.parametrize("count", [1, 3, NUM_PEOPLE_MAX])
def test_a_still_shows_as_many_people_as_asked_for(count):
    _, truths = still(8, size_px=(240, 160), num_people=count)
    assert len({t.person_id for t in truths}) == count


def test_too_many_people_are_refused():
    with pytest.raises(ValueError, match=r"num_people must be in \[1, 6\], got 7"):
        make_scene(1, num_people=7)


def test_a_given_course_is_followed():
    course = course_through([(0, 0, 0), (1, 0.8, 0.4)])
    scene = make_scene(3, num_people=1, courses=[course], comings_and_goings=False, **SMALL)
    feelings = [(t.valence, t.arousal) for _, truths in scene.frames() for t in truths]
    assert feelings == [course(k / 5) for k in range(10)]


def test_courses_pass_through_their_points_without_jumps():
    course = course_through([(0, -0.5, 0), (1, 0.5, 0.2), (3, 0, -1)])
    assert course(-1) == (-0.5, 0)
    assert course(1) == pytest.approx((0.5, 0.2))
    assert course(9) == (0, -1)
    path = np.array([course(t) for t in np.linspace(0, 3, 301)])
    assert np.abs(np.diff(path, axis=0)).max() < 0.03


def test_a_cut_starts_a_shot_with_new_person_ids():
    scene = make_scene(2, num_people=2, num_cuts=1, comings_and_goings=False, **SMALL)
    shots = [(t.shot, t.person_id) for _, truths in scene.frames() for t in truths]
    assert {shot for shot, _ in shots} == {0, 1}
    assert not {p for shot, p in shots if shot == 0} & {p for shot, p in shots if shot == 1}


def test_somebody_who_passes_in_front_hides_others():
    scene = make_scene(12, num_people=2, crossing=True, comings_and_goings=False, **(SMALL | {"duration_s": 4.0}))
    visible = [[t.visible for t in truths if t.person_id <= 2] for _, truths in scene.frames()]
    assert min(min(frame) for frame in visible) < 0.5
    assert all(v > 0.95 for v in visible[0])


def test_the_last_person_is_in_front_and_fully_visible_inside_of_the_picture():
    for seed in range(4):
        image, truths = still(seed, size_px=(240, 160), num_people=2)
        x1, y1, x2, y2 = (getattr(truths[-1], name) for name in ("x1", "y1", "x2", "y2"))
        inside = x1 >= 0 and y1 >= 0 and x2 <= image.shape[1] and y2 <= image.shape[0]
        assert (truths[-1].visible > 0.999) == inside


def test_a_lamp_that_is_switched_on_brightens_the_picture():
    scene = make_scene(4, num_people=1, lamp_switch=True, grain=0.0, comings_and_goings=False, **SMALL)
    means = [image.mean() for image, _ in scene.frames()]
    assert means[-1] > 1.2 * means[0]


def test_grain_differs_from_frame_to_frame():
    scene = make_scene(4, num_people=1, grain=4.0, background="plain", comings_and_goings=False, **SMALL)
    corners = [image[:20, :20].astype(np.float32) for image, _ in scene.frames()]
    assert np.abs(corners[0] - corners[1]).mean() > 1


def test_the_held_out_style_is_not_among_the_training_styles():
    assert HELD_OUT_STYLE not in STYLES
    assert {make_scene(seed, **SMALL).style.name for seed in range(30)} <= set(STYLES)


def test_held_out_scenes_show_held_out_people():
    scene = make_scene(HELD_OUT_SEED_MIN + 3, num_people=3, **SMALL)
    assert all(actor.identity.seed >= HELD_OUT_SEED_MIN for shot in scene.shots for actor in shot.actors)


def test_the_demo_has_an_entrance_a_cut_and_evident_feelings():
    scene = demo_scene(size_px=(160, 90), fps=2.0)
    frames = [truths for _, truths in scene.frames()]
    assert len(frames) == 24
    assert len(frames[0]) == 2
    assert max(len(truths) for truths in frames) == 3
    assert {t.shot for truths in frames for t in truths} == {0, 1}
    seen = np.max([t.expression for truths in frames for t in truths], axis=0)
    assert (seen[[1, 2, 3]] > 0.9).all()
