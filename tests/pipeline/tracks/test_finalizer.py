"""Rows leave when they are final, with the values that all rows together would give."""

import numpy as np
import pytest

from pipeline.faces.analyzer import Analyzer
from pipeline.sinks.tables import to_tables
from pipeline.tracks.finalizer import RowFinalizer
from pipeline.tracks.smoothing import smooth
from pipeline.tracks.temporal import SymmetricAverage
from pipeline.tracks.tracking import Tracker, TrackerConfig
from pipeline.updates import EndReason, StreamKey
from pipeline.video.intervals import batches
from tests.fakes import BrightnessAffect, SquareDetector
from tests.pipeline.faces.test_analyzer import MS, frame


def finalizer():
    key, temporal = StreamKey(run_id="r", stream_id="s"), SymmetricAverage(half_width_s=0.8)
    return RowFinalizer(key, temporal, score_start=0.6, landmarks=False, period_s=0.1)


def scene(until_ms, gone=(9e9, 9e9)):
    """One square whose brightness swings; out of sight for a while."""
    frames = []
    for t in range(0, until_ms, 100):
        there = [] if gone[0] <= t < gone[1] else [(60, 40, 100, 80)]
        frames.append(frame(t, *there, level=210 + round(40 * np.sin(t / 400))))
    return frames


def finished(frames, batch_frames):
    analyzer = Analyzer(SquareDetector(), BrightnessAffect())
    tracker, rows = Tracker(TrackerConfig(), score_start=0.6), finalizer()
    parts = []
    for batch in batches(frames, batch_frames=batch_frames):
        affect = analyzer.analyze(batch)
        parts.append((affect.next_ns, rows.add(affect, tracker.update(affect))))
    parts.append((2**62, rows.finish(tracker.end_all(EndReason.END_OF_STREAM))))
    return parts


def joined(parts, name="points"):
    import pandas as pd

    return pd.concat([to_tables(part)[name].to_pandas() for _, part in parts], ignore_index=True)


@pytest.mark.parametrize("batch_frames", [1, 7, 32])
def test_smooth_values_are_those_of_the_whole_track(batch_frames):
    points = joined(finished(scene(6000), batch_frames))
    raw = points[["valence", "arousal"]].to_numpy()
    whole = smooth(points["pts_ns"].to_numpy(), raw, (points["grade"] >= 1).to_numpy(), half_width_s=0.8)
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(points[["valence_smooth", "arousal_smooth"]], whole, atol=1e-6)


def test_rows_leave_as_soon_as_their_window_is_known_and_in_order():
    last_ns = -1
    for next_ns, part in finished(scene(6000), 1):
        times = part.points.pts_ns.tolist()
        assert times == sorted(times)
        if times:
            assert times[0] > last_ns
            assert times[-1] + 800 * MS < next_ns or next_ns == 2**62
            last_ns = times[-1]


def test_a_track_is_summed_up_when_its_last_row_has_left():
    parts = finished(scene(6000, gone=(2000, 4500)), 5)
    tracks, points = joined(parts, "tracks"), joined(parts)
    assert tracks["track_id"].tolist() == [1, 2]
    assert tracks["end_reason"].tolist() == ["lost", "end_of_stream"]
    for row in tracks.itertuples():
        own = points[points["track_id"] == row.track_id]
        assert (row.start_ns, row.end_ns) == (own["pts_ns"].min(), own["pts_ns"].max())
        assert row.num_points == len(own)
        assert row.valence_mean == pytest.approx(own["valence_smooth"].mean(), abs=1e-5)
        assert row.valence_sd == pytest.approx(own["valence_smooth"].std(ddof=0), abs=1e-4)
        assert row.valence_max == pytest.approx(own["valence_smooth"].max(), abs=1e-6)
        assert row.share_good == pytest.approx((own["grade"] == 2).mean())


def test_memory_holds_a_window_and_not_the_stream():
    analyzer = Analyzer(SquareDetector(), BrightnessAffect())
    tracker, rows = Tracker(TrackerConfig(), score_start=0.6), finalizer()
    held = []
    for batch in batches(scene(20_000), batch_frames=1):
        affect = analyzer.analyze(batch)
        rows.add(affect, tracker.update(affect))
        held.append(len(rows._held))
    assert max(held) <= 30


def test_a_track_shorter_than_a_third_of_a_second_is_brief():
    frames = [frame(t, *([(60, 40, 100, 80)] if t < 200 else [])) for t in range(0, 2000, 100)]
    assert joined(finished(frames, 8), "tracks")["brief"].tolist() == [True]
    frames = [frame(t, *([(60, 40, 100, 80)] if t < 400 else [])) for t in range(0, 2000, 100)]
    assert joined(finished(frames, 8), "tracks")["brief"].tolist() == [False]


def test_an_update_says_which_tracks_start_go_on_and_end():
    updates = [part for _, part in finished(scene(6000, gone=(2000, 4500)), 5)]
    started = [track for update in updates for track in update.started]
    ended = [record.track_id for update in updates for record in update.ended]
    assert started == ended == [1, 2]
    for update in updates:
        assert sorted({*update.started, *update.updated}) == sorted(set(update.points.track_id.tolist()))
        assert not {*update.started} & {*update.updated}
