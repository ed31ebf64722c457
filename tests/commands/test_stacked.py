"""A run on several source folders translates as it was trained."""

from pathlib import Path

import numpy as np
import pytest
from commanding import Typed, refused
from PIL import Image
from toys import run_to_end, tiny_recipe

from diptych.translator.translator import Translator

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run on RGB and infrared, and the pictures that it was trained on."""
    place = tmp_path_factory.mktemp("stacked")
    for name, shape in (("colour", (20, 20, 3)), ("infrared", (20, 20)), ("photo", (20, 20, 3))):
        (place / "data" / name).mkdir(parents=True)
        for number in range(6):
            pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
            Image.fromarray(pixels).save(place / "data" / name / f"{number}.png")
    kinds = ['data.source_folders=["colour","infrared"]', "data.target_folder=photo"]
    recipe = tiny_recipe("pix2pix", place / "data", *kinds, 'data.source={colour="channels",channels=4}')
    run_to_end(recipe, place / "run")
    return place


def test_every_result_is_of_its_stack(stacked: Path, typed: Typed, tmp_path: Path) -> None:
    data = stacked / "data"
    said = typed("translate", stacked / "run", data / "colour", "--stack", data / "infrared", "--out", "out")
    assert said.code == 0, said
    assert said.err == ""
    translator = Translator.load(stacked / "run")
    for number in range(6):
        parts = [np.array(Image.open(data / name / f"{number}.png")) for name in ("colour", "infrared")]
        wanted = translator(np.dstack(parts))
        assert np.array_equal(np.array(Image.open(tmp_path / "out" / f"{number}.png")), wanted)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--stack", "nowhere"], 2, "there is no folder nowhere; correct --stack"),
        (
            ["--stack", "infrared", "--stack", "photo"],
            2,
            "was trained on colour, infrared, stacked; give --stack once for each after the first",
        ),
    ],
)
def test_folders_that_are_not_those_of_the_run(
    words: list[str], code: int, said: str, stacked: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(stacked / "data")
    refused(typed("translate", stacked / "run", "colour", *words, "--out", stacked / "none"), code, said)


def test_what_is_missing_is_named(stacked: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    colour = stacked / "data" / "colour"
    said = typed("translate", stacked / "run", colour / "1.png", "--stack", "few", "--out", "a.png")
    assert said.code == 1
    assert "there is no picture called 1 in few; add it, or correct --stack" in said.out + said.err
    said = typed("translate", stacked / "run", colour / "1.png", "--out", "a.png")
    assert "was trained on colour, infrared, stacked: give the first as input and the others with --stack" in said.err
    assert said.code == 1


def test_a_run_on_one_folder_takes_no_stack(run: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    refused(typed("translate", run, "few", "--stack", "few", "--out", "b"), 2, "this translator takes one picture")
