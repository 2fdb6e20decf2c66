"""How a run stands: what is counted, what is left."""

import pytest

from pipeline.jobs.context import Progress
from pipeline.jobs.segments import Segment
from pipeline.results.commits import StreamReport
from pipeline.runs.jobs import Failed, Job
from pipeline.runs.standing import Standing
from pipeline.sources.find import Source


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def source(name):
    return Source(path=f"/{name}", uri=f"file:///{name}", stream_id=name)


def report(name, **counts):
    return StreamReport(stream_id=name, source=f"/{name}", **counts)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def standing(clock):
    return Standing(clock)


def test_time_left_is_judged_by_bytes_and_not_by_the_number_of_files(standing, clock):
    standing.planned({"large": 900, "a": 50, "b": 50}, done=2)
    standing.progress(Job(source("large")), Progress(duration_s=10.0))
    clock.now_s += 9.0
    standing.ended(report("large", video_s=10.0, frames=100, points=30))
    now = standing.snapshot()
    assert now.share == pytest.approx(0.9)
    assert now.left_s == pytest.approx(1.0)
    assert (now.sources, now.resumed, now.analysed) == (5, 2, 1)
    assert (now.video_s, now.frames, now.faces) == (10.0, 100, 30)
    assert now.frames_per_s == pytest.approx(100 / 9)


def test_a_file_of_unknown_size_weighs_as_much_as_the_others_do(standing):
    standing.planned({"a": 100, "b": 300, "unknown": None}, done=0)
    standing.ended(report("unknown"))
    assert standing.snapshot().share == pytest.approx(200 / 600)


SEGMENTS = tuple(Segment(i, i * 400 * 10**9, (i + 1) * 400 * 10**9) for i in range(3))


def segment(part):
    return Job(source("long"), SEGMENTS, part)


def test_segments_of_a_long_video_add_up(standing):
    standing.planned({"long": 10}, done=0)
    standing.progress(Job(source("long")), Progress())  # before it was cut
    for part in (0, 1):
        standing.progress(segment(part), Progress(stream_s=200.0, duration_s=1200.0, frames=7, faces=3))
    now = standing.snapshot()
    assert now.at_work == {"long": pytest.approx(1 / 3)}
    assert (now.frames, now.faces, now.video_s) == (14, 6, 400.0)


def test_segments_that_are_analysed_count_whole_whenever_that_was(standing):
    standing.planned({"long": 10}, done=0)
    standing.progress(segment(0), Progress(stream_s=200.0, duration_s=1200.0, frames=7))
    standing.analysed(segment(0))
    standing.analysed(segment(1))  # by an earlier call: nothing was told of it
    now = standing.snapshot()
    assert now.share == pytest.approx(2 / 3)
    assert now.video_s == 200.0


def test_joining_segments_takes_nothing_back(standing):
    standing.planned({"long": 10}, done=0)
    for part in range(3):
        standing.progress(segment(part), Progress(stream_s=400.0, duration_s=1200.0, frames=10))
    standing.progress(segment(None), Progress(duration_s=1200.0))
    now = standing.snapshot()
    assert (now.share, now.frames) == (pytest.approx(1.0), 30)


def test_a_job_that_is_tried_again_starts_anew(standing):
    standing.planned({"a": 10}, done=0)
    standing.progress(Job(source("a")), Progress(stream_s=5.0, duration_s=10.0, frames=50))
    standing.retried(Job(source("a")), Failed("lost", "lost"))
    now = standing.snapshot()
    assert (now.frames, now.share, now.retries) == (0, 0.0, 1)


def test_a_segment_that_is_tried_again_leaves_the_others_as_far_as_they_are(standing):
    standing.planned({"long": 10}, done=0)
    for part in (0, 1):
        standing.progress(segment(part), Progress(stream_s=200.0, duration_s=1200.0))
    standing.retried(segment(1), Failed("lost", "lost"))
    assert standing.snapshot().share == pytest.approx(1 / 6)


def test_a_late_word_of_a_unit_that_is_over_counts_nothing(standing):
    standing.planned({"a": 10}, done=0)
    standing.ended(report("a", frames=5))
    standing.progress(Job(source("a")), Progress(stream_s=5.0, duration_s=10.0, frames=50))
    now = standing.snapshot()
    assert (now.frames, now.at_work) == (5, {})


def test_failures_are_told_by_name_and_count_as_work_done(standing):
    standing.planned({"a": 10, "b": 10}, done=0)
    standing.ended(report("a", error="/a: is not a video"))
    now = standing.snapshot()
    assert now.failed == {"a": "/a: is not a video"}
    assert (now.share, now.analysed, now.frames) == (pytest.approx(0.5), 0, 0)


def test_nothing_to_do_is_all_done(standing):
    standing.planned({}, done=3)
    assert standing.snapshot().share == 1.0
    assert standing.snapshot().left_s == 0.0
