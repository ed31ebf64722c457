"""Model folders, torch.export programs, static pages, and what cannot be exported."""

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from commanding import Typed, refused
from documents import python_blocks
from PIL import Image
from toys import Made

from diptych import Translator
from diptych.data.public.licences import licence_of
from diptych.serving.page import assets

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (20, 33, 3)).astype(np.uint8)


def test_a_model_folder_translates_as_its_run(made: Made, typed: Typed, tmp_path: Path) -> None:
    out = tmp_path / "model"
    said = typed(
        "export", made("pix2pix"), "--to", "model", "--out", out, "--licence", "CC0", "--attribution", "By us."
    )
    assert said.code == 0, said
    assert sorted(file.name for file in out.iterdir()) == ["README.md", "card.json", "weights.safetensors"]
    np.testing.assert_array_equal(Translator.load(out)(PICTURE), Translator.load(made("pix2pix"))(PICTURE))
    words = (out / "README.md").read_text()
    for part in (
        "CC0. By us.",
        "l1 ",
        "diptych translate",
        "sha256",
        "RGB pictures (uint8, 0 to 255)",
        "multiples of 16",
    ):
        assert part in words
    facts = Translator.load(out).card.provenance
    assert facts["noise"].startswith("of dropout")
    assert facts["checkpoint"] == "00000006"
    assert facts["scores"]["step"] == 6


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_model_folder_of_half_the_bytes(precision: str, made: Made, typed: Typed, tmp_path: Path) -> None:
    for name in ("float32", precision):
        out = tmp_path / name
        assert typed("export", made("cyclegan"), "--to", "model", "--out", out, "--precision", name).code == 0
    sizes = [(tmp_path / name / "weights.safetensors").stat().st_size for name in ("float32", precision)]
    assert sizes[1] < 0.7 * sizes[0]
    off = Translator.load(tmp_path / precision)(PICTURE).astype(int) - Translator.load(made("cyclegan"))(PICTURE)
    assert 0 < abs(off).max() < 12


@pytest.mark.slow
def test_a_program_runs_where_diptych_is_not_imported(made: Made, typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "program.pt2"
    assert typed("export", made("pix2pix"), "--to", "pt2", "--out", file).code == 0
    source = torch.rand(2, 3, 16, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected = Translator.load(made("pix2pix")).batch(source, seed=9)
    np.save(tmp_path / "source.npy", source.numpy())
    script = (
        "import json, sys, numpy, torch\n"
        "files = {'card.json': ''}\n"
        f"program = torch.export.load({str(file)!r}, extra_files=files).module()\n"
        f"source = torch.from_numpy(numpy.load({str(tmp_path / 'source.npy')!r}))\n"
        "result = program(source, torch.tensor(9, dtype=torch.int32))\n"
        f"numpy.save({str(tmp_path / 'result.npy')!r}, result.detach().numpy())\n"
        "assert json.loads(files['card.json'])['way'] == 'a-to-b'\n"
        "assert not [name for name in sys.modules if name.startswith('diptych')]\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "result.npy"), expected.numpy(), atol=1e-4)


@pytest.mark.slow
def test_the_page_s_snippet_for_programs(
    made: Made, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed("export", made("cyclegan"), "--to", "pt2", "--out", "translator.pt2").code == 0
    told = {"source": torch.rand(1, 3, 16, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1}
    (code,) = (code for code in python_blocks("docs/export.md") if ".pt2" in code)
    exec(code, told)
    expected = Translator.load(made("cyclegan")).batch(told["source"])
    np.testing.assert_allclose(told["target"].detach().numpy(), expected.numpy(), atol=1e-4)


@pytest.mark.slow
def test_a_static_page_holds_all_that_it_needs(made: Made, typed: Typed, tmp_path: Path) -> None:
    if not assets.has_runtime():
        pytest.skip("the browser's runtime is not here; `make page` fetches it")
    out = tmp_path / "web"
    assert typed("export", made("pix2pix"), "--to", "web", "--out", out).code == 0
    listing = json.loads((out / "translators.json").read_text())
    (entry,) = listing["translators"]
    assert listing["served"] is False
    parts = b"".join((out / part["url"]).read_bytes() for part in entry["browser"]["parts"])
    assert hashlib.sha256(parts).hexdigest() == entry["browser"]["sha256"]
    assert len(parts) == entry["browser"]["bytes"]
    assert entry["browser"]["multiple"] == 16
    assert entry["browser"]["seed"] == "seed"
    assert all((out / address).is_file() for address in entry["examples"])
    assert len(entry["examples"]) == 4
    assert {assets.page_address(file) for file in assets.page_files()} <= {
        file.relative_to(out).as_posix() for file in out.rglob("*")
    }
    assert all(file.stat().st_size <= 20 * 2**20 for file in out.rglob("*")), "some hosts take no larger files"
    for file in assets.runtime_files():
        sent = (out / "vendor" / assets.sent_name(file)).read_bytes()
        assert (gzip.decompress(sent) if file.suffix == ".wasm" else sent) == file.read_bytes()
    assert "<diptych-canvas" in (out / "README.txt").read_text()
    assert "Cross-Origin-Opener-Policy: same-origin" in (out / "_headers").read_text()
    manifest = json.loads((out / "manifest.webmanifest").read_text())
    assert all(f"{size_of(out / one['src'])[0]}x" in one["sizes"] for one in manifest["icons"])
    index = (out / "index.html").read_text()
    assert "<title>pix2pix: pictures to pictures</title>" in index
    assert size_of(out / "card.png") == (1200, 630)


def size_of(file: Path) -> tuple[int, int]:
    with Image.open(file) as picture:
        return picture.size


def test_what_the_browser_cannot_show_is_said(made: Made, typed: Typed, tmp_path: Path) -> None:
    said = typed("export", made("pix2pix"), "--to", "web", "--out", tmp_path / "web", "--runtime", tmp_path)
    refused(said, 1, "browser's runtime is not in", "--runtime")


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["--to", "onxx", "--out", "a.onnx"], 2, "choose from model, onnx, pt2, web"),
        (["--to", "onnx", "--out", "a.png"], 2, "translator.onnx"),
        (["--to", "pt2", "--out", "a.pt2", "--precision", "int8"], 2, "pt2 has the precisions float32"),
        (["--to", "pt2", "--out", "a.pt2", "--processing", "inside"], 2, "--to onnx"),
        (["--to", "onnx", "--out", "a.onnx", "--processing", "around"], 2, "inside or outside"),
        (["--to", "onnx", "--out", "a.onnx", "--title", "Cats"], 2, "--to web"),
        (["--to", "web", "--out", "w", "--address", "example.org"], 2, "https://"),
        (["--to", "model", "--out", "full"], 1, "not empty"),
        (["--to", "model", "--out", "m", "--way", "b-to-a"], 2, "b-to-a"),
        (["--to", "model", "--out", "m", "--checkpoint", "99"], 1, '"99"'),
    ],
)
def test_refusals(
    words: list[str], code: int, part: str, made: Made, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    refused(typed("export", made("pix2pix"), *words), code, part)
    assert [file.name for file in tmp_path.iterdir()] == ["full"]


def test_the_terms_of_data(tmp_path: Path) -> None:
    assert licence_of("openmoji-143").licence == "CC BY-SA 4.0"
    assert licence_of("facades").attribution
    assert licence_of(str(tmp_path)) == ("", "")
    (tmp_path / "ATTRIBUTION.txt").write_text("Photos by\nall of us.\n")
    assert licence_of(str(tmp_path)).attribution == "Photos by all of us."
