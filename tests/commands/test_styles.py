"""Styles that are vectors: by a seed, from a picture, between two; sheets of them; in tiles; as an input of ONNX files."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from building import build
from commanding import Typed, refused, save
from PIL import Image
from toys import draw_pairs, run_to_end, tiny_recipe

from diptych import Translator, UsageError
from diptych.machine.runtimes import style_of_seed
from diptych.networks.noise import normal, seeded
from diptych.pictures.kinds import Kind
from diptych.translator.card import Card


@pytest.fixture(scope="module")
def styled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pairs = draw_pairs(tmp_path_factory.mktemp("pairs"))
    recipe = tiny_recipe("bicyclegan", pairs, "training.steps=4", "training.learning_rate.generator=0.02")
    return run_to_end(recipe, tmp_path_factory.mktemp("styled") / "run")[0].folder


def pixels(place: Path) -> np.ndarray:
    with Image.open(place) as picture:
        return np.asarray(picture)


def test_a_sheet_holds_the_input_and_each_style(styled: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    assert typed("translate", styled, "a.png", "--styles", "3", "--style", "4", "--out", "sheet.png").code == 0
    sheet = pixels(tmp_path / "sheet.png")
    assert sheet.shape == (20, 4 * 24, 3)
    np.testing.assert_array_equal(sheet[:, :24], pixels(tmp_path / "a.png"))
    for place, seed in enumerate((4, 5, 6), 1):
        assert typed("translate", styled, "a.png", "--style", seed, "--out", f"{seed}.png").code == 0
        np.testing.assert_array_equal(sheet[:, 24 * place : 24 * (place + 1)], pixels(tmp_path / f"{seed}.png"))
    assert (sheet[:, 24:48] != sheet[:, 48:72]).any()


def test_a_walk_goes_from_one_style_to_another(styled: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    walk = ("translate", styled, "a.png", "--styles", "3", "--style-from", "b.png", "--style-to", "9")
    assert typed(*walk, "--out", "walk.png").code == 0
    sheet, translator = pixels(tmp_path / "walk.png"), Translator.load(styled)
    picture, manner = pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png")
    ends = [translator.style_code(manner), translator.style_code(9)]
    expected = [translator(picture, style=style) for style in (manner, (ends[0] + ends[1]) / 2, 9)]
    np.testing.assert_array_equal(sheet[:, 24:], np.concatenate(expected, 1))


def test_a_code_stands_for_its_style(styled: Path) -> None:
    translator, picture = Translator.load(styled), np.zeros((20, 24, 3), np.uint8)
    assert translator.style_code(3).shape == (3,)
    np.testing.assert_allclose(translator.style_code(3), style_of_seed(3, 3), atol=1e-6)
    np.testing.assert_array_equal(translator(picture, style=translator.style_code(3)), translator(picture, style=3))
    np.testing.assert_array_equal(translator(picture, style=3), translator(picture, seed=3))
    with pytest.raises(UsageError, match="a code of 4 numbers"):
        translator(picture, style=np.zeros(4, np.float32))


@pytest.mark.parametrize("seed", [0, 5, 2**31 + 5, 2**62 + 7])
def test_a_seeds_style_is_computed_without_torch_too(seed: int) -> None:
    with seeded(seed):
        expected = normal(8, torch.device("cpu"))
    np.testing.assert_allclose(style_of_seed(seed, 8), expected, atol=2e-6)


def test_tiles_keep_one_style() -> None:
    torch.manual_seed(0)
    network = build("bicyclegan", dropout=(), depth=3).get_submodule("generator")
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    translator = Translator(network.eval(), Card("a-to-b", "generator", "style-unet", {}, Kind(), Kind(), 8, (16, 16)))
    source = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 8) * 2 - 1, (600, 304), mode="bicubic").clamp(-1, 1)
    manner = np.full((16, 16, 3), 200, np.uint8)
    for style in (2, manner, translator.style_code(5)):
        translator.tile = 0
        whole, other = translator.batch(source, style=style), translator.batch(source, style=1)
        translator.tile = 304
        apart = (translator.batch(source, style=style) - whole).abs().mean()
        assert apart < 1 / 255
        assert (whole - other).abs().mean() > 4 * apart


def test_pix2pix_with_a_style_has_no_encoder(toy_pairs: Path, tmp_path: Path) -> None:
    words = ("options.style=3", "options.mode_seeking=1", "options.dropout=[]", "training.steps=4")
    folder = run_to_end(tiny_recipe("pix2pix", toy_pairs, *words), tmp_path / "run")[0].folder
    translator, picture = Translator.load(folder), np.zeros((16, 16, 3), np.uint8)
    assert (translator(picture, style=1) != translator(picture, style=2)).any()
    with pytest.raises(UsageError, match="this translator draws its styles and takes none from a picture"):
        translator(picture, style=picture)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--style", "3", "--style-from", "a.png"), "leave one away"),
        (("--styles", "65"), "1 to 64 styles"),
        (("--style-to", "3"), "in how many steps"),
        (("--styles", "3", "--style-from", "a.png"), "give --style-to"),
        (("--styles", "3", "--style", "window=3"), "not classes"),
        (("--style", "many"), "give a whole number"),
    ],
    ids=str,
)
def test_what_is_no_style(words: tuple[str, ...], sentence: str, styled: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    refused(typed("translate", styled, "a.png", "--out", "b.png", *words), 2, sentence)
    assert not (tmp_path / "b.png").exists()


@pytest.mark.slow
def test_onnx_files_take_a_style(styled: Path, typed: Typed, tmp_path: Path) -> None:
    assert typed("export", styled, "--to", "onnx", "--style-input", "--out", "styled.onnx").code == 0
    session = onnxruntime.InferenceSession(str(tmp_path / "styled.onnx"))
    assert [(one.name, one.shape) for one in session.get_inputs()] == [
        ("source", ["batch", 3, "16*rows", "16*columns"]),
        ("style", ["batch", 3]),
    ]
    translator, source = Translator.load(styled), torch.rand(2, 3, 32, 16) * 2 - 1
    codes = np.stack([translator.style_code(seed) for seed in (1, 2)])
    (found,) = session.run(None, {"source": source.numpy(), "style": codes})
    for place, seed in enumerate((1, 2)):
        expected = translator.batch(source, style=seed)[place]
        np.testing.assert_allclose(found[place], expected, atol=1e-4)
    exported = Translator.load(tmp_path / "styled.onnx")
    torch.testing.assert_close(exported.batch(source, seed=7), translator.batch(source, seed=7), atol=1e-4, rtol=0)
    refused(typed("export", styled, "--to", "pt2", "--style-input", "--out", "a.pt2"), 2, "--to onnx")
