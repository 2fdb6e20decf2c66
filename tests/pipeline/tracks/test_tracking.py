"""Who is who over time, on tracklets made by hand."""

import cv2
import numpy as np
import pytest

from pipeline.faces.analyzer import Analyzer
from pipeline.tracks.tracking import Tracker, TrackerConfig
from pipeline.types import Frame, Picture
from pipeline.updates import EndReason
from pipeline.video.intervals import batches
from tests.fakes import BrightnessAffect, SquareDetector
from tests.pipeline.faces.test_analyzer import MS, frame

ALWAYS = (0, 10_000)


def follow(people, until_ms, batch_frames=100, config=None, cut_at=None):
    """Track squares, each (box at time, (from ms, to ms), looks): {id: [(ms, x centre)]}, and why tracks ended."""
    frames = []
    for t in range(0, until_ms, 100):
        picture = frame(t, width=320, height=160)
        for box_at, (begin, end), seed in people:
            if begin <= t < end:
                x1, y1, x2, y2 = box_at(t)
                picture.picture.y[y1:y2, x1:x2] = stripes(seed)[: y2 - y1, : x2 - x1]
        frames.append(picture)
    analyzer = Analyzer(SquareDetector(), BrightnessAffect())
    tracker = Tracker(config or TrackerConfig(), score_start=0.6)
    seen, ended = {}, {}
    for batch in batches(frames, batch_frames=batch_frames):
        result = analyzer.analyze(batch)
        rows = tracker.update(result)
        ended |= rows.ended
        for row, track_id in zip(rows.row, rows.track_id, strict=True):
            box = result.boxes[row]
            seen.setdefault(int(track_id), []).append(
                (result.frames[result.frame[row]].pts_ns // MS, (box[0] + box[2]) / 2)
            )
    return seen, ended | tracker.end_all(EndReason.END_OF_STREAM)


def stripes(seed):
    """(40, 40): everybody's own look."""
    y, x = np.mgrid[:40, :40]
    angle = seed * 1.1
    return 210 + 40 * np.sin((x * np.cos(angle) + y * np.sin(angle)) * 0.35)


def still(x, y=40):
    return lambda t: (x, y, x + 40, y + 40)


def walking(x, speed, y=40):
    return lambda t: (x + speed * t // 1000, y, x + 40 + speed * t // 1000, y + 40)


def test_ids_go_by_first_time_and_then_from_left_to_right():
    seen, _ = follow([(still(200), ALWAYS, 1), (still(20), ALWAYS, 2), (still(110), (700, 9999), 3)], 2000)
    assert {i: round(rows[0][1]) for i, rows in seen.items()} == {1: 40, 2: 220, 3: 130}


@pytest.mark.parametrize("batch_frames", [1, 8, 32])
def test_ids_do_not_depend_on_how_frames_travel(batch_frames):
    people = [(walking(10, 40), ALWAYS, 1), (walking(240, -30, 90), ALWAYS, 2), (still(140, 10), (400, 1700), 3)]
    assert follow(people, 3000, batch_frames) == follow(people, 3000)


def test_a_face_hidden_for_a_moment_is_the_same_face_again():
    seen, ended = follow([(still(100), (0, 1000), 1), (still(104), (1500, 3000), 1)], 3000)
    assert list(seen) == [1]
    assert ended == {1: EndReason.END_OF_STREAM}


def test_a_face_hidden_for_too_long_is_a_new_track():
    seen, ended = follow([(still(100), (0, 1000), 1), (still(100), (2600, 4000), 1)], 4000)
    assert list(seen) == [1, 2]
    assert ended == {1: EndReason.LOST, 2: EndReason.END_OF_STREAM}


def test_somebody_else_in_the_same_place_is_a_new_track():
    seen, _ = follow([(still(100), (0, 1000), 1), (still(100), (1500, 3000), 8)], 3000)
    assert list(seen) == [1, 2]


def test_two_who_pass_each_other_keep_their_ids():
    seen, _ = follow([(walking(20, 60, 20), ALWAYS, 1), (walking(240, -60, 70), ALWAYS, 2)], 3500)
    assert sorted(seen) == [1, 2]
    assert np.diff([x for _, x in seen[1]]).min() >= -1
    assert np.diff([x for _, x in seen[2]]).max() <= 1


def test_a_face_far_away_is_no_continuation():
    seen, _ = follow([(still(10), (0, 1000), 1), (still(260), (1000, 2500), 1)], 2500)
    assert list(seen) == [1, 2]


def test_a_doubtful_detection_continues_a_track_but_starts_none():
    dim = lambda t: (100, 40, 140, 80)  # noqa: E731
    frames = [frame(t, dim(t), level=250 if t < 1000 else 130) for t in range(0, 2500, 100)]
    analyzer, tracker = Analyzer(SquareDetector(), BrightnessAffect()), Tracker(TrackerConfig(), score_start=0.6)
    (batch,) = batches(frames, batch_frames=100)
    rows = tracker.update(analyzer.analyze(batch))
    assert set(rows.track_id.tolist()) == {1}
    assert len(rows.row) == 25

    tracker = Tracker(TrackerConfig(), score_start=0.6)
    (batch,) = batches([frame(t, dim(t), level=130) for t in range(0, 2500, 100)], batch_frames=100)
    assert len(tracker.update(analyzer.analyze(batch)).row) == 0


def tracked(frames, gap_s_max=1.0, batch_frames=100):
    """{id: [(ms, x1)]} of frames, with the fake networks."""
    analyzer = Analyzer(SquareDetector(), BrightnessAffect(), gap_s_max=gap_s_max)
    tracker = Tracker(TrackerConfig(gap_s_max=gap_s_max), score_start=0.6)
    seen = {}
    for batch in batches(frames, batch_frames=batch_frames):
        result = analyzer.analyze(batch)
        rows = tracker.update(result)
        for row, track_id in zip(rows.row, rows.track_id, strict=True):
            at = result.frames[result.frame[row]].pts_ns // MS
            seen.setdefault(int(track_id), []).append((at, float(result.boxes[row, 0])))
    return seen


def portrait(ms, *people, width=320, height=160):
    """Squares, each (x, look), 40 px wide, before a wall that is never quite even."""
    picture = frame(ms, width=width, height=height)
    wall = np.kron(np.random.default_rng(0).integers(20, 60, (8, 16)), np.ones((height // 8, width // 16)))
    picture.picture.y[:] = wall.astype(np.uint8)
    for x, seed in people:
        picture.picture.y[40:80, x : x + 40] = stripes(seed)
    return picture


@pytest.mark.parametrize(("at_ms", "fps"), [(1000, 10), (1200, 10), (1300, 10), (1450, 20), (1233, 30), (2000, 5)])
def test_nobody_is_followed_in_another_face_after_two_change_places_in_one_frame(at_ms, fps):
    frames = []
    for k in range(3 * fps):
        t = 1000 * k // fps
        swapped = t >= at_ms
        frames.append(portrait(t, (60, 8 if swapped else 1), (140, 1 if swapped else 8), (240, 4)))
    seen = tracked(frames)
    for rows in seen.values():
        places = {"before" if t < at_ms else "after" for t, x in rows if x < 200}
        assert len(places) <= 1
    assert [len(rows) for rows in seen.values() if rows[0][1] > 200] == [len(frames)]
    counts = {t: sum(t == ms for rows in seen.values() for ms, _ in rows) for t in (f.pts_ns // MS for f in frames)}
    assert set(counts.values()) == {3}


@pytest.mark.parametrize("batch_frames", [1, 7, 100])
@pytest.mark.parametrize("missing", [False, True], ids=["a hole", "missing ticks"])
def test_no_track_goes_on_over_a_gap_longer_than_allowed(missing, batch_frames):
    frames = [portrait(t, (100, 1)) for t in range(0, 1000, 100)]
    if missing:
        frames += [Frame(t * MS, None, None, 320, 160, missing=True) for t in range(1000, 2500, 100)]
    frames += [portrait(t, (100, 1)) for t in range(2500, 3500, 100)]
    assert {i: rows[0][0] for i, rows in tracked(frames, batch_frames=batch_frames).items()} == {1: 0, 2: 2500}
    assert list(tracked(frames, gap_s_max=2.0, batch_frames=batch_frames)) == [1]


def test_a_gap_within_half_a_second_ends_a_track_where_it_may_not_be_as_long():
    times = [0, 60, 100, 140, 400, 440, 480]
    assert len(tracked([portrait(t, (100, 1)) for t in times], gap_s_max=0.2)) == 2
    assert len(tracked([portrait(t, (100, 1)) for t in times], gap_s_max=0.3)) == 1


def test_somebody_else_after_a_short_gap_is_a_new_track():
    frames = [portrait(t, (100, 1)) for t in range(0, 1000, 100)]
    frames += [portrait(t, (100, 8)) for t in range(1600, 2600, 100)]
    assert {i: rows[0][0] for i, rows in tracked(frames).items()} == {1: 0, 2: 1600}


def test_a_track_goes_on_when_the_picture_changes_its_size():
    frames = [portrait(t, (160, 1)) for t in range(0, 1200, 100)]
    for t in range(1200, 2400, 100):
        big = portrait(t, (160, 1))
        small = cv2.resize(big.picture.y, (160, 80), interpolation=cv2.INTER_AREA)
        half = np.full((40, 80), 128, np.uint8)
        frames.append(Frame(t * MS, None, Picture(small, half, half, True, "bt601"), 160, 80))
    (rows,) = tracked(frames).values()
    assert len(rows) == 24
    assert [x for _, x in rows] == pytest.approx([160] * 12 + [80] * 12, abs=3)


def test_tracks_last_while_the_camera_pans():
    frames = []
    for k in range(15):
        picture = frame(100 * k, width=320, height=160)
        x0 = 16 * k  # a twentieth of the width from frame to frame: two faces in half a second
        rng = np.random.default_rng(5)
        wall = np.kron(rng.integers(0, 90, (16, 80)), np.ones((10, 10))).astype(np.uint8)
        for x, seed in ((228, 1), (276, 8)):
            wall[40:80, x : x + 40] = stripes(seed)
        picture.picture.y[:] = wall[:, x0 : x0 + 320]
        frames.append(picture)
    seen = tracked(frames)
    assert list(seen) == [1, 2]
    for start, rows in zip((228, 276), seen.values(), strict=True):
        assert [x for _, x in rows] == pytest.approx([start - 16 * t // 100 for t, _ in rows], abs=4)
