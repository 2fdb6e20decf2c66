"""What the pages say, and what they never do."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from pipeline.errors import ConfigError, ResultsError
from pipeline.report import write_report
from pipeline.report.circumplex import LABEL, label_places
from tests.pipeline.report.made_up import Someone, Video, ticks, write_record, write_video


def page_of(index: Path, stream: str) -> str:
    return next((index.parent / "videos").glob(f"{stream}*.html")).read_text()


def data_of(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])


def line(person: dict) -> list[tuple[float, int | None]]:
    return list(zip((np.cumsum(person["t"]) / 1000).tolist(), person["vs"], strict=True))


def test_every_video_and_picture_has_a_page_that_the_index_links(results):
    index = write_report(results)
    assert index == results / "report" / "index.html"
    links = re.findall(r'href="(videos/[^"]+)"', index.read_text())
    assert len(links) == 4
    assert all((index.parent / unquote(link)).is_file() for link in links)


def test_no_line_is_drawn_across_a_gap(results):
    person = data_of(page_of(write_report(results), "two"))["people"][0]
    missing = [t for t, value in line(person) if value is None]
    assert missing == pytest.approx([3.45])


def test_cuts_and_damaged_stretches_are_marked(results):
    data = data_of(page_of(write_report(results), "two"))
    assert data["cuts"] == [8.0]
    assert data["damaged"] == [[3.5, 4.0]]


def test_brief_appearances_are_left_out_and_counted(results):
    page = page_of(write_report(results), "two")
    assert [person["name"] for person in data_of(page)["people"]] == ["person 1", "person 2"]
    assert "1 brief appearance under 0.3 s is left out." in page
    assert "Only brief appearances" in page_of(write_report(results), "brief")


def test_what_was_flagged_is_said_in_words_with_numbers(results):
    page = page_of(write_report(results), "two")
    assert re.search(r"turned by more than 25°</td><td class=\"num\">60</td><td class=\"num\">39 %", page)


def test_a_video_without_faces_says_so(results):
    page = page_of(write_report(results), "nobody")
    assert "No face was found in this video." in page
    assert "<script type=" not in page


def test_a_picture_has_a_table_of_faces_and_no_charts(results):
    page = page_of(write_report(results), "group")
    assert "uPlot" not in page
    assert page.count('<circle class="dot"') == 2
    assert "+0.80" in page
    assert "−0.40" in page, "a picture's bad face has the value of its network"


def test_a_picture_without_faces_says_so(tmp_path):
    write_record(tmp_path)
    write_video(tmp_path, Video(stream_id="sky.png~0", picture=True, length_s=0.04))
    assert "No face was found in this picture." in page_of(write_report(tmp_path), "sky")


def test_numbers_of_faces_in_one_spot_do_not_cover_each_other():
    places = label_places(np.full((6, 2), 40.0))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)[~np.eye(6, dtype=bool)]
    assert apart.min() > LABEL - 0.2


def test_long_lines_are_thinned_and_the_page_says_so(tmp_path):
    write_record(tmp_path)
    t_s = ticks(0, 1200)
    someone = Someone(t_s=t_s, valence=np.where(np.arange(len(t_s)) == 7777, 1.0, 0.0))
    write_video(tmp_path, Video(stream_id="long.mp4~0", people=[someone], length_s=1200.0))
    page = page_of(write_report(tmp_path), "long")
    person = data_of(page)["people"][0]
    assert len(person["t"]) <= 4000
    assert max(value for _, value in line(person) if value is not None) == 1000
    assert "drawn from fewer frames" in page


def test_of_many_people_the_longest_are_switched_on(tmp_path):
    write_record(tmp_path)
    crowd = [Someone(t_s=ticks(0, 1 + i / 10), valence=[0.0] * (10 + i)) for i in range(15)]
    write_video(tmp_path, Video(stream_id="crowd.mp4~0", people=crowd))
    page = page_of(write_report(tmp_path), "crowd")
    on = [person["name"] for person in data_of(page)["people"] if person["on"]]
    assert on == [f"person {i}" for i in range(4, 16)]
    assert "The 12 longest of 15 appearances" in page


def test_names_are_escaped_everywhere(tmp_path):
    evil = '</script><script>alert(1)</script><img src=x onerror="alert(2)">.mp4~0'
    write_record(tmp_path, failed=[{"stream_id": evil, "error": evil}], context=evil)
    write_video(tmp_path, Video(stream_id=evil, people=[Someone(t_s=ticks(0, 2), valence=[0.0] * 20)]))
    index = write_report(tmp_path)
    pages = [index, *(index.parent / "videos").iterdir()]
    for text in (page.read_text() for page in pages):
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "&lt;img" in text


def test_nothing_is_fetched_from_anywhere(results):
    folder = write_report(results).parent
    files = [f for f in folder.rglob("*") if f.is_file() and f.parent.name != "uplot"]
    assert {f.suffix for f in files} == {".html", ".css", ".js"}
    for file in files:
        text = file.read_text()
        assert not re.search(r"https?://|//cdn|@import|url\(", text), file
    for file in (folder / "assets" / "uplot").iterdir():
        links = [] if file.name == "LICENSE.txt" else re.findall(r"https?://\S+", file.read_text())
        assert links in ([], [links and "https://github.com/leeoniya/uPlot"]), "the licence comment alone"


def test_every_page_tells_how_to_read_it_and_what_the_context_is(results):
    index = write_report(results)
    for page in (index, *(index.parent / "videos").iterdir()):
        text = page.read_text()
        assert "What faces show, not what people feel" in text
        assert "weak labels" in text
        assert "over 0.8 s before and after" in text
        assert "<strong>research</strong>" in text
        assert "does not say where" not in text


def test_a_run_without_context_is_told_so_calmly(results):
    write_record(results, context="unspecified")
    index = write_report(results)
    assert "does not say where these faces were filmed" in index.read_text()
    assert "does not say where these faces were filmed" in page_of(index, "two")


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_results_in_other_formats_give_the_same_charts(tmp_path, format):
    someone = Someone(t_s=ticks(0, 2) + ticks(4, 6), valence=np.linspace(-1, 1, 40))
    data = []
    for kind in ("parquet", format):
        out = tmp_path / kind
        write_record(out)
        write_video(out, Video(stream_id="a.mp4~0", people=[someone]), format=kind)
        data.append(data_of(page_of(write_report(out), "a")))
    assert data[0] == data[1]


def test_an_old_report_is_replaced_and_nothing_else_is(results, tmp_path):
    out = tmp_path / "elsewhere"
    first = write_report(results, out)
    (first.parent / "stale.html").write_text("old")
    told = []
    assert write_report(results, out, lambda done, total: told.append((done, total))) == first
    assert told == [(i, 4) for i in range(1, 5)]
    assert sorted(path.name for path in out.iterdir()) == ["assets", "index.html", "videos"]
    assert not list(tmp_path.glob("_*"))
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match="not a report"):
        write_report(results, precious)
    assert (precious / "thesis.txt").exists()


def test_a_failed_report_leaves_the_old_one_and_no_rubbish(results):
    index = write_report(results)
    before = index.read_text()
    next((results / "points").rglob("*.parquet")).write_bytes(b"not parquet")
    with pytest.raises(ResultsError, match=r"\.parquet: committed, but cannot be read"):
        write_report(results)
    assert index.read_text() == before
    assert not list(results.glob("_report*"))


def test_no_results_are_one_clear_line(tmp_path):
    with pytest.raises(ResultsError, match=r"no results there \(no run.json\)"):
        write_report(tmp_path)
    write_record(tmp_path, state="interrupted")
    with pytest.raises(ResultsError, match="nothing was analysed"):
        write_report(tmp_path)
