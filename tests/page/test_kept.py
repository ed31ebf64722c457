"""What the page keeps: the drawing, through whatever happens to the page, and the size of a photograph."""

import io
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from drawing import begun, changing, choose, eventually, pixels, settled, stroke
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

ACTIVE_SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20" onload="top.attacked = 1">
<script>top.attacked = document.defaultView.attacked = 1; fetch("/attacked")</script>
<style>rect { fill: #0000ff }</style>
<image href="/icon.svg" width="9" height="9"/><rect width="40" height="20"/><circle cx="30" cy="10" r="6" style="fill: red"/></svg>"""


def drawn(page: Page, *points: tuple[float, float]) -> Any:
    page.click("#clear")
    stroke(page, *points)
    settled(page)
    return pixels(page)


def saved(page: Page, button: str) -> Any:
    with page.expect_download() as found:
        page.click(button)
    return np.asarray(Image.open(found.value.path()))


def test_a_drawing_outlives_a_reload_and_going_back(served: str, visit: Any) -> None:
    page = visit(served)
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    kept = drawn(page, (0.2, 0.2), (0.8, 0.6))
    page.reload()
    begun(page)
    np.testing.assert_array_equal(pixels(page), kept)
    page.click("#clear")
    page.click("#undo")
    np.testing.assert_array_equal(pixels(page), kept)
    page.goto("about:blank")
    page.go_back()
    begun(page)
    np.testing.assert_array_equal(pixels(page), kept)
    later = page.context.new_page()
    page.close()
    later.goto(served)
    begun(later)
    np.testing.assert_array_equal(pixels(later), kept)
    assert not messages


def test_a_drawing_goes_along_to_a_translator_of_its_kind_and_waits_for_others(served: str, visit: Any) -> None:
    page = visit(served)
    kept = drawn(page, (0.2, 0.2), (0.8, 0.6))
    choose(page, "pix2pix-2")
    np.testing.assert_array_equal(pixels(page), kept)
    choose(page, "spade")
    assert pixels(page).shape != kept.shape
    page.keyboard.press("b")
    classes = drawn(page, (0.1, 0.9), (0.9, 0.1))
    page.reload()
    begun(page, "spade")
    np.testing.assert_array_equal(pixels(page), classes)
    choose(page, "pix2pix")
    np.testing.assert_array_equal(pixels(page), kept)
    with changing(page):
        page.click("#clear")
    choose(page, "spade")
    choose(page, "pix2pix")
    page.click("#undo")
    np.testing.assert_array_equal(pixels(page), kept)


def test_an_example_that_nobody_touched_gives_way(served: str, visit: Any) -> None:
    page = visit(served)
    first = pixels(page)
    with changing(page):
        page.click("#gallery button >> nth=1")
    assert (pixels(page) != first).any()
    fresh = visit(served)
    choose(fresh, "spade")
    choose(fresh, "pix2pix")
    np.testing.assert_array_equal(pixels(fresh), first)


def test_each_tab_has_a_drawing_of_its_own(served: str, visit: Any) -> None:
    page = visit(served)
    one = drawn(page, (0.2, 0.2), (0.8, 0.2))
    other = page.context.new_page()
    other.goto(served)
    begun(other)
    np.testing.assert_array_equal(pixels(other), one)  # it begins with what was drawn last
    two = drawn(other, (0.2, 0.8), (0.8, 0.8))
    for tab, expected in ((page, one), (other, two)):
        tab.reload()
        begun(tab)
        np.testing.assert_array_equal(pixels(tab), expected)


def test_what_was_drawn_on_a_link_is_kept_and_the_link_opens_anew(served: str, visit: Any) -> None:
    page = visit(served)
    sent = drawn(page, (0.1, 0.1), (0.9, 0.8))
    page.click("#share")
    expect(page.locator("#link")).to_have_value(re.compile("#t=pix2pix&m="))
    link = page.input_value("#link")
    other = visit(link)
    changed = drawn(other, (0.1, 0.5), (0.9, 0.5))
    other.reload()
    begun(other)
    np.testing.assert_array_equal(pixels(other), changed)
    fresh = other.context.new_page()
    fresh.goto(link)
    begun(fresh)
    np.testing.assert_array_equal(pixels(fresh), sent)


@pytest.mark.parametrize(
    "refused",
    [
        "IDBFactory.prototype.open = () => { throw new DOMException('no', 'SecurityError'); }",
        "Object.defineProperty(self, 'sessionStorage', {get() { throw new DOMException('no', 'SecurityError'); }})",
        "IDBObjectStore.prototype.put = function (...entry) { this.add(...entry); return this.add(...entry); }",
    ],
    ids=["database", "session", "later"],
)
def test_without_storage_the_page_draws_all_the_same(refused: str, served: str, visit: Any) -> None:
    page = visit("about:blank", ready=False)
    page.add_init_script(refused)
    page.goto(served)
    begun(page)
    assert (drawn(page, (0.2, 0.2), (0.8, 0.6))[..., 0] < 128).any()


def test_an_svg_is_opened_and_does_nothing(served: str, visit: Any, tmp_path: Path) -> None:
    page = visit(served)
    messages: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.context.on("request", lambda request: asked.append(request.url))
    file = tmp_path / "drawing.svg"
    file.write_text(ACTIVE_SVG, encoding="utf-8")
    with changing(page):
        page.set_input_files("#file", file)
    seen = pixels(page)
    height, width, _ = seen.shape
    assert width == 2 * height
    assert tuple(seen[height // 2, 1, :3]) == (0, 0, 255)
    assert tuple(seen[height // 2, width * 3 // 4, :3]) == (255, 0, 0)
    page.wait_for_timeout(300)
    assert page.evaluate("window.attacked") is None
    assert not messages
    assert all("/translate/" in url or url.startswith("blob:") for url in asked), asked
    for words in ("<svg", '<svg xmlns="http://www.w3.org/2000/svg"><', "<p>no <svg > here"):
        file.write_text(words, encoding="utf-8")
        page.set_input_files("#file", file)
        expect(page.locator("#error")).to_contain_text("That is no picture this browser can read")
        with changing(page):
            page.click("#clear")
        expect(page.locator("#error")).to_be_hidden()


def test_a_photograph_keeps_its_size_in_what_is_saved(served: str, visit: Any, tmp_path: Path) -> None:
    page = visit(served)
    photo = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    with changing(page):
        page.set_input_files("#file", tmp_path / "photo.png")
    page.reload()  # it is still known how large it was
    begun(page)
    small = pixels(page).shape
    assert small[0] < 90
    assert small[1] < 120
    np.testing.assert_array_equal(saved(page, "#save")[..., :3], photo)
    answer = httpx.post(f"{served}translate/pix2pix", content=(tmp_path / "photo.png").read_bytes(), trust_env=False)
    expected = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))
    np.testing.assert_array_equal(saved(page, "#keep")[..., :3], expected)
    page.keyboard.press("b")
    stroke(page, (0.1, 0.5), (0.9, 0.5))
    settled(page)
    both = saved(page, "#save")[..., :3]
    changed = (both != photo).any(2)
    assert changed[45, 10:110].all()
    assert not changed[:20].any(), "the pixels that were not drawn on are the photograph's"
    page.click("#undo")
    settled(page)
    np.testing.assert_array_equal(saved(page, "#keep")[..., :3], expected)


def test_a_result_that_cannot_be_had_in_that_size_is_enlarged(served: str, visit: Any, tmp_path: Path) -> None:
    page = visit(served)
    Image.effect_noise((120, 90), 20).convert("RGB").save(tmp_path / "photo.png")
    with changing(page):
        page.set_input_files("#file", tmp_path / "photo.png")
    page.route("**/translate/**", lambda route: route.fulfill(status=413, body='{"detail": "too many pixels."}'))
    assert saved(page, "#keep").shape[:2] == (90, 120)
    expect(page.locator("#status")).to_contain_text("enlarged from")
    page.unroute("**/translate/**")
    page.check("input[name=where][value=browser]", force=True)
    expect(page.locator("#status")).to_contain_text("this browser (WASM")
    settled(page)
    assert saved(page, "#keep").shape[:2] == (90, 120)
    eventually(page, "document.getElementById('status').textContent.includes('to 120x90')")
