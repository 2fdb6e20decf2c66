"""Who is who over time, on strands made by hand."""

import numpy as np
import pytest

from pipeline.faces.analyzer import Analyzer
from pipeline.tracks.tracking import EndReason, Tracker, TrackerConfig
from pipeline.video.hops import batches
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
