"""The page in a browser, from disk."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from drawing import eventually
from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def page(browser: Browser, run: Path) -> Iterator[Page]:
    """The run's report, long enough for bands. Any browser error, warning or request is a failure."""
    from diptych.report import LiveReport

    with open(run / "log.jsonl", "a") as file:
        for step in range(7, 3000):
            file.write(json.dumps({"step": step, "generator.l1": step % 7, "rate": 1.0}) + "\n")
    with open(run / "events.jsonl", "w") as file:
        file.write('{"step": 0, "kind": "start", "words": "Now.", "steps": 9000}\n')
        file.write('{"step": 900, "kind": "health", "words": "Oh."}\n')
    said: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    place = LiveReport(run, print).write()
    assert place is not None
    page.goto(place.resolve().as_uri())
    page.wait_for_selector(".plot .main-svg")
    yield page
    page.close()
    assert said == []


def test_slider(page: Page) -> None:
    assert page.text_content("#at") == "step 6"
    newest = page.get_attribute("#grid", "src")
    page.focus("#step")
    page.keyboard.press("ArrowLeft")
    assert page.text_content("#at") == "step 4"
    assert page.get_attribute("#grid", "src") != newest
    eventually(page, "document.getElementById('grid').complete && document.getElementById('grid').naturalWidth > 0")
    page.reload()
    assert page.text_content("#at") == "step 4"  # kept over the page's own loading anew


def test_curves(page: Page) -> None:
    assert page.locator(".plot").count() >= 6
    plot = "[...document.querySelectorAll('.plot')].find((plot) => plot.layout?.title.text.startsWith('generator: l1 - means'))"
    assert page.evaluate(f"{plot}.data.length") == 3  # low, high, mean
    assert page.evaluate(f"{plot}.layout.shapes.length") == 1
    page.evaluate(f"Plotly.relayout({plot}, {{'xaxis.range[0]': 100, 'xaxis.range[1]': 200}})")
    page.evaluate("document.getElementById('settings').open = true; keep()")
    page.reload()
    page.wait_for_selector(".plot .main-svg")
    assert page.evaluate(f"{plot}.layout.xaxis.range") == [100, 200]
    assert page.evaluate("document.getElementById('settings').open")
    page.emulate_media(color_scheme="dark")
    eventually(page, f"{plot}?.layout.font.color === 'rgb(230, 232, 238)'")


def test_nothing_can_be_sent_away(page: Page) -> None:
    page.hover(".plot")
    offered = (
        page.locator(".plot").first.locator(".modebar-btn").evaluate_all("all => all.map((one) => one.dataset.title)")
    )
    assert "Reset axes" in offered
    assert not [title for title in offered if "Share" in title or "loud" in title or "Edit" in title]


def test_nothing_is_wider_than_a_telephone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
