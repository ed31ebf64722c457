"""What leaves the page: a picture of both panels, a film; what comes in by the camera; and further tools of the hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawing import begun, changing, eventually, pixels, press, settled, stroke
from PIL import Image
from playwright.sync_api import Page, Route, expect

from diptych.serving.page import assets

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WEBCAM = """navigator.mediaDevices.getUserMedia = async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
    const context = canvas.getContext("2d");
    let shade = 0;
    setInterval(() => {
        shade = (shade + 16) % 256;
        context.fillStyle = `rgb(0 0 ${shade})`; context.fillRect(0, 0, 320, 240);
        context.fillStyle = "#f00"; context.fillRect(40, 0, 120, 240);
    }, 30);
    return canvas.captureStream(30); }"""


def posted(page: Page) -> Path:
    with page.expect_download() as found:
        page.click("#post-save")
    return Path(found.value.path())


def test_a_picture_of_both_panels_is_made(served: str, visit: Any) -> None:
    page = visit(served)
    page.click("#clear")
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    settled(page)
    page.click("#picture")
    expect(page.locator("#post-image")).to_be_visible()
    made = np.asarray(Image.open(posted(page)).convert("RGB")).astype(int)
    assert made.shape == (720 + 28 + 64, 2 * 720 + 3 * 28, 3)
    drawing, result = made[28:748, 28:748], made[28:748, 776:1496]
    assert (drawing[360, 200:520] < 10).all()
    assert (drawing[100] == 255).all()
    for part, name in ((drawing, "canvas"), (result, "result")):
        assert np.abs(part.mean((0, 1)) - pixels(page, name)[..., :3].mean((0, 1))).max() < 4
    assert (made[760:] < 128).any(), "the name stands below"
    page.keyboard.press("Escape")
    expect(page.locator("#posting")).to_be_hidden()


def test_a_film_shows_the_drawing_and_its_result_growing(served: str, visit: Any) -> None:
    page = visit(served)
    page.click("#clear")
    page.click("#film")
    expect(page.locator("#error")).to_have_text("A film shows a drawing growing: draw something first.")
    stroke(page, (0.2, 0.3), (0.8, 0.3), (0.8, 0.7))
    stroke(page, (0.2, 0.8), (0.7, 0.8))
    settled(page)
    page.click("#film")
    expect(page.locator("#posting")).to_be_visible()
    dark = """async (at) => { const video = document.getElementById("post-video");
        video.pause(); video.currentTime = at;
        await new Promise((resolve) => (video.onseeked = resolve));
        const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight), context = canvas.getContext("2d");
        context.drawImage(video, 0, 0);
        const { data } = context.getImageData(28, 28, 720, 720);
        return [canvas.width, data.filter((value, place) => place % 4 === 0 && value < 100).length]; }"""
    eventually(page, "document.getElementById('post-video').readyState >= 2")
    (width, early), (_, late) = page.evaluate(dark, 0.05), page.evaluate(dark, 1.2)
    assert width == 1524
    assert 0 < early < late


def test_the_camera_is_translated_one_picture_at_a_time(served: str, visit: Any) -> None:
    page = visit("about:blank", ready=False)
    page.add_init_script(WEBCAM)
    page.goto(served)
    begun(page)
    with changing(page):
        page.click("#clear")
    empty = pixels(page)
    flying: list[str] = []
    most: list[int] = []

    def count(route: Route) -> None:
        flying.append("")
        most.append(len(flying))
        answer = route.fetch()
        flying.pop()
        route.fulfill(response=answer)

    page.route("**/translate/**", count)
    page.click("#camera")
    expect(page.locator("#status")).to_contain_text("pictures a second from the camera")
    middle = pixels(page).shape[1] // 2
    assert (pixels(page)[:, middle + 4 :, 0] > 200).any(), "it is a mirror"
    assert not (pixels(page)[:, : middle - 4, 0] > 200).any()
    page.click("#mirror")
    eventually(page, lambda: (pixels(page)[:, : middle - 4, 0] > 200).any())
    assert max(most) == 1
    page.click("#freeze")
    settled(page)
    frozen = pixels(page)
    page.wait_for_timeout(300)
    np.testing.assert_array_equal(pixels(page), frozen)
    expect(page.locator("#mirror")).to_be_hidden()
    assert len(most) > 2
    page.click("#undo")
    np.testing.assert_array_equal(pixels(page), empty)
    page.unroute_all(behavior="wait")


def test_shift_draws_straight_an_ellipse_is_round_and_the_eyedropper_takes_a_colour(served: str, visit: Any) -> None:
    page = visit(served)
    with changing(page):
        page.click("#clear")
    page.keyboard.press("l")
    page.keyboard.down("Shift")
    stroke(page, (0.1, 0.1), (0.9, 0.13))
    page.keyboard.up("Shift")
    rows = np.flatnonzero((pixels(page)[..., 0] < 250).any(axis=1))
    assert len(rows) <= 4, "the line is level"
    page.click("#clear")
    page.check("input[name=colour][value='#2f6fd0']", force=True)
    page.keyboard.press("o")
    page.keyboard.down("Shift")
    stroke(page, (0.2, 0.2), (0.8, 0.5))
    page.keyboard.up("Shift")
    rows, columns = (np.flatnonzero((pixels(page)[..., 0] < 200).any(axis=axis)) for axis in (1, 0))
    assert abs(len(rows) - len(columns)) <= 1
    page.check("input[name=colour][value='#000000']", force=True)
    page.keyboard.press("i")
    press(page, (0.5, 0.2))
    page.mouse.up()
    expect(page.locator("input[name=tool][value=pencil]")).to_be_checked()
    assert page.locator("input[name=colour]:checked").get_attribute("value") in ("#2f6fd0", None)
    page.hover("#canvas")
    ring, canvas = page.locator("#ring").bounding_box(), page.locator("#canvas").bounding_box()
    assert ring is not None
    assert canvas is not None
    size = int(page.input_value("#size"))
    assert ring["width"] / canvas["width"] == pytest.approx(size / pixels(page).shape[1], rel=0.1)


def test_from_the_disk_it_says_what_it_needs(visit: Any) -> None:
    page = visit("about:blank", ready=False)
    page.goto((assets.page_folder() / "index.html").as_uri())
    expect(page.locator("#error")).to_contain_text("python3 -m http.server")
