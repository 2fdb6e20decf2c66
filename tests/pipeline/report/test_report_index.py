"""The index stays small and quick, and names what failed."""

import re

from pipeline.report import write_report
from pipeline.report.index import IndexRow, display_names, render_index
from pipeline.report.words import clock, count, percent, signed
from tests.pipeline.report.made_up import Someone, Video, ticks, write_record, write_video

RUN = {"run_id": "r", "context": "research", "failed": [], "state": "finished"}


def make_row(i: int) -> IndexRow:
    return IndexRow(
        name=f"day {i // 100:02}/interview with somebody {i:04}.mp4",
        href=f"videos/day%2520{i // 100:02}%252Finterview%2520{i:04}.mp4~0123abcd.html",
        sparkline="M1 12.5" + "".join(f"L{2 * k} {(k * i) % 24:.1f}" for k in range(1, 60)),
        picture=False,
        video_s=60.0 + i,
        frames=600 + i,
        frames_with_faces=500,
        people=i % 7,
        points=900,
        good_points=(i * 37) % 900,
        valence=i / 1000,
        arousal=None,
        problems=["3 frames missing", "few good faces"] if i % 9 == 0 else [],
    )


def test_a_thousand_videos_are_a_small_page():
    html = render_index([make_row(i) for i in range(1000)], RUN, title="archive", mark="m")
    assert len(html.encode()) < 3_000_000
    assert html.count("<tr>") == 1001


def test_failed_sources_stand_there_with_their_reasons(results):
    html = write_report(results).read_text()
    assert "broken.mp4: not a video" in html
    assert re.search(r"<summary>More</summary><pre>line two</pre>", html)
    assert "4 of 5" in html


def test_a_run_of_failures_alone_has_an_index(tmp_path):
    write_record(tmp_path, failed=[{"stream_id": "a.mp4~0", "error": "a.mp4: no such file"}])
    html = write_report(tmp_path).read_text()
    assert "No video was analysed." in html
    assert "a.mp4: no such file" in html


def test_a_run_that_stopped_says_that_it_is_not_whole(results):
    write_record(results, state="interrupted")
    assert "The run is not finished (interrupted)" in write_report(results).read_text()


def test_problems_are_counted_from_the_rows(results):
    html = write_report(results).read_text()
    assert "5 frames missing" in html
    assert "no face found" in html


def test_a_video_cut_out_of_a_longer_one_is_as_long_as_what_was_analysed(tmp_path):
    write_record(tmp_path)
    video = Video(stream_id="a.mp4~0", people=[Someone(t_s=ticks(0, 9), valence=[0.0] * 90)], length_s=70.0)
    write_video(tmp_path, video)
    assert ">1:10<" in write_report(tmp_path).read_text()


def test_names_lose_their_hash_only_where_they_stay_different():
    names = display_names(["a.mp4~1", "b.mp4~2", "b.mp4~3"])
    assert list(names.values()) == ["a.mp4", "b.mp4~2", "b.mp4~3"]


def test_numbers_are_written_for_readers():
    assert [clock(s) for s in (0, 59.6, 3600)] == ["0:00", "1:00", "1:00:00"]
    assert clock(59.96, decimals=1) == "1:00.0"
    assert [signed(v) for v in (0.126, -0.3, -0.001, None, float("nan"))] == ["+0.13", "−0.30", "0.00", "–", "–"]
    assert [percent(*x) for x in ((1, 1), (999, 1000), (1, 1000), (0, 5), (0, 0))] == [
        *("100 %", "99 %", "< 1 %", "0 %", "–")
    ]
    assert [count(n, "frame") for n in (1, 1200)] == ["1 frame", "1,200 frames"]
