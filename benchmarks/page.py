"""From a stroke to its picture on the page, by the service and in the browser itself (Chromium, WASM), by the size of the network.

Usage: python benchmarks/page.py [--run RUN ...] [--strokes 10] [--rounds 3]

The time is the page's own: from the first change since the last request to the next picture shown; encoding, sending and
waiting are included. In every round both translate --strokes strokes; the ratio is that of a round's medians. Without runs:
networks with random weights, of the demo's size and of the published one.
"""

import argparse
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import torch
import uvicorn
from playwright.sync_api import Page, expect, sync_playwright
from rich.console import Console
from rich.table import Table

from diptych.data.public.licences import Licence
from diptych.exporting.models import write_model
from diptych.exporting.offers import offers_of
from diptych.networks import NetworkSpec
from diptych.pictures.kinds import Kind
from diptych.serving.page import assets
from diptych.serving.service.app import Service, create_app
from diptych.translator.card import Card
from diptych.translator.translator import Translator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._turns import Compared

NETS = {"demo-128": ({"width": 32, "depth": 7}, 128), "published-256": ({}, 256)}
PLACES = ("server", "browser")
UNTIMED = 2
"""Strokes at the beginning of a turn, which are slow everywhere."""
TIMES = re.compile(r"Translated in (\d+) ms by (.+); (\d+) ms from stroke to picture")


def untrained(folder: Path) -> list[Path]:
    """Model folders with random weights, which take as long as trained ones."""
    torch.manual_seed(0)
    for name, (options, side) in NETS.items():
        spec = NetworkSpec("unet", {"channels_in": 3, "channels_out": 3, "statistics": "running", **options})
        network = spec.build()
        card = Card("a-to-b", "generator", spec.name, spec.arguments, Kind(), Kind(), side, (side, side))
        write_model(Translator(network, card), folder, folder / name, "latest", "float32", Licence())
    return [folder / name for name in NETS]


def stroke(page: Page, number: int) -> None:
    box = page.locator("#canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] * (0.1 + 0.02 * (number % 35)), box["y"] + box["height"] * 0.2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 140, steps=3)
    page.mouse.up()
    page.wait_for_timeout(80)
    expect(page.locator("#result")).not_to_have_class(re.compile("stale"), timeout=60_000)


class Turn(NamedTuple):
    """Medians over the strokes of one turn, in milliseconds, and who translated."""

    network: float
    whole: float
    by: str


def turn(page: Page, where: str, strokes: int) -> Turn:
    """Strokes that the service or the browser translates."""
    page.check(f"input[name=where][value={where}]", force=True)
    expect(page.locator("#status")).to_contain_text(where, timeout=120_000)
    network, whole, by = [], [], ""
    for number in range(strokes + UNTIMED):
        stroke(page, number)
        found = TIMES.search(page.inner_text("#status"))
        assert found is not None
        by = found[2]
        if number >= UNTIMED:
            network.append(float(found[1]))
            whole.append(float(found[3]))
    return Turn(statistics.median(network), statistics.median(whole), by)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, nargs="*", default=[])
    parser.add_argument("--strokes", type=int, default=10, help="in a turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", help="taken so that all benchmarks can be called alike")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None or not assets.has_runtime():
        print(
            "The page is timed in Chromium with onnxruntime-web; install the one, and get the other with `make page`."
        )
        return
    table = Table(
        "translator", "network, MB", "by", "network, ms", "stroke to picture, ms", "of the service's", "least and greatest",
        title=f"the page, {arguments.rounds} x {arguments.strokes} strokes each",
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        offers, _ = offers_of(arguments.run or untrained(Path(folder)), "latest", "cpu", "auto", True)
        config = uvicorn.Config(create_app(Service(offers)), port=0, log_level="error", ws="none")
        server = uvicorn.Server(config)
        threading.Thread(target=server.run, daemon=True).start()
        while not server.started:
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        with sync_playwright() as play:
            page = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"]).new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            for offer in offers:
                if len(offers) > 1:
                    page.select_option("#translator", offer.name)
                rounds = [[turn(page, where, arguments.strokes) for where in PLACES] for _ in range(arguments.rounds)]
                for number, where in enumerate(PLACES):
                    found = Compared.of([tuple(one.whole for one in turns) for turns in rounds], 0, number)
                    network = statistics.median(turns[number].network for turns in rounds)
                    size = f"{offer.browser.entry['bytes'] / 1e6:.0f}" if offer.browser and where == "browser" else ""
                    shown = (f"{network:.0f}", f"{found.second:.0f}", f"{found.ratio:.2f}", found.span)
                    table.add_row(offer.name, size, rounds[0][number].by, *shown)
        server.should_exit = True
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
