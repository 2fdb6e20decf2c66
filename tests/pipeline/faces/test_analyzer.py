"""The analyzer, with networks that need no weights: white squares are faces, brightness is valence."""

import numpy as np
import pytest

from pipeline.faces.analyzer import Analyzer
from pipeline.heartbeat import beats
from pipeline.types import Frame, Picture
from pipeline.video.intervals import batches
from tests.fakes import BrightnessAffect, SquareDetector

MS = 1_000_000


def frame(ms, *boxes, level=250, width=160, height=120, eyes=True):
    """Bright squares, with two darker eyes unless they are to be quite even."""
    y = np.full((height, width), 20, np.uint8)
    for x1, y1, x2, y2 in boxes:
        y[y1:y2, x1:x2] = level
        w, h = x2 - x1, y2 - y1
        for left in (w // 5, 3 * w // 5) if eyes else ():
            y[y1 + h // 4 : y1 + h // 2, x1 + left : x1 + left + w // 5] = level * 3 // 5
    half = np.full((height // 2, width // 2), 128, np.uint8)
    return Frame(ms * MS, ms // 100, Picture(y, half, half, True, "bt601"), width, height)


def moving(start_ms, end_ms):
    """A square that goes to the right by 2 px every 100 ms."""
    return [frame(t, (10 + t // 50, 30, 40 + t // 50, 60)) for t in range(start_ms, end_ms, 100)]


def analyze(frames, batch_frames=100):
    analyzer = Analyzer(SquareDetector(), BrightnessAffect())
    return [analyzer.analyze(batch) for batch in batches(frames, batch_frames=batch_frames)]


def test_boxes_between_key_frames_follow_the_face():
    (result,) = analyze(moving(0, 1100))
    truth = np.array([10 + t // 50 for t in range(0, 1100, 100)])
    assert result.boxes[:, 0] == pytest.approx(truth, abs=1.5)
    assert np.isfinite(result.det_score[[0, 5, 10]]).all()
    assert np.isnan(np.delete(result.det_score, [0, 5, 10])).all()


@pytest.mark.parametrize("batch_frames", [1, 4, 7, 100])
def test_rows_do_not_depend_on_how_frames_travel(batch_frames):
    whole = analyze(moving(0, 3000))[0]
    parts = analyze(moving(0, 3000), batch_frames)
    for name in ("boxes", "valence", "landmarks", "visibility", "luma", "blur", "det_score"):
        joined = np.concatenate([getattr(part, name) for part in parts])
        assert np.array_equal(joined, getattr(whole, name), equal_nan=True), name


def test_the_key_frame_that_two_batches_share_is_detected_once():
    detector = SquareDetector()
    analyzer = Analyzer(detector, BrightnessAffect())
    for batch in batches(moving(0, 3000), batch_frames=1):
        analyzer.analyze(batch)
    assert detector.num_pictures == 6 + 1  # a key frame per half second, and the last frame


def test_a_long_batch_beats_as_it_gets_on():
    (batch,) = batches(moving(0, 1100), batch_frames=100)
    before = beats()
    Analyzer(SquareDetector(), BrightnessAffect()).analyze(batch)
    assert beats() - before == 4  # three detections, one pass of EmoFAN


def test_a_face_that_moves_fast_is_looked_at_more_often():
    frames = [frame(t, (10 + t // 8, 30, 40 + t // 8, 60), width=400) for t in range(0, 1600, 100)]
    detector = SquareDetector()
    result = Analyzer(detector, BrightnessAffect()).analyze(next(batches(frames, batch_frames=100)))
    truth = np.array([10 + t // 8 for t in range(0, 1600, 100)])
    assert result.boxes[:, 0] == pytest.approx(truth, abs=4)
    assert sum(f.is_key for f in result.frames) == detector.num_pictures > 4


def test_a_face_that_leaves_within_a_hop_counts_while_it_is_seen():
    box = (50, 30, 90, 70)
    frames = [frame(t, *([box] if t < 800 else [])) for t in range(0, 1500, 100)]
    (result,) = analyze(frames)
    assert sorted(result.frame.tolist()) == list(range(8))


def test_a_face_that_comes_within_a_hop_counts_from_when_it_is_seen():
    box = (50, 30, 90, 70)
    frames = [frame(t, *([box] if t >= 300 else [])) for t in range(0, 1000, 100)]
    (result,) = analyze(frames)
    assert sorted(result.frame.tolist()) == list(range(3, 10))


def test_nothing_is_joined_across_a_scene_cut():
    before = [frame(t, (50, 30, 90, 70)) for t in range(0, 300, 100)]
    after = [frame(t, (52, 30, 92, 70), (0, 80, 160, 120), level=220) for t in range(300, 500, 100)]
    (result,) = analyze(before + after)
    assert [f.scene_cut for f in result.frames].count(True) == 1
    cut_ns = 300 * MS
    ends_at_cut = (result.tracklets.key_ns < cut_ns) & (result.tracklets.end[:, 0] == cut_ns)
    assert not ends_at_cut.any()


def test_ticks_that_are_missing_pass_through():
    frames = moving(0, 600)
    frames[3] = Frame(300 * MS, None, None, 160, 120, missing=True)
    (result,) = analyze(frames)
    assert len(result.frames) == 6
    assert 3 not in result.frame


def test_a_batch_of_missing_ticks_alone_has_no_faces():
    (result,) = analyze([Frame(t * MS, None, None, 160, 120, missing=True) for t in (0, 100)])
    assert (len(result.frames), len(result.valence)) == (2, 0)


def test_brightness_and_sharpness_are_those_of_the_face():
    (result,) = analyze([frame(0, (40, 30, 100, 90), level=200, eyes=False)])
    assert result.luma[0] == pytest.approx(200, abs=8)
    flat = result.blur[0]
    noisy = frame(0, (40, 30, 100, 90))
    noisy.picture.y[30:90, 40:100] = np.random.default_rng(0).integers(120, 255, (60, 60))
    (result,) = analyze([noisy])
    assert result.blur[0] > 20 * max(flat, 1)
