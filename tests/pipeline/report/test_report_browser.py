"""The report works in a browser, from the disk, without a network."""

from pathlib import Path

import pytest

from pipeline.report import write_report

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
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    errors, requests = [], []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))

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
    assert errors == []
    assert all(url.startswith("file:") for url in requests)


def _ink(page, selector: str) -> int:
    """How many pixels of a canvas are drawn on."""
    return page.locator(selector).evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.filter((v, i) => i % 4 === 3 && v).length"
    )
