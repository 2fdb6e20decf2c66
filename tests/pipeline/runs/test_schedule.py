"""Which job is next: order, retries, segments. No worker and no clock."""

import pytest

from pipeline.errors import SinkError
from pipeline.jobs.segments import Segment
from pipeline.results.commits import StreamReport
from pipeline.runs.jobs import Analysed, Failed, Job, Split
from pipeline.runs.schedule import MACHINES_LOST_MAX, SINK_PAUSES_S, SINKS_LOST_MAX, Schedule
from pipeline.runs.standing import Standing
from pipeline.sources.find import Source

A, B, C = (Source(f"{name}.mp4", name, f"file:///{name}.mp4") for name in "abc")
SEGMENTS = (Segment(0, 0, 10), Segment(1, 10, None))


def done(job):
    return StreamReport(stream_id=job.source.stream_id, source=job.source.path)


def test_jobs_leave_in_order_and_their_reports_settle_them():
    schedule = Schedule([A, B], attempts=3)
    first, second = schedule.take(0.0), schedule.take(0.0)
    assert [first, second] == [Job(A), Job(B)]
    assert schedule.take(0.0) is None
    assert schedule.put(second, done(second), 1.0).stream_id == "b"
    assert not schedule.is_done
    assert schedule.put(first, done(first), 1.0).stream_id == "a"
    assert schedule.is_done


def test_a_bad_file_is_not_tried_again():
    schedule = Schedule([A], attempts=3)
    job = schedule.take(0.0)
    report = schedule.put(job, Failed("a.mp4: is empty", "input"), 0.0)
    assert report.error == "a.mp4: is empty"
    assert schedule.is_done


def test_a_job_that_costs_its_worker_waits_at_the_side_and_is_given_up_with_its_last_words():
    schedule = Schedule([A, B], attempts=3)
    now = 0.0
    poison = schedule.take(now)
    for _ in range(2):
        assert schedule.put(poison, Failed("a.mp4: died", "lost", "out of cheese"), now) is None
        other = schedule.take(now)
        assert other is None or other.source is B
        if other is not None:
            schedule.put(other, done(other), now)
        assert 0 < schedule.pause_s(now) <= 5
        now += schedule.pause_s(now)
        assert schedule.take(now) == poison
    report = schedule.put(poison, Failed("a.mp4: died", "lost", "out of cheese"), now)
    assert report.error == "a.mp4: died; tried 3 times; its last words:\nout of cheese"
    assert schedule.is_done


def test_machines_that_are_lost_do_not_count_against_a_job_but_not_for_ever():
    schedule, now = Schedule([A], attempts=3), 0.0
    for _ in range(MACHINES_LOST_MAX - 1):
        now += 100.0
        assert schedule.put(schedule.take(now), Failed("a.mp4: node lost", "machine"), now) is None
    for _ in range(2):
        now += 100.0
        assert schedule.put(schedule.take(now), Failed("a.mp4: died", "lost"), now) is None
    now += 100.0
    report = schedule.put(schedule.take(now), Failed("a.mp4: node lost", "machine"), now)
    assert report.error == f"a.mp4: node lost; tried {MACHINES_LOST_MAX} times"


def test_one_unfit_machine_among_many_fails_no_source():
    """It answers at once, and so is given more jobs than all others; whoever runs the schedule dismisses it."""
    sources = [Source(f"{i}.mp4", str(i), f"file:///{i}.mp4") for i in range(50)]
    schedule, reports, now = Schedule(sources, attempts=3), [], 0.0
    while not schedule.is_done:
        now += 1.0
        jobs = [job for _ in range(10) if (job := schedule.take(now)) is not None]
        for i, job in enumerate(jobs):
            answer = Failed("no worker can be started", "machine") if i == 0 and now < 5.5 else done(job)
            reports.append(schedule.put(job, answer, now))
    assert [report.error for report in reports if report is not None] == [None] * 50


def test_rows_that_cannot_be_written_are_tried_again_after_longer_and_longer_pauses():
    schedule = Schedule([A], attempts=3)
    now, pauses = 0.0, []
    while (report := schedule.put(job := schedule.take(now), Failed("disk full", "sink"), now)) is None:
        pauses.append(schedule.pause_s(now))
        now += pauses[-1]
    assert tuple(pauses) == pytest.approx(SINK_PAUSES_S)
    assert job == Job(A)
    assert report.error == "disk full"


def test_a_long_video_is_analysed_in_segments_before_the_next_and_then_joined():
    schedule = Schedule([A, B], attempts=3)
    job = schedule.take(0.0)
    assert schedule.put(job, Split(SEGMENTS), 0.0) is None
    parts = [schedule.take(0.0), schedule.take(0.0)]
    assert parts == [Job(A, SEGMENTS, 0), Job(A, SEGMENTS, 1)]
    assert schedule.put(parts[1], Analysed(), 0.0) is None
    assert schedule.take(0.0) == Job(B)
    assert schedule.put(parts[0], Analysed(), 0.0) is None
    joining = schedule.take(0.0)
    assert joining == Job(A, SEGMENTS)
    assert schedule.put(joining, done(joining), 0.0).stream_id == "a"


def test_a_segment_that_fails_is_told_once_and_the_others_are_left():
    schedule = Schedule([A], attempts=3)
    schedule.put(schedule.take(0.0), Split((*SEGMENTS, Segment(2, 20, None))), 0.0)
    first, second = schedule.take(0.0), schedule.take(0.0)
    assert schedule.put(first, Failed("a.mp4: broken", "input"), 0.0).error == "a.mp4: broken"
    assert schedule.put(second, Failed("a.mp4: broken", "input"), 0.0) is None
    assert schedule.take(0.0) is None
    assert schedule.is_done


def test_a_disk_that_takes_nothing_more_ends_the_run_and_not_each_source_after_the_other():
    sources = [Source(f"{i}.mp4", str(i), f"file:///{i}.mp4") for i in range(SINKS_LOST_MAX + 1)]
    schedule, now = Schedule(sources, attempts=3), 0.0
    with pytest.raises(SinkError, match="No space left; 5 consecutive sources could not be written"):  # noqa: PT012 - in that many steps
        while not schedule.is_done:
            now += 100.0
            schedule.put(schedule.take(now), Failed("No space left", "sink"), now)


def test_a_source_that_is_written_ends_a_row_of_those_that_were_not(monkeypatch):
    monkeypatch.setattr("pipeline.runs.schedule.SINK_PAUSES_S", ())
    sources = [Source(f"{i}.mp4", str(i), f"file:///{i}.mp4") for i in range(2 * SINKS_LOST_MAX)]
    schedule, now = Schedule(sources, attempts=3), 0.0
    while not schedule.is_done:
        now += 100.0
        job = schedule.take(now)
        good = int(job.source.stream_id) % SINKS_LOST_MAX == 0
        schedule.put(job, done(job) if good else Failed("No space left", "sink"), now)


def test_what_is_tried_again_and_what_segment_is_analysed_is_told():
    told = []

    class Ear(Standing):
        def retried(self, job, failed):
            told.append(("again", job.part))

        def analysed(self, job):
            told.append(("analysed", job.part))

    schedule = Schedule([A], attempts=3, standing=Ear())
    schedule.put(schedule.take(0.0), Split(SEGMENTS), 0.0)
    for answer in (Failed("lost", "lost"), Analysed(), Analysed()):
        schedule.put(schedule.take(100.0), answer, 0.0)
    assert told == [("again", 0), ("analysed", 1), ("analysed", 0)]
