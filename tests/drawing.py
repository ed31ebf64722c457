"""A person's hand and eyes on the page."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from playwright.sync_api import Page, expect

expect.set_options(timeout=30_000)  # a loaded machine is slow, and what passes does not wait


def pixels(page: Page, name: str = "canvas") -> np.ndarray[Any, Any]:
    """(height, width, 4) of the canvas of that name."""
    data = page.evaluate(
        """name => { const c = document.getElementById(name);
        return [c.width, c.height, ...c.getContext("2d").getImageData(0, 0, c.width, c.height).data]; }""",
        name,
    )
    return np.array(data[2:], np.uint8).reshape(data[1], data[0], 4)


def press(page: Page, start: tuple[float, float], *through: tuple[float, float]) -> None:
    """Begin a stroke with the mouse, in shares of the canvas, and do not end it."""
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    x, y, width, height = box["x"], box["y"], box["width"], box["height"]
    page.mouse.move(x + start[0] * width, y + start[1] * height)
    page.mouse.down()
    for point in through:
        page.mouse.move(x + point[0] * width, y + point[1] * height, steps=6)


def stroke(page: Page, start: tuple[float, float], *through: tuple[float, float]) -> None:
    """A whole stroke, or a fill: when this returns, the drawing holds it."""
    with changing(page, translated=False):
        press(page, start, *through)
        page.mouse.up()


@contextmanager
def changing(page: Page, translated: bool = True) -> Iterator[None]:
    """What is done within changes the drawing; wait until it has, and until the drawing is translated.

    Opening a file or an example returns before its picture is there, so the drawing as it stands would say nothing.
    """
    before = page.get_attribute("#canvas", "data-changes")
    assert before is not None
    yield
    expect(page.locator("#canvas")).not_to_have_attribute("data-changes", before)
    if translated:
        settled(page)


def settled(page: Page) -> None:
    """The drawing as it stands has been translated."""
    expect(page.locator("#result")).not_to_have_class(re.compile("stale"))


def eventually(page: Page, truth: str | Callable[[], Any]) -> None:
    """Wait until that, or that JavaScript, is true; Playwright's own way of waiting is refused by the policy of our pages."""
    for _ in range(600):
        if page.evaluate(truth) if isinstance(truth, str) else truth():
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"this did not come true within 30 s: {truth}")


def begun(page: Page, translator: str = ".") -> None:
    """That translator is chosen, and its first picture is there and has been translated."""
    expect(page.locator("#canvas")).to_have_attribute("data-translator", re.compile(translator))
    settled(page)


def choose(page: Page, translator: str) -> None:
    """By its name."""
    page.select_option("#translator", translator)
    begun(page, translator)
