"""ONNX Runtime, OpenVINO, torch.export and the browser beside PyTorch on ten real pictures: the worst difference of each.

Usage: python benchmarks/parity.py [--run RUN] [--pictures 10]

Without a run, the demo's network with random weights, on held-out OpenMoji drawings. Differences are of values in [-1, 1];
the worst of each picture is also told in grey levels (2/255): their median, least and greatest. The browser is Chromium with
WASM; its input is made by the page's own code.
"""

import argparse
import functools
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from diptych.data import open_dataset
from diptych.exporting import onnx_files, torch_export, web
from diptych.exporting.page_metadata import PageMetadata
from diptych.exporting.samples import samples
from diptych.machine.runtimes import folded
from diptych.recipe import read
from diptych.serving.page import assets
from diptych.serving.service.listing import Offer
from diptych.training.state import build
from diptych.training.validation import cards_of
from diptych.translator.translator import Translator

RECIPE = "pix2pix-openmoji-small"
SEED = 5
GREY_LEVEL = 2 / 255
IN_PAGE = """async ([width, height, rgb, seed]) => {
  const { toInput } = await import("./tensors.js");
  const [offer] = (await (await fetch("translators.json")).json()).translators;
  const network = offer.browser;
  if (!window.session) {
    window.ort = await import("./vendor/ort.wasm.min.mjs");
    ort.env.wasm.wasmPaths = new URL("vendor/", location.href).href;
    ort.env.wasm.wasmBinary = await (await import("./parts.js")).runtimeOf("vendor/ort-wasm-simd-threaded.wasm.gz", () => {});
    ort.env.wasm.numThreads = 1;
    const parts = await Promise.all(network.parts.map(async (part) => new Uint8Array(await (await fetch(part.url)).arrayBuffer())));
    const bytes = new Uint8Array(network.bytes);
    parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
    window.session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  }
  const input = toInput({ width, height, data: Uint8ClampedArray.from(rgb) }, offer.source, network.multiple);
  const feeds = { [network.input]: new ort.Tensor(input.type, input.data, input.dims) };
  if (network.seed) feeds[network.seed] = new ort.Tensor("int32", Int32Array.of(seed), []);
  const output = (await window.session.run(feeds))[network.output];
  return [output.dims, Array.from(output.data)];
}"""

Run = Callable[[Tensor], Tensor]


def subject(run: Path | None, count: int) -> tuple[Translator, list[Tensor]]:
    """A translator, and (1, channels, H, W) each of held-out pictures."""
    if run is not None:
        translator = Translator.load(run)
        return translator, [one.source for one in samples(run, translator, "", "held-out", count)]
    recipe = read(RECIPE)
    system = build(recipe)
    card = cards_of(recipe, system)[0]
    dataset = open_dataset(recipe.data, "test", train=False)
    spread = range(0, len(dataset), len(dataset) // count)
    pictures = [dataset.sample(index, np.random.default_rng(0))[0][None] for index in spread][:count]
    return Translator(system.get_submodule(card.module), card), pictures


def files(translator: Translator, folder: Path) -> dict[str, Run]:
    """Every exported form by its name."""
    found: dict[str, Run] = {}
    for precision in ("float32", "float16"):
        place = folder / f"{precision}.onnx"
        onnx_files.write(translator, place, precision=precision)
        for engine in ("onnx", "openvino"):
            exported = Translator.load_onnx(place, engine)
            found[f"{engine} {precision}"] = functools.partial(exported.batch, seed=SEED)
    torch_export.write(translator, folder / "program.pt2", "seed")
    found["torch.export float32"] = torch_export.runner(folder / "program.pt2", translator)
    return found


@contextmanager
def in_browser(translator: Translator, network: Path, folder: Path) -> Iterator[Run | None]:
    """What an exported page computes; None where there is no Chromium or no runtime."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None or not assets.has_runtime():
        yield None
        return
    from playwright.sync_api import sync_playwright

    web.write(Offer("subject", translator), PageMetadata("subject", []), network, folder, None, "float32")
    handler = functools.partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/README.txt")  # an empty page of the same origin
        page.set_default_timeout(120_000)

        def run(source: Tensor) -> Tensor:
            seen = translator.card.source.preview(source[0])
            rgba = np.concatenate([seen, np.full((*seen.shape[:2], 1), 255, np.uint8)], axis=2)
            told: list[Any] = [seen.shape[1], seen.shape[0], rgba.ravel().tolist(), folded(SEED)]
            sizes, values = page.evaluate(IN_PAGE, told)
            height, width = (side * translator.card.scale for side in source.shape[2:])
            return torch.tensor(values).reshape(sizes)[..., :height, :width]

        yield run
        browser.close()
    server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--device", default="cpu", help="taken so that all benchmarks can be called alike")
    arguments = parser.parse_args()
    translator, pictures = subject(arguments.run, arguments.pictures)
    wanted = [translator.batch(picture, seed=SEED) for picture in pictures]
    columns = ("worst difference", "mean", "worst of a picture, in grey levels", "least and greatest")
    table = Table("form", *columns, title=f"{len(pictures)} pictures against PyTorch eager float32")

    def add(name: str, run: Run) -> None:
        off = [(run(picture) - right).abs() for picture, right in zip(pictures, wanted, strict=True)]
        worst, mean = [float(one.max()) for one in off], float(np.mean([float(one.mean()) for one in off]))
        levels = [one / GREY_LEVEL for one in worst]
        spread = (f"{float(np.median(levels)):.1e}", f"{min(levels):.1e} to {max(levels):.1e}")
        table.add_row(name, f"{max(worst):.1e}", f"{mean:.1e}", *spread)

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, run in files(translator, folder).items():
            add(name, run)
        with in_browser(translator, folder / "float32.onnx", folder / "page") as found:
            if found is not None:
                add("browser (WASM) float32", found)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
