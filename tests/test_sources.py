"""Translating what is no plain picture: class maps with instances and styles, pictures with holes, pictures to be enlarged."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from toys import draw_labelled, run_to_end, tiny_recipe

from diptych import DiptychError, Translator, UsageError
from diptych.cli import call as command
from diptych.systems import SYSTEMS
from diptych.translator.card import read_cards

KIND = 'data.source={colour="labels",classes=3,instances=true,names=["sky","wall","road"],palette=[]}'
STYLES = {"pix2pixhd": ("options.features=3", "options.encoder_width=2"), "spade": ("options.style=8",)}
NOISE = ("options.noise=4", "options.spectral=false")
"""Of OASIS. Spectral norms of eight steps are far off, which saturates every pixel."""


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_labelled(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def runs(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny run of each system that has styles."""
    folder = tmp_path_factory.mktemp("runs")
    found = {}
    for system, words in (STYLES | {"oasis": NOISE}).items():
        recipe = tiny_recipe(system, labelled, "data.palette=[]", KIND, *words, "training.steps=8")
        found[system] = run_to_end(recipe, folder / system)[0].folder
    return found


@pytest.fixture
def maps(labelled: Path) -> np.ndarray:
    """(64, 64, 2): classes and instances of a validation picture."""
    parts = [np.asarray(Image.open(labelled / f"val_{name}" / "0.png")) for name in ("label", "inst")]
    return np.stack(parts, axis=2).astype(np.uint16)


@pytest.mark.parametrize("system", STYLES)
def test_a_style_is_drawn_by_its_seed_or_taken_from_a_picture(
    system: str, runs: dict[str, Path], maps: np.ndarray, labelled: Path
) -> None:
    translator = Translator.load(runs[system])
    photo = np.asarray(Image.open(labelled / "val_img" / "1.png"))
    plain = translator(maps)
    assert plain.shape == (64, 64, 3)
    np.testing.assert_array_equal(translator(maps), plain)
    np.testing.assert_array_equal(translator(maps, style=5), translator(maps, style=5))
    assert any((translator(maps, style=seed) != plain).any() for seed in range(1, 6))
    taken = translator(maps, style=photo)
    np.testing.assert_array_equal(taken, translator(maps, style=photo))
    assert (taken != plain).any()
    both = translator.translate_many([maps, maps[::-1].copy()])
    off = np.abs(both[0].astype(int) - plain)
    assert off.mean() <= 1  # alone as among others, but for roundings, which a tiny network's instance norms enlarge
    assert off.max() <= 8


def test_a_style_by_class_changes_that_class(runs: dict[str, Path], maps: np.ndarray) -> None:
    translator = Translator.load(runs["pix2pixhd"])
    one, same = translator(maps, style={"sky": 0}), translator(maps, style={"0": 0})
    np.testing.assert_array_equal(one, same)
    with pytest.raises(UsageError, match=r'no class "road1" \(did you mean "road"\?\)'):
        translator(maps, style={"road1": 1})
    with pytest.raises(UsageError, match="styles by class are of pix2pixHD and OASIS"):
        Translator.load(runs["spade"])(maps, style={"sky": 0})
    with pytest.raises(UsageError, match='"class" is a way to draw the noise of OASIS'):
        translator(maps, style="class:7")


def test_noise_of_oasis_is_drawn_anew_by_class_and_place(runs: dict[str, Path], maps: np.ndarray) -> None:
    translator = Translator.load(runs["oasis"])
    assert translator.eager is not None
    torch.nn.init.xavier_normal_(translator.eager.network.get_parameter("first.weight"), 20)  # so that noise shows
    maps = maps.copy()
    maps[:, :40, 0], maps[:, 40:, 0] = 0, 1
    plain = translator(maps, style=1)
    np.testing.assert_array_equal(translator(maps, style="picture:1"), plain)
    ways = [translator(maps, style=f"{way}:1") for way in ("class", "place")]
    assert (ways[0] != plain).any()
    assert (ways[1] != ways[0]).any()
    wall = translator(maps, seed=1, style={"wall": 5})
    np.testing.assert_array_equal(wall, translator(maps, seed=1, style={"1": 5}))
    np.testing.assert_array_equal(wall, translator.translate_many([maps], seed=1, style={"wall": 5})[0])
    assert (wall != translator(maps, seed=1, style={"wall": 6})).any()
    change = np.abs(wall.astype(float) - translator(maps, seed=1)).mean((0, 2))
    assert change[40:].mean() > 2 * change[:24].mean()
    for wrong in ("class", "class:x", "classes:1", ":3"):
        with pytest.raises(UsageError, match="give a whole number, or picture:7, class:7 or place:7"):
            translator(maps, style=wrong)
    with pytest.raises(UsageError, match="this translator draws its styles and takes none from a picture"):
        translator(maps, style=plain)


