"""What is seen: crisp marks, a first visit, the result at full strength, one drawing by several translators."""

import io
from typing import Any

import numpy as np
import pytest
from drawing import begun, changing, choose, eventually, pixels, press, settled, stroke
from PIL import Image
from playwright.sync_api import Page, Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def seen(page: Page, name: str) -> Any:
    """(height, width, 3) of an element as the screen shows it."""
    return np.asarray(Image.open(io.BytesIO(page.locator(name).screenshot())).convert("RGB"))


def test_marks_are_crisp_on_any_screen(served: str, visit: Any) -> None:
    page = visit(served, device_scale_factor=2)
    page.click("#clear")
    stroke(page, (0.1, 0.2), (0.9, 0.7))
    for _ in range(2):
        shown = seen(page, "#left")[40:-40, 40:-40]
        soft = ((shown > 20) & (shown < 235)).all(axis=-1).sum(axis=0)
        crossed = (shown < 20).all(axis=-1).any(axis=0)
        assert crossed.sum() > 100
        assert np.median(soft[crossed]) <= 6, "an edge is a pixel or two of the screen on both sides of a mark"
        page.click("#larger")


def test_the_first_stroke_takes_the_examples_place_and_undo_gives_it_back(served: str, visit: Any) -> None:
    page = visit(served)
    example = pixels(page)
    press(page, (0.2, 0.5), (0.8, 0.5))
    page.mouse.up()
    settled(page)
    drawn = pixels(page)[..., :3]
    dark = (drawn < 128).all(axis=-1)
    assert dark.any()
    rows = np.flatnonzero((drawn < 250).any(axis=(1, 2)))
    assert len(rows) <= 6, "nothing of the example is left"
    page.click("#undo")
    np.testing.assert_array_equal(pixels(page), example)


def test_a_first_visit_shows_a_stored_result_before_anything_is_translated(served: str, visit: Any) -> None:
    page = visit("about:blank", ready=False)
    held: list[Route] = []
    page.route("**/translate/**", lambda route: held.append(route))
    page.goto(served)
    expect(page.locator("#about")).to_have_text("Draw or open pictures, and the network answers with pictures.")
    eventually(page, lambda: held)
    stored = pixels(page, "result")
    assert stored[..., 3].all(), "the stored result is there"
    held[0].continue_()
    page.unroute("**/translate/**")
    begun(page)
    assert np.abs(stored.astype(int) - pixels(page, "result")).max() <= 1
    expect(page.locator("#gallery img")).to_have_count(8)


def test_the_result_stays_at_full_strength_while_it_is_worked_on(served: str, visit: Any) -> None:
    page = visit(served)
    before = seen(page, "#result")
    held: list[Route] = []
    page.route("**/translate/**", lambda route: held.append(route))
    page.click("#clear")
    eventually(page, lambda: held)
    expect(page.locator("#result")).to_have_class("stale")
    assert page.evaluate("getComputedStyle(document.getElementById('result')).opacity") == "1"
    np.testing.assert_array_equal(seen(page, "#result")[8:-8, 8:-8], before[8:-8, 8:-8])
    held[0].continue_()
    settled(page)


def test_one_drawing_is_translated_by_all_of_its_kind(served: str, visit: Any) -> None:
    page = visit(served)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/translate/" in request.url else None)
    page.click("#compare")
    figure = page.locator("#others figure")
    expect(figure).to_have_count(1)
    with changing(page):
        page.click("#clear")
        stroke(page, (0.2, 0.2), (0.8, 0.7))
    other = """() => { const c = document.querySelector("#others canvas"), r = document.getElementById("result");
        const of = (one) => [...one.getContext("2d").getImageData(0, 0, one.width, one.height).data].join();
        return of(c) === of(r); }"""
    eventually(page, lambda: page.evaluate(other))  # the second is the first under another name
    assert any("pix2pix-2" in url for url in asked)
    figure.locator("button").click()
    begun(page, "pix2pix-2")
    assert (pixels(page)[..., 0] < 128).any(), "the drawing goes along"
    choose(page, "spade")
    expect(page.locator("#others")).to_be_hidden()
    expect(page.locator("#compare")).to_be_hidden()
