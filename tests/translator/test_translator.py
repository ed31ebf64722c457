"""A run's translator: any size, any family of pictures, the same result every time."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from toys import run_to_end, tiny_recipe

from diptych import DiptychError, Translator, UsageError
from diptych.pictures.kinds import Kind
from diptych.pictures.padding import pad

RNG = np.random.default_rng(0)


@pytest.fixture
def run(toy_pairs: Path, tmp_path: Path) -> Path:
    return run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")[0].folder


@pytest.mark.parametrize("size", [(16, 16), (1, 1), (1, 40), (37, 5), (100, 31), (15, 17)])
def test_any_size_comes_out_as_it_went_in(size: tuple[int, int], run: Path) -> None:
    translator = Translator.load(run)
    picture = RNG.integers(0, 256, (*size, 3)).astype(np.uint8)
    result = translator(picture)
    assert result.shape == picture.shape
    assert result.dtype == np.uint8
    as_pil = translator(Image.fromarray(picture))
    assert isinstance(as_pil, Image.Image)
    np.testing.assert_array_equal(np.asarray(as_pil), result)


def test_the_same_picture_gives_the_same_result_and_another_seed_another(run: Path) -> None:
    picture = RNG.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    first = Translator.load(run)(picture)
    torch.manual_seed(99)
    torch.rand(7)
    again = Translator.load(run)
    np.testing.assert_array_equal(again(picture), first)
    np.testing.assert_array_equal(again(picture), first)
    assert (again(picture, seed=1) != first).any()


def test_translating_leaves_the_caller_s_random_state_alone(run: Path) -> None:
    translator = Translator.load(run)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    translator(np.zeros((16, 16, 3), np.uint8))
    assert torch.equal(torch.rand(3), expected)


def test_a_list_gives_a_list(run: Path) -> None:
    pictures: list[Any] = [np.zeros((16, 16, 3), np.uint8), Image.new("L", (20, 12)), np.zeros((9, 9), np.uint8)]
    results = Translator.load(run)(pictures)
    assert [type(result) for result in results] == [np.ndarray, Image.Image, np.ndarray]
    assert results[1].size == (20, 12)


def test_what_is_no_picture_is_refused(run: Path) -> None:
    translator = Translator.load(run)
    with pytest.raises(UsageError, match="a PIL image or a numpy array, not str"):
        translator("cat.png")
    with pytest.raises(DiptychError, match="float values"):
        translator(np.zeros((4, 4, 3)))


def test_resized_for_the_network_and_back(run: Path) -> None:
    translator = Translator.load(run)
    picture = RNG.integers(0, 256, (30, 50, 3)).astype(np.uint8)
    assert translator(picture, size=(16, 16)).shape == picture.shape


def test_depths_and_channels_are_the_target_s(tmp_path: Path) -> None:
    for folder, shape, depth in (("A", (20, 20, 5), np.uint16), ("B", (20, 20, 1), np.float32)):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for number in range(4):
            np.save(tmp_path / "data" / folder / f"{number}.npy", (RNG.random(shape) * 100).astype(depth))
    kinds = 'data.source={colour="channels", channels=5, depth="uint16", low=0, high=100}'
    target = 'data.target={colour="grey", depth="float32", low=0.0, high=100.0}'
    run, _ = run_to_end(tiny_recipe("pix2pix", tmp_path / "data", kinds, target), tmp_path / "run")
    result = Translator.load(run.folder)((RNG.random((18, 25, 5)) * 100).astype(np.uint16))
    assert result.shape == (18, 25, 1)
    assert result.dtype == np.float32
    assert result.min() >= 0
    assert result.max() <= 100


def test_colorization_keeps_the_lightness(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(6):
        picture = RNG.integers(60, 200, (5, 5, 3)).astype(np.uint8).repeat(5, 0).repeat(5, 1)
        Image.fromarray(picture).save(tmp_path / "photos" / f"{number}.png")
    run, _ = run_to_end(tiny_recipe("pix2pix", tmp_path / "photos", "data.task=colorization"), tmp_path / "run")
    grey = np.full((20, 24, 3), 130, np.uint8)
    result = Translator.load(run.folder)(grey)
    assert result.shape == grey.shape
    from diptych.pictures.kinds import Kind

    kind = Kind("lightness")
    assert (kind.to_tensor(result) - kind.to_tensor(grey)).abs().max() < 0.05


def test_both_ways_of_a_cyclegan_and_their_names(toy_pairs: Path, tmp_path: Path) -> None:
    run, _ = run_to_end(tiny_recipe("cyclegan", toy_pairs), tmp_path / "run")
    picture = RNG.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    there, back = (Translator.load(run.folder, way)(picture) for way in ("a-to-b", "b-to-a"))
    assert (there != back).any()
    with pytest.raises(
        UsageError, match=r'cannot translate "a-to-c" \(did you mean "a-to-b"\?\); it has a-to-b, b-to-a'
    ):
        Translator.load(run.folder, "a-to-c")


def test_checkpoints_by_name(run: Path) -> None:
    picture = RNG.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    latest, third = Translator.load(run)(picture), Translator.load(run, checkpoint="3")(picture)
    assert (latest != third).any()
    np.testing.assert_array_equal(Translator.load(run, checkpoint="6")(picture), latest)
    assert Translator.load(run, checkpoint="best")(picture).shape == picture.shape
    with pytest.raises(DiptychError, match=r'no checkpoint "5"; there is 3, 6, best'):
        Translator.load(run, checkpoint="5")


def test_the_running_average_translates_where_the_recipe_says_so(toy_pairs: Path, tmp_path: Path) -> None:
    picture = RNG.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    results = []
    for number, translates in enumerate(("true", "false")):
        words = ("training.average=0.99", f"training.average_translates={translates}")
        run, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs, *words), tmp_path / str(number))
        results.append(Translator.load(run.folder)(picture))
    assert (results[0] != results[1]).any()


def written(run: Path, change: Callable[[Any], object]) -> None:
    """The run's cards, changed."""
    table = json.loads((run / "card.json").read_text())
    change(table)
    (run / "card.json").write_text(json.dumps(table))


