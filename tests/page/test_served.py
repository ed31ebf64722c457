"""The page of a service, as a person uses it: drawn on, undone, filled, loaded, shared."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import begun, changing, choose, eventually, pixels, press, settled, stroke
from PIL import Image
from playwright.sync_api import Route, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_stroke_changes_the_drawing_and_the_result_and_can_be_undone(served: str, visit: Any) -> None:
    page = visit(served)
    page.click("#clear")
    settled(page)
    empty, before = pixels(page), pixels(page, "result")
    assert (empty[..., :3] == 255).all()
    stroke(page, (0.2, 0.3), (0.8, 0.6))
    settled(page)
    drawn, after = pixels(page), pixels(page, "result")
    assert 0 < (drawn[..., 0] < 128).sum() < drawn[..., 0].size / 2
    assert (after != before).any()
    assert "by the server" in page.inner_text("#status")
    page.click("#undo")
    settled(page)
    np.testing.assert_array_equal(pixels(page), empty)
    np.testing.assert_array_equal(pixels(page, "result"), before)
    page.keyboard.press("Control+Shift+Z")
    settled(page)
    np.testing.assert_array_equal(pixels(page), drawn)


def test_never_more_than_one_request_is_in_flight_and_the_newest_drawing_wins(served: str, visit: Any) -> None:
    page = visit(served)
    held: list[Route] = []
    page.route("**/translate/**", lambda route: held.append(route))
    stroke(page, (0.1, 0.1), (0.9, 0.1))
    eventually(page, lambda: held)
    for number in range(1, 6):
        stroke(page, (0.1, number / 6), (0.9, number / 6))
    assert len(held) == 1, "five strokes wait for the answer to the first"
    held[0].continue_()
    eventually(page, lambda: len(held) == 2)  # and are asked for at once
    held[1].continue_()
    settled(page)
    assert len(held) == 2
    page.unroute("**/translate/**")
    newest = pixels(page, "result")
    page.click("#undo")
    page.click("#redo")
    settled(page)
    np.testing.assert_array_equal(pixels(page, "result"), newest)


def test_the_result_follows_within_a_stroke(served: str, visit: Any) -> None:
    page = visit(served)
    with changing(page):
        page.click("#clear")
    before = pixels(page, "result")
    press(page, (0.1, 0.5), (0.9, 0.5))
    settled(page)
    assert (pixels(page, "result") != before).any()
    with changing(page):
        page.mouse.up()


def test_tools_lines_rectangles_fills_and_the_eraser(served: str, visit: Any) -> None:
    page = visit(served)
    page.click("#clear")
    page.keyboard.press("r")
    stroke(page, (0.25, 0.25), (0.75, 0.75))
    page.keyboard.press("f")
    page.check("input[name=colour][value='#d32f2f']", force=True)
    stroke(page, (0.5, 0.5), (0.5, 0.5))
    seen = pixels(page)
    middle = seen.shape[0] // 2
    assert tuple(seen[middle, middle, :3]) == (0xD3, 0x2F, 0x2F)
    assert tuple(seen[0, 0, :3]) == (255, 255, 255)
    page.keyboard.press("e")
    page.evaluate(
        "() => { const s = document.getElementById('size'); s.value = 60; s.dispatchEvent(new Event('input')); }"
    )
    stroke(page, (0, 0.5), (1, 0.5))
    stroke(page, (0, 0.2), (1, 0.2))
    stroke(page, (0, 0.8), (1, 0.8))
    assert (pixels(page)[..., :3] == 255).all()


def test_a_class_map_has_its_palette_by_name_and_no_other_colours(served: str, visit: Any) -> None:
    page = visit(served)
    choose(page, "spade")
    names = page.locator("#palette label").all_inner_texts()
    assert len(names) == 3
    page.click("#clear")
    page.check("input[name=colour][value='#ff0000']", force=True)
    stroke(page, (0.2, 0.2), (0.7, 0.8))
    page.keyboard.press("b")
    stroke(page, (0.9, 0.1), (0.1, 0.9))
    settled(page)
    colours = {tuple(colour) for colour in pixels(page).reshape(-1, 4).tolist()}
    assert colours == {(0, 0, 0, 255), (255, 0, 0, 255)}
    assert page.locator("#error").is_hidden()


def test_pictures_come_in_and_go_out(served: str, visit: Any, tmp_path: Path) -> None:
    page = visit(served)
    Image.fromarray(np.full((50, 100, 3), (10, 200, 30), np.uint8)).save(tmp_path / "wide.png")
    with changing(page):
        page.set_input_files("#file", tmp_path / "wide.png")
    height, width, _ = pixels(page).shape
    assert width == 2 * height
    assert tuple(pixels(page)[height // 2, width // 2, :3]) == (10, 200, 30)
    for button, name in (("#save", "drawing"), ("#keep", "result")):
        with page.expect_download() as found:
            page.click(button)
        assert found.value.suggested_filename == f"pix2pix-{name}.png"
        shown = pixels(page, "canvas" if name == "drawing" else "result")
        kept = np.asarray(Image.open(found.value.path()).convert("RGBA"))
        assert kept.shape == (50, 100, 4), "its own size, though it is shown smaller"
        assert np.abs(kept.mean((0, 1)) - shown.mean((0, 1))).max() < 2
    (tmp_path / "words.png").write_bytes(b"no picture")
    page.set_input_files("#file", tmp_path / "words.png")
    expect(page.locator("#error")).to_have_text(
        "That is no picture this browser can read; take a PNG, JPEG, WebP or SVG."
    )


def test_a_picture_is_pasted_and_dropped(served: str, visit: Any) -> None:
    page = visit(served)
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (0, 0, 250)).save(file, "PNG")
    for kind in ("paste", "drop"):
        page.click("#clear")
        with changing(page):
            page.evaluate(
                """([kind, bytes]) => { const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
                const options = { bubbles: true, cancelable: true };
                const event = kind === "paste" ? new ClipboardEvent(kind, { ...options, clipboardData: data })
                  : new DragEvent(kind, { ...options, dataTransfer: data });
                document.body.dispatchEvent(event); }""",
                [kind, list(file.getvalue())],
            )
        assert tuple(pixels(page)[3, 3, :3]) == (0, 0, 250), kind


def test_a_link_carries_the_drawing(served: str, visit: Any) -> None:
    page = visit(served)
    page.click("#clear")
    stroke(page, (0.1, 0.1), (0.9, 0.8))
    page.click("#share")
    expect(page.locator("#link")).to_have_value(re.compile("#t=pix2pix&m="))
    link = page.input_value("#link")
    other = visit(link)
    np.testing.assert_array_equal(pixels(other), pixels(page))
    with changing(other):
        other.click("#clear")
    with changing(other):
        other.evaluate("link => { location.hash = '#'; location.href = link; }", link)  # where the page is open already
    np.testing.assert_array_equal(pixels(other), pixels(page))
    broken = visit(link[:-9])
    expect(broken.locator("#error")).to_contain_text("incomplete")


def test_examples_are_of_the_training_data(served: str, visit: Any) -> None:
    page = visit(served)
    first = pixels(page)
    with changing(page):
        page.click("#gallery button >> nth=1")
    assert (pixels(page) != first).any()


def test_what_arrives_late_takes_no_drawing_away(served: str, visit: Any, tmp_path: Path) -> None:
    page = visit("about:blank", ready=False)
    late: list[Route] = []
    holding = [True]
    page.route("**/examples/**", lambda route: late.append(route) if holding else route.continue_())
    page.goto(served)
    eventually(page, lambda: late)
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    drawn = pixels(page)
    holding.clear()
    while late:
        late.pop().continue_()
    begun(page)
    np.testing.assert_array_equal(pixels(page), drawn)
    expect(page.locator("#gallery img")).to_have_count(8)
    holding.append(True)
    page.click("#gallery button >> nth=1")
    eventually(page, lambda: late)
    Image.new("RGB", (16, 16), (0, 0, 250)).save(tmp_path / "blue.png")
    with changing(page):
        page.set_input_files("#file", tmp_path / "blue.png")
    with page.expect_response("**/examples/**"):
        late.pop().continue_()
    with changing(page):
        page.click("#undo")
    np.testing.assert_array_equal(pixels(page), drawn)


def test_the_browser_translates_as_the_server_does(served: str, visit: Any) -> None:
    page = visit(served)
    for translator in ("pix2pix", "spade"):
        page.check("input[name=where][value=server]", force=True)
        choose(page, translator)
        by_server = pixels(page, "result").astype(int)
        page.check("input[name=where][value=browser]", force=True)
        expect(page.locator("#status")).to_contain_text("this browser (WASM")
        settled(page)
        assert np.abs(pixels(page, "result") - by_server).max() <= 3  # its weights are float16
