"""The page without a server of ours, with one that refuses, with a keyboard alone, on a phone, and for assistive technology."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from drawing import begun, choose, pixels, settled, stroke
from playwright.sync_api import Page, Route, expect
from running import running

from diptych.exporting.offers import offers_of
from diptych.serving.page import assets
from diptych.serving.service.app import Service

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = Path(__file__).parents[2] / ".venv/page/node_modules/axe-core/axe.min.js"


def test_an_exported_folder_translates_by_itself_and_offline(exported: str, visit: Any) -> None:
    page = visit(exported)
    assert "by this browser (WASM" in page.inner_text("#status")
    assert page.evaluate("crossOriginIsolated"), "its service worker isolates the page, so that WASM has threads"
    assert page.locator("#where").is_hidden()
    page.click("#clear")
    settled(page)
    before = pixels(page, "result")
    page.context.set_offline(True)
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    settled(page)
    assert (pixels(page, "result") != before).any()
    page.reload()
    begun(page)
    assert "by this browser" in page.inner_text("#status")


def test_a_runtime_in_parts_is_joined(exported: str, visit: Any) -> None:
    page = visit(exported)
    for offline in (False, True):
        page.context.set_offline(offline)
        kind, digest = page.evaluate(
            """async () => {
            const answer = await fetch("vendor/ort-wasm-simd-threaded.asyncify.wasm");
            const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await answer.arrayBuffer()));
            return [answer.headers.get("Content-Type"), [...digest].map((one) => one.toString(16).padStart(2, "0")).join("")]; }"""
        )
        assert kind == "application/wasm", "or it would not be compiled while it comes"
        whole = (assets.page_folder() / "vendor" / "ort-wasm-simd-threaded.asyncify.wasm").read_bytes()
        assert digest == hashlib.sha256(whole).hexdigest()


def test_an_exported_folder_asks_its_own_folder_alone(exported: str, visit: Any) -> None:
    page = visit("about:blank", ready=False)
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.goto(exported)
    begun(page)
    elsewhere = [url for url in asked if not url.startswith((exported, "blob:", "data:"))]
    assert asked
    assert not elsewhere


def test_a_network_that_arrives_damaged_is_refused(exported: str, visit: Any) -> None:
    def spoil(route: Route) -> None:
        answer = route.fetch()
        body = bytearray(answer.body())
        body[len(body) // 2] ^= 1
        route.fulfill(response=answer, body=bytes(body))

    page = visit("about:blank", ready=False, service_workers="block")
    page.context.route("**/models/**", spoil)
    page.goto(exported)
    expect(page.locator("#error")).to_have_text("The network arrived damaged; try again.")
    page.context.unroute_all(behavior="ignoreErrors")


def test_a_network_that_is_on_its_way_is_seen_coming(exported: str, visit: Any) -> None:
    page = visit("about:blank", ready=False, service_workers="block")
    held: list[Route] = []
    free: list[bool] = []
    page.context.route("**/models/**", lambda route: route.continue_() if free else held.append(route))
    page.goto(exported)
    expect(page.locator("#fetched")).to_contain_text("Fetching the network, 0.0 of")
    expect(page.locator("#progress")).to_be_visible()
    free.append(True)
    for route in held:
        route.continue_()
    begun(page)
    expect(page.locator("#loading")).to_be_hidden()


REFUSALS = [
    (422, "the picture is too small; enlarge it.", "The picture is too small; enlarge it."),
    (500, None, "The server answered with 500 Internal Server Error."),
]


@pytest.mark.parametrize(("status", "detail", "sentence"), REFUSALS)
def test_what_a_server_refuses_is_a_sentence(served: str, visit: Any, status: int, detail: str, sentence: str) -> None:
    page = visit(served)
    body = json.dumps({"detail": detail}) if detail else "<html>"
    page.route(
        "**/translate/**",
        lambda route: route.fulfill(status=status, body=body, content_type="application/problem+json"),
    )
    page.click("#clear")
    expect(page.locator("#error")).to_have_text(sentence)
    page.unroute("**/translate/**")
    page.click("#undo")
    settled(page)
    expect(page.locator("#error")).to_be_hidden()


def test_a_busy_server_is_asked_again_and_a_dead_one_named(served: str, visit: Any) -> None:
    page = visit(served)
    words = '{"detail": "too many pictures are waiting; try again in 1 s."}'
    page.route("**/translate/**", lambda route: route.fulfill(status=503, headers={"Retry-After": "1"}, body=words))
    page.click("#clear")
    expect(page.locator("#error")).to_have_text("Too many pictures are waiting; try again in 1 s.")
    page.unroute("**/translate/**")
    settled(page)
    expect(page.locator("#error")).to_be_hidden()
    page.route("**/translate/**", lambda route: route.abort())
    page.click("#undo")
    lost = "The server does not answer; is it still running? Trying again every 3 s."
    expect(page.locator("#error")).to_have_text(lost)
    page.unroute("**/translate/**")  # it was started again
    settled(page)
    expect(page.locator("#error")).to_be_hidden()


def test_a_page_that_is_opened_while_the_service_starts_waits_for_it(served: str, visit: Any) -> None:
    page = visit("about:blank", ready=False)
    page.route("**/translators.json", lambda route: route.fulfill(status=502, body="<html>"))
    page.goto(served)
    expect(page.locator("#error")).to_have_text("The server answered with 502 Bad Gateway. Trying again every 3 s.")
    page.unroute("**/translators.json")
    begun(page)
    expect(page.locator("#error")).to_be_hidden()


def test_a_token_is_asked_for_and_kept(runs: dict[str, Path], visit: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    offers, _ = offers_of([runs["pix2pix"]], "latest", "cpu", "torch", True)
    with running(Service(offers, token="open sesame")) as address:
        page = visit(address, ready=False)
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        expect(page.locator("#token")).to_have_value("")
        page.fill("#token", "open sesame")
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_contain_text("by the server")
        page.check("input[name=where][value=browser]", force=True)
        expect(page.locator("#status")).to_contain_text("by this browser")


def broken_rules(page: Page) -> Sequence[str]:
    """What axe-core finds against WCAG 2.1 A and AA."""
    if not AXE.is_file():
        pytest.skip("axe-core is not here; `make page` fetches it")
    page.evaluate(AXE.read_text(encoding="utf-8") + "; undefined")
    found = page.evaluate(
        "() => axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'] })"
        ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' | ')))"
    )
    return list(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(360, 740), (1280, 800)])
def test_it_fits_and_reads_well(served: str, visit: Any, scheme: str, size: tuple[int, int]) -> None:
    viewport = {"width": size[0], "height": size[1]}
    page = visit(served, color_scheme=scheme, viewport=viewport, bypass_csp=True)
    for translator in ("pix2pix", "spade"):
        choose(page, translator)
        page.click("summary")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        for name in ("#canvas", "#result"):
            box = page.locator(name).bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]
            assert box["width"] >= 150
        assert broken_rules(page) == []


def test_terms_are_shown(served: str, visit: Any) -> None:
    page = visit(served)
    assert "Trained on pairs" in page.inner_text("#terms")


def test_the_units_of_the_page() -> None:
    import subprocess
    import sys

    own = f"{Path(sys.executable).parent}"
    node = shutil.which("node", path=own) or shutil.which("node")
    if node is None:
        pytest.skip("there is no node here")
    tests = sorted(str(file) for file in Path(__file__).parent.glob("*.test.js"))
    done = subprocess.run([node, "--test", *tests], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
