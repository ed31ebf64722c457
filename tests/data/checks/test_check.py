"""What ``diptych data check`` says of folders that are well."""

import shlex
from pathlib import Path

import numpy as np
from checking import RNG, beside, blob, check, save
from commanding import Said, Typed, tiny_words
from PIL import Image

from diptych.data.layouts import discover
from diptych.recipe import Recipe, read
from diptych.training.setup.start import start


def test_side_by_side(pairs: Path, checked: Typed) -> None:
    said = checked(pairs)
    assert said.code == 0
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[0] == f"{pairs}: side by side pictures (a|b): 10 train, 4 val."
    assert lines[1] == "Sizes: 48x24 (14). Files: 3 channels of uint8 (14)."
    assert "No problems found." in lines
    assert "10 training examples are few" in said.out


def test_folders(folders: Path, checked: Typed) -> None:
    said = checked(folders)
    assert (said.code, said.err) == (0, "")
    assert "folders matched by name (trainA and trainB, valA and valB): 10 train, 4 val." in said.out
    assert "Sizes: 24x24 (28)." in said.out


def test_unpaired_piles_are_seen_without_being_told(tmp_path: Path, checked: Typed) -> None:
    for number in range(5):
        save(tmp_path / "zoo" / "trainA" / f"horse{number}.png", blob())
        save(tmp_path / "zoo" / "trainB" / f"zebra{number}.png", blob(48, 24))
    said = checked(tmp_path / "zoo")
    assert said.code == 0, said
    assert "two piles" in said.out
    assert "second pile" in said.out
    assert "No problems found." in said.out


def trained_by(said: Said) -> Recipe:
    """The recipe that the last line's command reads, as a shell splits it."""
    line = said.out.splitlines()[-1]
    words = shlex.split(line.partition("Train with: ")[2])
    assert words[:2] == ["diptych", "train"], line
    profile = words.index("--profile") + 1 if "--profile" in words else 0
    overrides = [word for word in words[3:] if "=" in word]
    if Path(words[2]).is_dir():  # whose recipe is chosen
        return start(words[2], overrides)[0]
    return read(words[2], overrides, words[profile] if profile else "")


def test_the_command_that_trains_is_said_and_reads_the_same_data(
    pairs: Path, folders: Path, tmp_path: Path, checked: Typed
) -> None:
    for number in range(5):
        save(tmp_path / "zoo" / "A" / f"horse{number}.png", blob())
        save(tmp_path / "zoo" / "B" / f"zebra{number + 10}.png", blob(48, 24))
        save(tmp_path / "photos" / f"{number}.png", blob(48, 24))
        for own in ("drawings", "photos"):
            save(tmp_path / "mine" / own / f"{number}.png", blob(48, 32))
    odd = pairs.rename(tmp_path / '"it\'s $HOME"')
    for folder, more, task, system in (
        (odd, [], "pairs", "pix2pix"),
        (folders, ["data.crop_size=128"], "pairs", "pix2pix"),
        (tmp_path / "zoo", [], "unpaired", "cyclegan"),
        (tmp_path / "zoo", ["--task", "unpaired"], "unpaired", "cyclegan"),
        (tmp_path / "mine", [], "pairs", "pix2pix"),
        (folders, ["--recipe", "pix2pix-small", "data.direction=b-to-a"], "pairs", "pix2pix"),
        (tmp_path / "photos", ["--task", "edges"], "edges", "pix2pix"),
        (tmp_path / "photos", ["--task", "holed"], "holed", "inpainting"),
        (tmp_path / "photos", ["--task", "shrunk", "data.crop_size=16"], "shrunk", "srgan"),
    ):
        said = checked(folder, *more)
        assert said.code == 0, said
        found = trained_by(said)
        assert (found.data.task, found.data.folder, found.system) == (task, str(folder), system)
        assert found.data.direction == "b-to-a" or "data.direction=b-to-a" not in more
        discover(found.data)
    said = checked(tmp_path / "zoo")
    assert "No pairs: no name in" in said.out
    assert "partners must be called alike, whatever their ending. Used as unpaired (data.task=unpaired)." in said.out


def test_squares_that_would_be_cut_are_a_warning_and_no_command(tmp_path: Path, checked: Typed, typed: Typed) -> None:
    for number in range(6):
        save(tmp_path / "photos" / f"{number}.png", blob())
    said = checked(tmp_path / "photos")
    assert "WARNING (single pictures?): 6 of 6 pictures are square or upright" in said.out
    assert "would refuse: " in said.out
    assert "Train with" not in said.out
    words = tiny_words(tmp_path / "photos")
    trained = typed("train", "pix2pix", *words, "--out", tmp_path / "run").out.splitlines()
    warned = [line for line in trained if line.startswith("WARNING (single pictures?)")]
    assert len(warned) == 1
    assert "set data.layout=side-by-side" in warned[0]
    assert "data.task=edges" in warned[0]
    assert trained.index(warned[0]) < next(at for at, line in enumerate(trained) if line.startswith("6 steps on"))
    told = typed("train", "pix2pix", *words, "data.layout=side-by-side", "--out", tmp_path / "other")
    assert "WARNING" not in told.out


def test_derived_sources(tmp_path: Path, checked: Typed) -> None:
    for number in range(5):
        save(tmp_path / "photos" / f"{number}.png", blob())
    for task in ("greyscale", "colorization", "edges"):
        said = checked(tmp_path / "photos", "--task", task)
        assert said.code == 0, said
        assert f"from which the source is derived ({task})" in said.out


def test_deep_pictures_are_mentioned(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / "deep").mkdir(exist_ok=True)
        array = RNG.integers(0, 65536, (24, 48), dtype=np.uint16)
        Image.fromarray(array).save(tmp_path / "deep" / f"{number}.png")
    assert any('data.source.depth="uint16"' in line for line in check(tmp_path / "deep").lines)


def test_an_estimate_for_a_recipe(pairs: Path, checked: Typed) -> None:
    words = "options.width=4 options.discriminator_width=4 options.discriminator_layers=1 data.load_size=18 data.crop_size=16"
    said = checked(pairs, "--recipe", "pix2pix", *words.split())
    assert said.code == 0
    assert "GiB of memory" in said.out
    assert "minutes for a thousand steps" in said.out


def test_pictures_much_larger_than_the_scale_of_training(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "large" / f"{number}.png", beside(blob(640, 600), blob(640, 600)))
    line = (
        "Pictures are 640x600, and training brings them to 286x286 and crops of 256x256, the scale at which the network "
        "learns; data.fit=none trains on crops at full resolution."
    )
    assert line in check(tmp_path / "large").lines
    assert not any("crops" in words for words in check(tmp_path / "large", "data.fit=none").lines)
    assert not any("crops" in words for words in check(tmp_path / "large", "data.load_size=320").lines)
