"""People differ, stay themselves, and are kept apart for training and testing."""

from training.drawn import HELD_OUT_SEED_MIN, make_identity
from training.drawn.casting import person_seed
from training.drawn.people import make_identity as make_identity_again


def test_a_seed_is_always_the_same_person():
    make_identity_again.cache_clear()
    first = make_identity(11)
    make_identity_again.cache_clear()
    assert make_identity(11) == first


def test_hundreds_of_people_are_all_different():
    assert len({make_identity(seed) for seed in range(300)}) == 300


def test_people_span_skin_hair_age_and_glasses():
    people = [make_identity(seed) for seed in range(200)]
    assert min(p.skin.melanin for p in people) < 0.1 < 0.9 < max(p.skin.melanin for p in people)
    assert len({p.hair.style for p in people}) >= 10
    assert len({p.hair.beard for p in people}) == 5
    assert len({p.glasses for p in people}) == 4
    assert min(p.age_years for p in people) < 22 < 65 < max(p.age_years for p in people)


def test_scenes_cast_on_their_own_side_of_the_held_out_seeds():
    assert all(person_seed(seed, k) < HELD_OUT_SEED_MIN for seed in range(20) for k in range(6))
    assert all(person_seed(HELD_OUT_SEED_MIN + seed, k) >= HELD_OUT_SEED_MIN for seed in range(20) for k in range(6))
