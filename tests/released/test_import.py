"""``diptych import``: its model folders, its arguments and its refusals."""

import importlib.util
import json
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from foreign import (
    HDScales,
    Local,
    Lornatang,
    Pixel,
    randomised,
    their_encoder,
    their_global,
    their_patchgan,
    their_resnet,
    their_unet,
)
from foreign_spade import spade_discriminators, spade_encoder, spade_state
from PIL import Image
from torch import Tensor, nn
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych import DiptychError, Translator, UsageError
from diptych.cli import call
from diptych.released import LAYOUTS, choose_layout, convert, export_weights, import_weights, read_tensors, recognise
from diptych.translator.engines import Eager

STATES: dict[str, dict[str, Tensor]] = {
    "pix2pix-unet": their_unet(7, "batch").state_dict(),
    "cyclegan-resnet": their_resnet().state_dict(),
    "patchgan": their_patchgan(3, "batch").state_dict(),
    "pixelgan": Pixel("batch").state_dict(),
    "pix2pixhd-local": Local(6, 1).state_dict(),
    "pix2pixhd-global": their_global(6).state_dict(),
    "pix2pixhd-discriminator": HDScales().state_dict(),
    "pix2pixhd-encoder": their_encoder().state_dict(),
    "spade-generator": spade_state(5, 0, False),
    "spade-discriminator": spade_discriminators(),
    "spade-encoder": spade_encoder(),
    "srresnet": Lornatang(2).state_dict(),
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A file of every layout, and of generators that take styles."""
    states = STATES | {"styled-spade": spade_state(4, 6, False), "styled-hd": their_global(9).state_dict()}
    for name, state in states.items():
        torch.save(state, tmp_path / f"{name}.pth")
    return {name: tmp_path / f"{name}.pth" for name in states}


def run(*words: str | Path) -> int:
    return call(["import", *map(str, words)])


def refusal(state: dict[str, Tensor], layout: str) -> str:
    """The message of the refusal of some tensors; empty when they are accepted."""
    path = Path("file.pth")
    try:
        convert(choose_layout(layout, state, path), state, {}, path)
    except DiptychError as problem:
        return str(problem)
    return ""


def test_every_layout_is_recognised(files: dict[str, Path]) -> None:
    assert STATES.keys() == LAYOUTS.keys()
    for name, state in STATES.items():
        assert recognise(state).name == name
        assert import_weights(files[name]).layout.name == name


def test_what_is_not_of_a_layout_is_refused_in_words() -> None:
    """Files of the others; and a tensor that is missing, a number, a vector, or empty."""
    sentences = {refusal(state, layout) for state in STATES.values() for layout in LAYOUTS}
    for state in STATES.values():
        for key in [*list(state)[:2], *list(state)[-2:]]:
            tensor, rest = state[key], {name: t for name, t in state.items() if name != key}
            for spoilt in (torch.tensor(1.0), torch.zeros(3), tensor[:0] if tensor.dim() else tensor):
                sentences |= {refusal(rest | {key: spoilt}, layout) for layout in ("", *LAYOUTS)}
            sentences |= {refusal(rest, layout) for layout in ("", *LAYOUTS)}
    assert len(sentences) > 50
    assert all(sentence.endswith((".", "?")) for sentence in sentences - {""})


def test_tensors_that_are_not_plain_are_refused(tmp_path: Path) -> None:
    torch.save({"conv3.bias": torch.eye(3).to_sparse()}, tmp_path / "sparse.pth")
    with pytest.raises(DiptychError, match="no table of tensors"):
        read_tensors(tmp_path / "sparse.pth")


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


REFUSED = [
    (["patchgan"], 1, "which translates nothing"),
    (["styled-spade"], 1, "give that file too, with --encoder"),
    (["styled-hd", "features=3"], 1, "give that file too, with --encoder"),
    (["styled-spade", "--encoder", "pix2pixhd-encoder"], 1, "does not belong to the generator of SPADE"),
    (["spade-generator", "--encoder", "spade-encoder"], 1, "takes no styles"),
    (["spade-generator", "classes=2"], 1, "do not make that up"),
    (["spade-generator", "depth=most"], 1, "it is normal or more"),
    (["spade-generator", "clases=5"], 2, 'did you mean "classes"'),
    (["spade-generator", "classes=x"], 2, '"classes" must be a whole number'),
    (["spade-generator", "boundary=x"], 2, '"boundary" must be true or false'),
    (["spade-generator", "statistics=running"], 2, "is no argument of the generator of SPADE"),
    (["cyclegan-resnet", "classes=5"], 2, "is no argument of the ResNet"),
    (["cyclegan-resnet", "dropout=[2]"], 2, "in .*it is False"),
    (["pix2pix-unet", "dropout=5"], 2, "must be a list"),
    (["pix2pix-unet", "dropout=[9]"], 2, r"1 \(the innermost\) to 6"),
    (["pix2pix-unet", "statistics=foo"], 2, 'choose from "picture", "running"'),
    (["pix2pix-unet", "statistics"], 2, "is no key=value"),
    (["pix2pix-unet", "--as", "cyclegan-resnet"], 1, "is not the ResNet generator"),
    (["pix2pix-unet", "--as", "cyclegan-resnett"], 2, 'did you mean "cyclegan-resnet"'),
]


@pytest.mark.parametrize(("words", "code", "sentence"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_does_not_fit_is_refused(
    words: list[str],
    code: int,
    sentence: str,
    files: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = [
        str(files[word]) if number == 0 or words[number - 1] == "--encoder" else word
        for number, word in enumerate(words)
    ]
    assert run(*paths, "--out", tmp_path / "model") == code
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    with pytest.raises(DiptychError, match=sentence):
        raise DiptychError(told)
    assert not (tmp_path / "model").exists()


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code was run",)


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


def test_what_wants_to_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Evil()))
    torch.save(nn.Conv2d(1, 1, 1), tmp_path / "whole.pth")
    for name in ("evil.pth", "old.pth", "whole.pth"):
        with pytest.raises(DiptychError, match=r"would have to run code to be read, and that is refused"):
            read_tensors(tmp_path / name)
    assert "code was run" not in capsys.readouterr().out


def test_other_files_are_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "G.pth"
    torch.save(STATES["cyclegan-resnet"], path)
    (tmp_path / "half.pth").write_bytes(path.read_bytes()[:2000])
    (tmp_path / "half.safetensors").write_bytes(path.read_bytes()[:2000])
    (tmp_path / "text.pth").write_text("not weights")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "folder.pth").mkdir()
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("a.txt", "b")
    for name in ("half.pth", "half.safetensors", "text.pth", "empty.pth", "zip.pth", "folder.pth"):
        with pytest.raises(DiptychError, match=f"{name} is no checkpoint, or a damaged one"):
            read_tensors(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "script.pth", "w") as archive:
        archive.writestr("script/constants.pkl", "b")
    with pytest.raises(DiptychError, match=r"script\.pth is (TorchScript|no checkpoint)"):
        read_tensors(tmp_path / "script.pth")
    with pytest.raises(DiptychError, match="is not there"):
        read_tensors(tmp_path / "none.pth")
    torch.save({"a": 1}, tmp_path / "odd.pth")
    with pytest.raises(DiptychError, match="no table of tensors"):
        read_tensors(tmp_path / "odd.pth")
    torch.save({"a.weight": torch.zeros(1)}, tmp_path / "strange.pth")
    with pytest.raises(DiptychError, match="say which with --as"):
        import_weights(tmp_path / "strange.pth")
    with pytest.raises(UsageError, match=r'did you mean "patchgan"'):
        import_weights(tmp_path / "strange.pth", "patchgam")


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
    text = (Path(__file__).parents[2] / "docs" / "import.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
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
    for source, way in (("imported", "a_to_b"), ("exported", "b_to_a"), ("exported/weights.safetensors", "b_to_a")):
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