def test_noise_by_seed_fits_tiles_and_that_by_class_does_not(runs: dict[str, Path], maps: np.ndarray) -> None:
    translator = Translator.load(runs["oasis"])
    wide = np.tile(maps, (1, 6, 1))
    whole = translator(wide, size="own", style=3)
    translator.tile = 288
    assert np.abs(translator(wide, size="own", style=3).astype(int) - whole).mean() < 1
    with pytest.raises(UsageError, match="a style belongs to the whole picture"):
        translator(wide, size="own", style={"wall": 5})


def test_the_card_says_classes_and_scale(runs: dict[str, Path]) -> None:
    card = read_cards(runs["spade"] / "card.json")["a-to-b"]
    assert card.source.names == ("sky", "wall", "road")
    assert card.source.instances
    assert card.scale == 1


def test_the_command_finds_instance_maps_by_name(
    runs: dict[str, Path], labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["translate", str(runs["pix2pixhd"]), str(labelled / "val_label"), "--out", str(tmp_path / "out")]
    assert command([*words, "--instances", str(labelled / "val_inst"), "--style", "sky=1,road=0"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["0.png", "1.png"]
    assert command([*words, "--overwrite"]) == 1
    assert "needs its instance map; say where it is with --instances" in capsys.readouterr().err
    assert command([*words, "--instances", str(labelled / "val_inst"), "--style", "blue"]) == 2
    assert "give a whole number, or classes such as window=3,door=1" in capsys.readouterr().err
    pictures = {}
    for style in ("class:7", "wall=7", "7"):
        out = tmp_path / style.replace(":", "-")
        maps = [str(runs["oasis"]), str(labelled / "val_label"), "--instances", str(labelled / "val_inst")]
        assert command(["translate", *maps, "--out", str(out), "--style", style]) == 0
        pictures[style] = (out / "0.png").read_bytes()
    assert len(set(pictures.values())) == 3
    assert command([*words, "--style", "1", "--style-from", str(labelled / "val_img" / "0.png")]) == 2
    assert "leave one away" in capsys.readouterr().err


def test_a_run_without_style_says_how_to_get_one(toy_pairs: Path, tmp_path: Path) -> None:
    folder = run_to_end(tiny_recipe("pix2pix", toy_pairs, "training.steps=1"), tmp_path / "run")[0].folder
    with pytest.raises(
        UsageError, match=r"has no style to choose; train bicyclegan, OASIS, pix2pixHD with options\.features=3"
    ):
        Translator.load(folder)(np.zeros((16, 16, 3), np.uint8), style=3)


@pytest.fixture(scope="module")
def holed(labelled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = tiny_recipe("inpainting", labelled / "train_img", "training.steps=2")
    return run_to_end(recipe, tmp_path_factory.mktemp("holed") / "run")[0].folder


def test_only_the_hole_is_painted(
    holed: Path, labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = labelled / "val_img" / "0.png"
    mask = np.zeros((64, 64), np.uint8)
    mask[10:30, 20:50] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    words = ["translate", str(holed), str(photo)]
    assert command([*words, "--out", str(tmp_path / "one.png"), "--mask", str(tmp_path / "mask.png")]) == 0
    before, after = np.asarray(Image.open(photo)), np.asarray(Image.open(tmp_path / "one.png"))
    np.testing.assert_array_equal(after[mask == 0], before[mask == 0])
    assert (after[mask > 0] != before[mask > 0]).any()
    opaque = np.concatenate([before, 255 - mask[..., None]], axis=2)
    Image.fromarray(opaque).save(tmp_path / "transparent.png")
    assert (
        command(["translate", str(holed), str(tmp_path / "transparent.png"), "--out", str(tmp_path / "two.png")]) == 0
    )
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "two.png")), after)
    assert command([*words, "--out", str(tmp_path / "three.png")]) == 1
    assert "has no hole to fill" in capsys.readouterr().err
    Image.fromarray(mask[:40]).save(tmp_path / "small.png")
    assert command([*words, "--out", str(tmp_path / "three.png"), "--mask", str(tmp_path / "small.png")]) == 1
    assert "differ in size (64x64 and 64x40)" in capsys.readouterr().err


def test_pictures_are_enlarged_whatever_their_size(labelled: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("srgan", labelled / "train_img", "data.factor=4", "training.steps=2")
    folder = run_to_end(recipe, tmp_path / "run")[0].folder
    translator = Translator.load(folder)
    assert translator.card.scale == 4
    for height, width in ((7, 13), (1, 1), (16, 9)):
        assert translator(np.zeros((height, width, 3), np.uint8)).shape == (4 * height, 4 * width, 3)
    assert translator(np.zeros((10, 20, 3), np.uint8), size=(5, 5)).shape == (40, 80, 3)
    photo = str(labelled / "val_img" / "0.png")
    assert command(["translate", str(folder), photo, "--out", str(tmp_path / "grid.png"), "--grid"]) == 0
    with Image.open(tmp_path / "grid.png") as grid:
        assert grid.size == (512, 256)


def test_systems_refuse_what_they_are_not_made_for(labelled: Path, toy_pairs: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"pix2pix needs plain pictures, and the source here is labels"):
        run_to_end(tiny_recipe("pix2pix", labelled, "data.task=labelled", KIND), tmp_path / "a")
    with pytest.raises(UsageError, match=r'inpainting needs data\.task = "holed"'):
        run_to_end(
            tiny_recipe("inpainting", toy_pairs, "data.task=pairs", 'data.source={colour="rgb"}'), tmp_path / "b"
        )
    with pytest.raises(UsageError, match=r'SRGAN needs data\.task = "shrunk"'):
        run_to_end(tiny_recipe("srgan", toy_pairs, "data.task=pairs"), tmp_path / "c")
    with pytest.raises((UsageError, DiptychError), match="SPADE with these options needs sides divisible by 32"):
        run_to_end(tiny_recipe("spade", labelled, "data.palette=[]", KIND, "data.crop_size=48"), tmp_path / "d")


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_system_translates_any_size(system: str, toy_pairs: Path, tmp_path: Path) -> None:
    """Whatever leaves a run: odd sizes, the same result again, and the size that the card promises."""
    recipe = tiny_recipe(system, toy_pairs, "training.steps=1", "training.average=0.5")
    folder = run_to_end(recipe, tmp_path / "run")[0].folder
    for way, card in read_cards(folder / "card.json").items():
        translator = Translator.load(folder, way)
        for height, width in ((31, 45), (70, 33)):
            kind = card.source
            shape = (height, width, kind.stored_channels)
            picture = np.random.default_rng(0).integers(0, kind.classes or 256, shape).astype(np.uint8)
            if kind.colour == "holed":
                picture[..., 3] = np.where(picture[..., 3] < 128, 0, 255)
            picture = picture.astype(np.uint16) if kind.colour == "labels" else picture
            result = translator.stored(picture)
            assert result.shape == (height * card.scale, width * card.scale, card.target.stored_channels)
            np.testing.assert_array_equal(translator.stored(picture), result)
            smaller = translator.stored(picture, size=(64, 64))
            assert smaller.shape == result.shape


def test_pictures_that_are_too_small_are_said_to_be(
    toy_pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["data.load_size=16", "data.crop_size=16", "training.epochs=0", "training.steps=1", "options.width=4"]
    assert command(["train", "pix2pix", f"data.folder={toy_pairs}", *words, "--out", str(tmp_path / "run")]) == 2
    assert "pix2pix with these options needs sides of 32 pixels or more" in capsys.readouterr().err


def test_a_network_of_another_version_is_named(holed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(holed, tmp_path / "run")
    card = tmp_path / "run" / "card.json"
    card.write_text(card.read_text().replace('"network": "dilated-resnet"', '"network": "dilated-resnet9"'))
    assert command(["translate", str(tmp_path / "run"), "x.png", "--out", str(tmp_path / "o")]) == 1
    assert 'needs the network "dilated-resnet9" (did you mean "dilated-resnet"?)' in capsys.readouterr().err
