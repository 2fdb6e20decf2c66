"""The report works in a browser, from the disk, without a network."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.report import write_report
from tests.pipeline.report.made_up import Someone, Video, ticks, write_record, write_video

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


def test_search_charts_zoom_and_switches_work_without_an_error(results, browser):
    index = write_report(results)
    page, complaints, requests = _watched(browser)
    page.goto(index.as_uri())
    rows = page.locator("#videos tbody tr:visible")
    assert rows.count() == 4
    page.fill("#search", "PEOPLE two")
    assert rows.count() == 1
    assert page.inner_text("#matches") == "1 of 4 videos"
    page.fill("#search", "")
    page.get_by_role("button", name="Frames").click()
    assert rows.first.inner_text().split()[0] != "group.jpg"
    page.get_by_role("button", name="Frames").click()
    assert rows.first.inner_text().split()[0] == "group.jpg"

    page.get_by_role("link", name="two people.mp4").click()
    assert page.locator(".uplot canvas").count() == 3
    assert page.locator("#chips button[aria-pressed=true]").count() == 2
    assert _ink(page, "#path") > 0
    plot = page.locator("#valence .u-over").bounding_box()
    y = plot["y"] + plot["height"] / 2
    page.mouse.move(plot["x"] + plot["width"] * 0.5, y)
    assert page.locator("#moment").inner_text().startswith("0:05")
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.7, y, steps=4)
    page.mouse.up()
    assert page.locator("#reset").inner_text().startswith("0:05.0 – 0:07.0")
    page.mouse.dblclick(plot["x"] + 50, y)
    assert page.locator("#reset").is_hidden()
    before = _ink(page, "#valence canvas")
    page.locator("#none").click()
    page.wait_for_timeout(50)
    assert _ink(page, "#valence canvas") < before
    page.emulate_media(color_scheme="dark", media="print")
    page.emulate_media(color_scheme="dark", media="screen")

    page.get_by_role("link", name="All videos").click()
    page.get_by_role("link", name="group.jpg").click()
    assert page.locator("circle.dot").count() == 2
    assert complaints == []
    assert all(url.startswith("file:") for url in requests)


ODD_NAMES = (
    "<script>alert(1)</script>.mp4",
    "two\nlines \x1b[31m.mp4",
    "a'b\"c`d&amp;#?%20.mp4",
    "=1+1 family 👨‍👩‍👧.mp4",
)


@pytest.fixture
def every_kind(results):
    """A report with a page of every kind there is; its index."""
    crowd = [Someone(t_s=ticks(i / 10, 3 + i / 10), valence=np.linspace(-1, 1, 30)) for i in range(30)]
    write_video(results, Video(stream_id="crowd.mp4~5", people=crowd))
    write_video(results, Video(stream_id="no faces.png~6", picture=True, length_s=0.04))
    faces = [Someone(t_s=[0.0], valence=[i / 40]) for i in range(40)]
    write_video(results, Video(stream_id="many faces.png~7", people=faces, picture=True, length_s=0.04))
    write_video(results, Video(stream_id="one frame.mp4~8", people=[Someone(t_s=[0.0], valence=[0.5])], length_s=0.04))
    bad = Someone(t_s=ticks(0, 3), valence=[0.1] * 30, quality=1, grade=0)
    write_video(results, Video(stream_id="all bad.mp4~9", people=[bad], missing_s=(4.0, 10.0)))
    sparse = Someone(t_s=[0.0, 2.0, 4.0], valence=[0.1, np.nan, 0.3])
    write_video(results, Video(stream_id="sparse.mp4~a", people=[sparse], fps=0.5))
    someone = Someone(t_s=ticks(0, 3), valence=[0.1] * 30)
    for number, name in enumerate(ODD_NAMES):
        write_video(results, Video(stream_id=f"{name}~b{number}", people=[someone]))
    return write_report(results)


@pytest.mark.parametrize("script", [True, False], ids=["scripted", "without script"])
def test_no_page_of_any_kind_makes_the_browser_complain(every_kind, browser, script):
    page, complaints, requests = _watched(browser, java_script_enabled=script)
    page.goto(every_kind.as_uri())
    pages = page.locator("#videos tbody a").evaluate_all("links => links.map(a => a.href)") if script else []
    pages = pages or [path.as_uri() for path in (every_kind.parent / "videos").glob("*.html")]
    assert len(pages) == 10 + len(ODD_NAMES)
    for address in pages:
        page.goto(address)
        assert page.locator("h1").count() == 1
        if script:
            for button in page.locator("#chips button, #all, #none, #reset, .tools button").all()[:20]:
                if button.is_visible():
                    button.click()
            page.set_viewport_size({"width": 360, "height": 640})
            page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth", timeout=5000)
            page.set_viewport_size({"width": 1200, "height": 1000})
    assert complaints == []
    assert all(url.startswith("file:") for url in requests)


def test_a_report_without_a_video_is_a_page_without_an_error(tmp_path, browser):
    write_record(tmp_path, failed=[{"stream_id": "bad\x1b.mp4~0", "error": "bad.mp4: is empty\nmore"}])
    page, complaints, _ = _watched(browser)
    page.goto(write_report(tmp_path).as_uri())
    assert "No video was analysed" in page.inner_text("body")
    assert "is empty" in page.inner_text("#failed")
    assert complaints == []


def _complains(message) -> bool:
    own = "willReadFrequently" in message.text  # of `_ink` below
    return message.type in ("error", "warning") and not own


def _watched(browser, **settings):
    """A page, what its browser complains of, and the addresses it asks for."""
    page = browser.new_page(viewport={"width": 1200, "height": 1000}, **settings)
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text) if _complains(message) else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: requests.append(request.url))
    return page, complaints, requests


def _ink(page, selector: str) -> int:
    """How many pixels of a canvas are drawn on."""
    return page.locator(selector).evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v).length"
    )
