"""The page served, and exported, for a browser without a window."""

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from drawing import begun
from playwright.sync_api import Browser, Page
from running import running
from toys import draw_pairs, run_to_end, tiny_recipe

from diptych.exporting.export import ExportSettings, export
from diptych.exporting.offers import offers_of
from diptych.serving.page import assets
from diptych.serving.service.app import Service

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two runs: pictures to pictures, and class maps with instances to pictures."""
    place = tmp_path_factory.mktemp("drawn")
    pairs = draw_pairs(place / "pairs")
    made = {}
    for system in ("pix2pix", "spade"):
        made[system] = run_to_end(tiny_recipe(system, pairs), place / system)[0].folder
    return made


@pytest.fixture(scope="session")
def served(runs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service with both, and with the first under a second name."""
    if not assets.has_runtime():
        pytest.skip("there is no browser's runtime here; `make page` fetches it")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIPTYCH_CACHE", str(tmp_path_factory.mktemp("cache") / "data"))
        offers, _ = offers_of([*runs.values(), runs["pix2pix"]], "latest", "cpu", "torch", True)
    with running(Service(offers)) as address:
        yield address


@pytest.fixture(scope="session")
def hosted() -> Iterator[Callable[[Path], str]]:
    """Puts a folder under a plain file server, which sends no headers of isolation; gives its address."""
    servers = []

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    def host(folder: Path) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield host
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def exported(runs: dict[str, Path], hosted: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an exported folder."""
    if not assets.has_runtime():
        pytest.skip("there is no browser's runtime here; `make page` fetches it")
    out = tmp_path_factory.mktemp("web") / "page"
    export(ExportSettings(runs["pix2pix"], "web", out))
    return hosted(out)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens an address in a fresh profile and waits for the first picture; the page may throw nothing."""
    contexts = []
    thrown: list[str] = []

    def visit(address: str, *, ready: bool = True, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: thrown.append(str(error)))
        page.goto(address)
        if ready:
            begun(page)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not thrown