def changed(run: Path, **entries: object) -> None:
    """Of the first card, or of its arguments."""

    def change(table: Any) -> None:
        card = table["translators"][0]
        for name, value in entries.items():
            (card if name in card else card["arguments"])[name] = value

    written(run, change)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: (run / "card.json").unlink(), "holds no translator"),
        (lambda run: (run / "card.json").write_text("{"), "is no card that this version can read"),
        (lambda run: (run / "checkpoints" / "00000006.safetensors").write_bytes(b"x" * 99), "is damaged"),
        (lambda run: written(run, lambda table: table["translators"].clear()), "names no translator"),
        (lambda run: changed(run, provenance="mine"), "must be a table"),
        (lambda run: changed(run, depth=10**7), r"cannot be built \(depth is 10000000\)"),
        (lambda run: changed(run, source=Kind(colour="grey").as_dict()), "does not make rgb of grey"),
        (
            lambda run: changed(run, target=Kind(colour="channels", channels=5).as_dict()),
            "does not make channels of rgb",
        ),
        (lambda run: changed(run, source=Kind(colour="labels", classes=3).as_dict()), "does not make rgb of labels"),
        (lambda run: changed(run, scale=2), "or not 2 times as large"),
        (lambda run: changed(run, multiple=1), "or of sides divisible by 1"),
        (lambda run: changed(run, depth=5000), "has more than the .* tensors of its weights"),
    ],
)
def test_what_cannot_be_loaded_is_named(spoil: Any, words: str, run: Path) -> None:
    spoil(run)
    with pytest.raises(DiptychError, match=words):
        Translator.load(run)


def test_there_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match="is no folder"):
        Translator.load(tmp_path / "nothing")


def test_padding_reflects_and_then_repeats() -> None:
    picture = torch.arange(3.0).view(1, 1, 1, 3)
    assert pad(picture, 8)[0, 0, 0].tolist() == [0, 1, 2, 1, 0, 0, 0, 0]
    assert pad(picture, 8).shape == (1, 1, 8, 8)
