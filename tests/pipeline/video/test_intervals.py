"""Hops, key frames, scene cuts and batches."""

import numpy as np
import pytest

from pipeline.types import Frame, Picture
from pipeline.video.intervals import INTERVAL_BYTES_MAX, LOST_MAX, batches

MS = 1_000_000


def picture(level=100, width=64, height=48):
    rng = np.random.default_rng(level)
    y = np.clip(np.kron(rng.integers(0, 256, (6, 8)), np.ones((height // 6, width // 8))), 0, 255).astype(np.uint8)
    half = np.full((height // 2, width // 2), 128, np.uint8)
    return Picture(y, half, half, True, "bt601")


def frame(ms, scene=1, **size):
    content = picture(scene, **size)
    return Frame(ms * MS, None, content, content.width, content.height)


def keys(batch):
    return [f.pts_ns // MS for f in batch.frames if f.is_key]


def test_the_detector_runs_on_the_first_frame_of_each_half_second():
    (batch,) = batches([frame(t) for t in range(0, 1500, 100)], batch_frames=100)
    assert keys(batch) == [0, 500, 1000]
    assert not batch.closed


def test_the_grid_is_of_stream_time_and_not_of_the_first_frame():
    (batch,) = batches([frame(t) for t in range(300, 1300, 100)], batch_frames=100)
    assert keys(batch) == [300, 500, 1000]


@pytest.mark.parametrize("batch_frames", [1, 3, 8, 32])
def test_batches_hold_whole_hops_and_the_key_frame_that_follows(batch_frames):
    frames = [frame(t) for t in range(0, 3000, 100)]
    own = []
    for batch in batches(frames, batch_frames=batch_frames):
        assert batch.frames[0].is_key
        own += batch.frames[:-1] if batch.closed else batch.frames
        if batch.closed:
            assert batch.frames[-1].is_key
            assert len(batch.frames) - 1 >= batch_frames
    assert [f.pts_ns for f in own] == [f.pts_ns for f in frames]


def test_a_scene_cut_is_a_key_frame():
    (batch,) = batches([frame(t, scene=1 if t < 300 else 2) for t in range(0, 500, 100)], batch_frames=100)
    assert [f.pts_ns // MS for f in batch.frames if f.scene_cut] == [300]
    assert keys(batch) == [0, 300]


def test_another_picture_size_is_a_key_frame_and_no_new_scene():
    (batch,) = batches([frame(0), frame(100, width=128)], batch_frames=100)
    assert [f.scene_cut for f in batch.frames] == [False, False]
    assert keys(batch) == [0, 100]


def test_large_pictures_make_a_hop_shorter():
    count = INTERVAL_BYTES_MAX // (4096 * 2160 * 3 // 2)
    frames = [frame(t, width=4096, height=2160) for t in range(0, 400, 40)]
    keyed = [
        f for batch in batches(frames, batch_frames=1) for f in batch.frames[: -1 if batch.closed else None] if f.is_key
    ]
    assert [f.pts_ns // MS for f in keyed] == list(range(0, 400, 40 * count))


def test_missing_ticks_travel_with_their_batch():
    gone = Frame(100 * MS, None, None, 64, 48, missing=True)
    (batch,) = batches([frame(0), gone, frame(200)], batch_frames=10)
    assert [f.missing for f in batch.frames] == [False, True, False]


def test_missing_ticks_come_in_bounded_batches_and_all_of_them():
    lost = [Frame(i * 100 * MS, None, None, 64, 48, missing=True) for i in range(20, 25_000)]
    seen, after = [frame(i * 100) for i in range(20)], frame(2_500_000)
    found = list(batches([*seen, *lost, after], batch_frames=64))
    own = [f.pts_ns for batch in found for f in batch.frames[: len(batch.frames) - batch.closed]]
    assert own == [f.pts_ns for f in [*seen, *lost, after]]
    assert max(len(batch.frames) for batch in found) <= LOST_MAX
