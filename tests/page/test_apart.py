"""The page without a server of ours, with one that refuses, with a keyboard alone, on a phone, and for assistive technology."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from drawing import begun, choose, eventually, pixels, settled, stroke
from PIL import Image
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


def test_a_first_picture_takes_few_bytes_and_all_of_them_are_in_the_bar(exported: str, visit: Any) -> None:
    page = visit("about:blank", ready=False, service_workers="block")
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: int(answer.headers.get("content-length", 0))}))
    page.add_init_script("""addEventListener("DOMContentLoaded", () => { window.told = [];
        new MutationObserver(() => told.push(document.getElementById("fetched").textContent))
          .observe(document.getElementById("fetched"), { childList: true }); });""")
    page.goto(exported)
    begun(page)
    fetched = sum(size for url, size in sizes.items() if "/vendor/" in url or "/models/" in url)
    assert fetched < 5 * 2**20, "four seconds at 10 Mbit/s"
    last = [words for words in page.evaluate("told") if "Fetching" in words][-1]
    assert float(re.findall(r"[0-9.]+", last)[1]) == pytest.approx(fetched / 2**20, abs=0.2)
    box, panel = (
        page.locator("#right").bounding_box(),
        page.evaluate("document.getElementById('loading').closest('.leaf') !== null"),
    )
    assert box is not None
    assert panel


def test_an_exported_page_is_an_element_of_another_page(
    exported: str, hosted: Callable[[Path], str], visit: Any, tmp_path: Path
) -> None:
    page = visit("about:blank", ready=False, service_workers="block")
    (tmp_path / "index.html").write_text(embeddings(exported), encoding="utf-8")
    page.goto(hosted(tmp_path))
    frame = page.frame_locator("diptych-canvas iframe")
    expect(frame.locator("#canvas")).to_have_attribute("data-translator", "pix2pix")
    expect(frame.locator("header")).to_be_hidden()
    eventually(page, "window.results > 0")
    kind, width = (
        page.evaluate("""async () => { const blob = await document.querySelector("diptych-canvas").picture("result");
        return [blob.type, (await createImageBitmap(blob)).width]; }""")
    )
    assert kind == "image/png"
    assert width == frame.locator("#result").evaluate("one => one.width")
    eventually(page, "document.querySelector('diptych-canvas').offsetHeight !== 520")


def embeddings(folder: str) -> str:
    """Another's page, with the lines that ours prints for it."""
    lines = f'''<script async src="{folder}embed.js"></script>
<diptych-canvas model="{folder}"></diptych-canvas>'''
    assert lines in in_node(f"embeddings('{folder}').Element")
    return f"<script>window.results = 0; addEventListener('diptych-result', () => window.results++);</script>{lines}"


def in_node(expression: str) -> str:
    """What a function of the page's snippets gives."""
    node = node_or_skip()
    module = (assets.page_folder() / "embedding" / "snippets.js").as_uri()
    code = f"import {{ requests, embeddings }} from '{module}'; process.stdout.write(String({expression}))"
    done = subprocess.run(
        [node, "--input-type=module", "-e", code], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


@pytest.mark.parametrize("way", ["curl", "Python", "JavaScript"])
def test_the_requests_that_are_printed_run(way: str, served: str, tmp_path: Path) -> None:
    Image.new("RGB", (16, 16), "white").save(tmp_path / "drawing.png")
    text = in_node(f"requests('{served}translate/pix2pix', false)['{way}']")
    (tmp_path / "snippet.mjs").write_text(text, encoding="utf-8")
    commands = {
        "curl": ["sh", "-c", text],
        "Python": [sys.executable, "-c", text],
        "JavaScript": [node_or_skip(), "snippet.mjs"],
    }
    if shutil.which(commands[way][0]) is None or (way == "curl" and shutil.which("curl") is None):
        pytest.skip(f"there is no {way} here")
    done = subprocess.run(commands[way], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "result.png") as result:
        assert result.size == (16, 16)


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
    expect(page.locator("#fetched")).to_contain_text(re.compile(r"Fetching the network, [0-9.]+ of"))
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


def node_or_skip() -> str:
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    if node is None:
        pytest.skip("there is no node here")
    return node


def test_the_units_of_the_page() -> None:
    node = node_or_skip()
    tests = sorted(str(file) for file in Path(__file__).parent.glob("*.test.js"))
    done = subprocess.run([node, "--test", *tests], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
