"""A drawn head is where its landmarks and its box say, and moves the way its angles and feelings say."""

import numpy as np
import pytest

from training.drawn import HELD_OUT_STYLE, STYLES, Pose, express, make_identity, render_face, style_named

FACE_PX = 64.0
CENTRE = (100.0, 90.0)
STUDIO = style_named("studio")
LIGHT = STUDIO.light(np.random.default_rng(1))


def draw(seed=3, style=STUDIO, **changes):
    return render_face(make_identity(seed), style, LIGHT, **({"face_px": FACE_PX, "centre": CENTRE} | changes))


def feeling(valence, arousal=0.0):
    return express(valence, arousal).actions


def crop(patch, box):
    """The patch's pixels in a box (px of the picture)."""
    x1, y1, x2, y2 = (round(v) for v in box)
    return patch.image[y1 - patch.y0 : y2 - patch.y0, x1 - patch.x0 : x2 - patch.x0]


def test_the_same_call_gives_the_same_bits():
    first, second = draw(), draw()
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.alpha, second.alpha)
    assert np.array_equal(first.landmarks, second.landmarks)


@pytest.mark.parametrize("name", [*STYLES, HELD_OUT_STYLE])
def test_every_style_draws_a_solid_face_with_contrast(name):
    style = style_named(name)
    patch = render_face(make_identity(4), style, style.light(np.random.default_rng(2)), face_px=FACE_PX, centre=CENTRE)
    face = crop(patch, patch.box)
    x1, y1, x2, y2 = (round(v) for v in patch.box)
    inside = patch.alpha[y1 - patch.y0 + 8 : y2 - patch.y0 - 8, x1 - patch.x0 + 8 : x2 - patch.x0 - 8]
    assert inside.min() > 250
    assert face.std() > 10


def test_styles_look_different():
    def picture(name):
        style = style_named(name)
        light = style.light(np.random.default_rng(2))
        return render_face(make_identity(4), style, light, face_px=FACE_PX, centre=CENTRE).image.astype(np.float32)

    pictures = [picture(name) for name in [*STYLES, HELD_OUT_STYLE]]
    for k, one in enumerate(pictures):
        assert all(np.abs(one - other).mean() > 1 for other in pictures[:k])


def test_an_unknown_style_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="unknown style 'oil': must be one of studio"):
        style_named("oil")


@pytest.mark.parametrize("face_px", [16, 40, 300])
def test_the_box_is_as_high_as_asked_for(face_px):
    x1, y1, x2, y2 = draw(face_px=face_px).box
    assert 0.85 * face_px < y2 - y1 < 1.2 * face_px
    assert 0.62 < (x2 - x1) / (y2 - y1) < 0.95


def test_a_face_too_small_to_draw_is_refused():
    with pytest.raises(ValueError, match="face_px must be in"):
        draw(face_px=5)


@pytest.mark.parametrize("pose", [Pose(), Pose(40, 0, 0), Pose(-40, 15, 0), Pose(0, -25, 20)])
@pytest.mark.parametrize("valence", [-0.6, 0.0, 0.8])
def test_landmarks_are_in_or_near_the_box(pose, valence):
    patch = draw(pose=pose, actions=feeling(valence, 0.5))
    x1, y1, x2, y2 = patch.box
    margin = 0.12 * FACE_PX
    assert patch.landmarks.shape == (68, 2)
    assert patch.landmarks.dtype == np.float32
    assert (patch.landmarks >= (x1 - margin, y1 - margin)).all()
    assert (patch.landmarks <= (x2 + margin, y2 + margin)).all()


def test_landmarks_of_a_frontal_face_mirror_each_other():
    points = draw(seed=9).landmarks - CENTRE
    pairs = [*zip(range(8), range(16, 8, -1), strict=True), *zip(range(17, 22), range(26, 21, -1), strict=True)]
    pairs += [(36, 45), (39, 42), (37, 44), (41, 46), (31, 35), (48, 54), (60, 64)]
    for left, right in pairs:
        assert points[left, 0] < points[right, 0]
        assert points[left] == pytest.approx(points[right] * (-1, 1), abs=0.03 * FACE_PX)


def test_landmarks_are_ordered_from_brow_to_chin():
    points = draw().landmarks
    brow, eye, nose_tip, mouth, chin = (points[k, 1] for k in (19, 37, 30, 62, 8))
    assert brow < eye < nose_tip < mouth < chin


def test_mouth_corners_rise_with_valence():
    def lift(valence):
        points = draw(actions=feeling(valence)).landmarks
        return points[[51, 57], 1].mean() - points[[48, 54], 1].mean()

    lifts = [lift(v) for v in (-0.7, -0.3, 0.0, 0.4, 0.8)]
    assert np.all(np.diff(lifts) > 0)


def test_surprise_opens_mouth_and_eyes_and_raises_brows():
    calm, surprised = draw().landmarks, draw(actions=feeling(0.1, 0.85)).landmarks

    def gap(points, above, below):
        return (points[below, 1] - points[above, 1]).mean()

    assert gap(surprised, [62], [66]) > gap(calm, [62], [66]) + 0.04 * FACE_PX
    assert gap(surprised, [37, 44], [41, 46]) > gap(calm, [37, 44], [41, 46])
    assert gap(surprised, [19, 24], [37, 44]) > gap(calm, [19, 24], [37, 44])


def test_the_nose_points_where_yaw_and_pitch_say():
    def nose(pose):
        patch = draw(pose=pose)
        return patch.landmarks[30] - patch.landmarks[[36, 45]].mean(0)

    ahead = nose(Pose())
    assert nose(Pose(yaw=25))[0] > ahead[0] + 4
    assert nose(Pose(yaw=-25))[0] < ahead[0] - 4
    assert nose(Pose(pitch=20))[1] < ahead[1] - 2
    assert nose(Pose(pitch=-20))[1] > ahead[1] + 2


def test_the_box_moves_to_the_side_that_the_nose_turns_to():
    middles = [sum(draw(pose=Pose(yaw=yaw)).box[::2]) / 2 for yaw in (-30, 0, 30)]
    assert middles[0] < middles[1] < middles[2]


def test_positive_roll_is_clockwise():
    left_eye, right_eye = draw(pose=Pose(roll=20)).landmarks[[36, 45]]
    assert right_eye[1] > left_eye[1]


def test_a_blink_closes_the_eyes_and_hides_the_pupils():
    open_, shut = draw(face_px=150), draw(face_px=150, blink=1.0)
    assert shut.landmarks[[37, 38], 1] == pytest.approx(shut.landmarks[[41, 40], 1], abs=1.5)
    assert open_.landmarks[41, 1] - open_.landmarks[37, 1] > 4
    x, y = open_.landmarks[36:42].mean(0)
    pupil = (x - 2, y - 2, x + 2, y + 1)
    assert crop(open_, pupil).mean() < 0.6 * crop(shut, pupil).mean()


def test_a_dimmed_lamp_darkens_the_face():
    bright, dim = draw(), draw(lamp=0.2, around=0.6)
    assert crop(dim, dim.box).mean() < 0.8 * crop(bright, bright.box).mean()


def test_a_patch_is_cut_to_the_picture_and_reaches_its_lower_edge():
    patch = draw(picture_px=(200, 300))
    assert patch.y0 + patch.alpha.shape[0] == 300
    assert patch.x0 >= 0
    assert patch.x0 + patch.alpha.shape[1] <= 200
    assert patch.alpha[-1].max() == 255
