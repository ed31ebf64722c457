"""What one draws with: a keyboard alone, fingers, a pen; and zooming."""

from typing import Any

import pytest
from drawing import changing, eventually, pixels, settled
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_keyboard_alone_draws(served: str, visit: Any) -> None:
    page = visit(served)
    page.click("#clear")
    page.keyboard.press("b")
    page.focus("#canvas")
    page.keyboard.press("Space")
    expect(page.locator("#said")).to_have_text("Pen down")
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    page.keyboard.press("Space")
    expect(page.locator("#said")).to_have_text("Pen up")
    drawn = pixels(page)
    middle = drawn.shape[0] // 2
    assert drawn[middle, middle, 0] < 128
    page.keyboard.press("Control+z")
    assert (pixels(page)[..., 0] == 255).all()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.name"))
    assert {
        "canvas",
        "tool",
        "size",
        "undo",
        "clear",
        "larger",
        "colour",
        "open",
        "save",
        "share",
        "keep",
        "where",
    } <= reached


def test_two_fingers_zoom_and_one_draws(served: str, visit: Any) -> None:
    page = visit(served, has_touch=True, viewport={"width": 360, "height": 740})
    page.click("#clear")
    settled(page)
    box = page.locator("#canvas").bounding_box()
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"], "id": n}
            for n, (x, y) in enumerate(points)
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", (0.4, 0.4))
    touch("touchStart", (0.4, 0.4), (0.6, 0.6))
    touch("touchMove", (0.4, 0.4), (0.8, 0.8))
    touch("touchEnd")
    eventually(page, "parseInt(document.getElementById('zoom').textContent) > 130")
    assert (pixels(page)[..., 0] == 255).all()
    with changing(page):
        touch("touchStart", (0.3, 0.3))
        touch("touchMove", (0.5, 0.3))
        touch("touchEnd")
    assert (pixels(page)[..., 0] < 128).any()


def test_a_pen_draws_wider_where_it_is_pressed(served: str, visit: Any) -> None:
    page = visit(served)
    page.keyboard.press("b")
    page.evaluate("() => { size.value = 6; size.dispatchEvent(new Event('input')); }")
    with changing(page):
        page.click("#clear")
    box = page.locator("#canvas").bounding_box()
    session = page.context.new_cdp_session(page)

    def pen(kind: str, x: float, force: float, held: int) -> None:
        place = {"x": box["x"] + x * box["width"], "y": box["y"] + 0.5 * box["height"]}
        button = {"button": "left", "buttons": held, "clickCount": 1, "pointerType": "pen", "force": force}
        session.send("Input.dispatchMouseEvent", {"type": kind, **place, **button})

    with changing(page):
        pen("mousePressed", 0.1, 0.1, 1)
        for number in range(1, 9):
            pen("mouseMoved", 0.1 + number / 10, 0.1 + number / 10, 1)
        pen("mouseReleased", 0.9, 0.0, 0)
    dark = (pixels(page)[..., 0] < 128).sum(axis=0)
    light, hard = dark[int(0.2 * len(dark))], dark[int(0.8 * len(dark))]
    assert 0 < light < 0.75 * hard


def test_both_panels_are_zoomed_and_scroll_together(served: str, visit: Any) -> None:
    page = visit(served)
    for _ in range(3):
        page.click("#larger")
    expect(page.locator("#zoom")).to_have_text("338%")
    page.evaluate("left.scrollTo(77, 55)")
    eventually(
        page, "right.scrollLeft === left.scrollLeft && right.scrollTop === left.scrollTop && left.scrollLeft > 70"
    )
    page.click("#clear")
    with changing(page):
        panel = page.locator("#left").bounding_box()
        page.mouse.click(panel["x"] + panel["width"] / 2, panel["y"] + panel["height"] / 2)
    assert (pixels(page)[..., 0] < 128).any()
    page.focus("#canvas")
    for _ in range(40):
        page.keyboard.press("ArrowLeft")
    eventually(page, "left.scrollLeft === 0")
    page.keyboard.press("0")
    expect(page.locator("#zoom")).to_have_text("100%")
