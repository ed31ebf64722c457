"""A person's hand and eyes on the page."""

import re
from typing import Any

import numpy as np
from playwright.sync_api import Page, expect


def pixels(page: Page, name: str = "canvas") -> np.ndarray[Any, Any]:
    """(height, width, 4) of the canvas of that name."""
    data = page.evaluate(
        """name => { const c = document.getElementById(name);
        return [c.width, c.height, ...c.getContext("2d").getImageData(0, 0, c.width, c.height).data]; }""",
        name,
    )
    return np.array(data[2:], np.uint8).reshape(data[1], data[0], 4)


def stroke(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """With the mouse, in shares of the canvas."""
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    x, y, width, height = box["x"], box["y"], box["width"], box["height"]
    page.mouse.move(x + start[0] * width, y + start[1] * height)
    page.mouse.down()
    page.mouse.move(x + end[0] * width, y + end[1] * height, steps=6)
    page.mouse.up()


def settled(page: Page) -> None:
    """The newest drawing has been translated."""
    expect(page.locator("#result")).not_to_have_class(re.compile("stale"), timeout=30_000)
