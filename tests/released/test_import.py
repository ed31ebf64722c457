"""``diptych import``: what it makes, and what it is told."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from documents import python_blocks
from foreign import randomised, their_resnet, their_unet
from importing import STATES, run
from PIL import Image
from torch import Tensor
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych import DiptychError, Translator, released
from diptych.cli import call
from diptych.released import LAYOUTS, export_weights, import_weights, recognise
from diptych.translator.engines import Eager


def test_every_layout_is_recognised(files: dict[str, Path]) -> None:
    assert STATES.keys() == LAYOUTS.keys()
    for name, state in STATES.items():
        assert recognise(state).name == name
        assert import_weights(files[name]).layout.name == name


def test_the_command_makes_a_model_that_translates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(randomised(their_resnet()).state_dict(), tmp_path / "horse_net_G.pth")
    out = tmp_path / "model"
    assert run(tmp_path / "horse_net_G.pth", "--out", out) == 0
    told = capsys.readouterr().out
    assert "is the ResNet generator of PyTorch CycleGAN and pix2pix" in told
    assert "Assumed" not in told
    picture = np.random.default_rng(0).integers(0, 256, (33, 41, 3)).astype(np.uint8)
    assert Translator.load(out)(picture).shape == (33, 41, 3)
    assert run(tmp_path / "horse_net_G.pth", "--out", out) == 1
    assert "is not empty" in capsys.readouterr().err


def test_pix2pix_is_noisy_when_it_translates_unless_told_otherwise(tmp_path: Path) -> None:
    torch.save(randomised(their_unet(7, "batch")).state_dict(), tmp_path / "G.pth")
    picture = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    for words, noisy in (([], True), (["dropout=[]"], False), (["dropout_at_test=false"], False)):
        out = tmp_path / f"model{len(words)}{noisy}{words}"
        assert run(tmp_path / "G.pth", *words, "--out", out) == 0
        translator = Translator.load(out)
        assert (translator(picture, seed=1) != translator(picture, seed=2)).any() == noisy


def test_pix2pix_from_one_channel_to_two_is_colourisation(tmp_path: Path) -> None:
    state = their_resnet().state_dict()
    state |= {"model.1.weight": torch.randn(4, 1, 7, 7), "model.19.weight": torch.randn(2, 4, 7, 7)}
    torch.save(state | {"model.19.bias": torch.zeros(2)}, tmp_path / "G.pth")
    assert run(tmp_path / "G.pth", "--out", tmp_path / "model") == 0
    entry = json.loads((tmp_path / "model" / "card.json").read_text())["translators"][0]
    assert (entry["source"]["colour"], entry["target"]["colour"]) == ("lightness", "chroma")
    grey = np.full((20, 24, 3), 90, np.uint8)
    assert Translator.load(tmp_path / "model")(grey).shape == (20, 24, 3)


def test_label_models_with_their_encoders(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = np.zeros((32, 64, 2), np.uint16)
    for generator, encoder in (("styled-spade", "spade-encoder"), ("styled-hd", "pix2pixhd-encoder")):
        out = tmp_path / generator
        assert run(files[generator], "--encoder", files[encoder], "--out", out) == 0
        assert "Assumed, since the file does not contain it: classes=" in capsys.readouterr().out
        translator = Translator.load(out)
        seen = ids if translator.card.source.instances else ids[..., 0]
        assert translator(seen, style=np.zeros((32, 64, 3), np.uint8)).shape == (32, 64, 3)
    translator = Translator.load(tmp_path / "styled-spade")
    assert (translator(ids[..., 0], style=1) != translator(ids[..., 0], style=2)).any()


def test_a_super_resolution_model_says_how_much_it_enlarges(files: dict[str, Path], tmp_path: Path) -> None:
    assert run(files["srresnet"], "--out", tmp_path / "model") == 0
    assert Translator.load(tmp_path / "model")(np.zeros((8, 9, 3), np.uint8)).shape == (32, 36, 3)


@pytest.mark.parametrize(
    ("name", "words", "fit", "size", "answer"),
    [
        ("cyclegan-resnet", [], "stretch", (256, 256), "translated at 256x256, as its project tests"),
        ("pix2pix-unet", ["--size", "own"], "own", (256, 256), "at their own size; as you say"),
        ("pix2pix-unet", ["--size", "128x192"], "stretch", (128, 192), "translated at 128x192, as you say"),
        ("spade-generator", ["size=[64,128]"], "stretch", (64, 128), "translated at 64x128, as its project tests"),
        ("pix2pixhd-global", [], "own", (256, 256), "own size; its project states no other"),
        ("srresnet", [], "own", (256, 256), "own size; it is made for that"),
    ],
)
def test_the_size_at_which_its_pictures_are_translated(
    name: str,
    words: list[str],
    fit: str,
    size: tuple[int, int],
    answer: str,
    files: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(files[name], *words, "--out", tmp_path / "out") == 0
    assert answer in capsys.readouterr().out
    card = Translator.load(tmp_path / "out").card
    assert (card.fit, card.size) == (fit, size)


def real_file() -> Path | None:
    """The trained generator inside the package vintagify, where it is installed."""
    spec = importlib.util.find_spec("vintagify")
    places = spec.submodule_search_locations if spec is not None else None
    files = [Path(place) / "resources" / "G_A2B_epoch33.pth" for place in places or []]
    return next((file for file in files if file.is_file()), None)


def test_every_example_of_the_documentation(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(files["styled-spade"], "--encoder", files["spade-encoder"], "classes=3", "--out", "runs/spade") == 0
    files["patchgan"].rename("latest_net_D.pth")
    examples = python_blocks("docs/import.md")
    assert len(examples) == 2
    told: dict[str, Any] = {}
    for example in examples:
        exec(example, told)
    assert told["theirs"].keys() == STATES["patchgan"].keys()
    assert set(told["encoder"]) == STATES["spade-encoder"].keys()


def test_training_goes_on_from_what_was_imported(toy_pairs: Path, tmp_path: Path) -> None:
    """The same generator as a run's, as another project would have published it."""
    first, _ = run_to_end(tiny_recipe("cyclegan", toy_pairs), tmp_path / "first")
    made = Translator.load(first.folder, "b-to-a")
    assert isinstance(made.engine, Eager)
    theirs = export_weights(made.engine.network.state_dict(), made.card.arguments, "cyclegan-resnet")
    torch.save(theirs, tmp_path / "latest_net_G.pth")
    assert run(tmp_path / "latest_net_G.pth", "--out", tmp_path / "imported") == 0
    order = {"--to": "model", "--out": tmp_path / "exported", "--way": "b-to-a"}
    assert call(["export", str(first.folder), *(str(word) for pair in order.items() for word in pair)]) == 0
    still = "training.learning_rate={generator=0.0, discriminator=0.0}"
    wanted = under("system.generator.b_to_a", weights(first))
    for source, way in (
        ("imported", "a_to_b"),
        ("exported", "b_to_a"),
        ("exported/weights.safetensors", "b_to_a"),
    ):
        words = (f"training.init_from={tmp_path / source}", "training.seed=5", "training.steps=1", still)
        second, said = run_to_end(
            tiny_recipe("cyclegan", toy_pairs, *words), tmp_path / f"from {source}".replace("/", " ")
        )
        assert_equal(wanted, under(f"system.generator.{way}", weights(second)))
        assert any(f"{len(wanted)} of " in line and "not in it" in line for line in said)
    foreign = tiny_recipe("cyclegan", toy_pairs, f"training.init_from={tmp_path / 'latest_net_G.pth'}")
    with pytest.raises(DiptychError, match=r"diptych import .*G\.pth --out FOLDER; then name that folder"):
        run_to_end(foreign, tmp_path / "refused")


def under(place: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(f"{place}."): tensor for name, tensor in tensors.items() if name.startswith(f"{place}.")}


@pytest.mark.skipif(real_file() is None, reason="the package vintagify, whose generator this imports, is not installed")
def test_a_real_file(tmp_path: Path) -> None:
    path = real_file()
    assert path is not None
    assert run(path, "--out", tmp_path / "model") == 0
    theirs = their_resnet("affine", 64, 9).eval()
    theirs.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    translator = Translator.load(tmp_path / "model")
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(translator.batch(picture), theirs(picture), rtol=0, atol=2e-4)
    grey = Image.new("RGB", (64, 64), (120, 130, 140))
    assert translator(grey).size == (64, 64)


def test_names_that_scripts_know_from_before() -> None:
    assert (released.imported, released.exported) == (import_weights, export_weights)
