"""``diptych train FOLDER``: a recipe is chosen, told and trained, and equals the command that is printed."""

import shlex
from pathlib import Path

import pytest
from commanding import Typed, names, refused
from sets import draw_set
from toys import TINY

import diptych
from diptych.recipe import read as read_file
from diptych.training.run import read_recipe

SHORT = [
    *["training.steps=4", "training.validate_every=2", "training.checkpoint_every=2", "training.report=false"],
    *["training.statistics_pictures=4", "training.precision=float32", "training.device=cpu"],
]


@pytest.mark.parametrize(
    ("sort", "system"), [("halves", "pix2pix"), ("pairs", "pix2pix"), ("unpaired", "cyclegan"), ("class maps", "spade")]
)
def test_the_printed_command_gives_the_identical_recipe(sort: str, system: str, typed: Typed, tmp_path: Path) -> None:
    draw_set(tmp_path / "my set", sort)
    said = typed("train", "my set", *SHORT, *TINY[system])
    assert said.code == 0, said
    assert "Done: runs/my set." in said.out
    first = (tmp_path / "runs" / "my set" / "recipe.toml").read_text()
    (printed,) = [line for line in said.out.splitlines() if line.startswith("The same as: ")]
    words = shlex.split(printed.removeprefix("The same as: diptych "))
    words[-1] = "again"
    assert typed(*words).code == 0
    assert (tmp_path / "again" / "recipe.toml").read_text() == first
    assert f'system = "{system}"' in first


def test_the_table_has_a_reason_for_each_key_of_the_command(typed: Typed, tmp_path: Path) -> None:
    draw_set(tmp_path / "set", "halves")
    said = typed("train", "set", "--dry-run", "training.seed=3", "training.device=cpu")
    assert said.code == 0
    first, *rows, last = said.out.strip().splitlines()
    assert first == "Chosen for these pictures:"
    told = {row.split()[0]: row.split(maxsplit=1)[1] for row in rows}
    keys = [word for word in shlex.split(last) if "=" in word]
    assert set(keys) <= told.keys()
    assert all(len(reason) > 5 for reason in told.values())
    assert told["training.seed=3"] == "given on the command line"
    assert names(tmp_path) == [f"set/{number}.png" for number in sorted(range(12), key=str)]  # nothing was trained


def test_dry_run_of_a_recipe_prints_its_settings(typed: Typed, tmp_path: Path) -> None:
    said = typed("train", "pix2pix", "data.folder=nowhere", "--dry-run")
    assert (said.code, said.err) == (0, "")
    (tmp_path / "whole.toml").write_text(said.out)
    assert typed("train", "whole.toml", "--dry-run").out == said.out


def test_dry_run_of_a_run_prints_its_recipe_and_refuses_another(typed: Typed, tmp_path: Path) -> None:
    draw_set(tmp_path / "set", "halves", 9)
    assert typed("train", "set", *SHORT, *TINY["pix2pix"]).code == 0
    run = tmp_path / "runs" / "set"
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    for words in (["set"], ["runs/set"], ["runs/set/recipe.toml", "--out", "runs/set"]):
        said = typed("train", *words, "--dry-run")
        assert said.code == 0
        (tmp_path / "printed.toml").write_text(said.out)
        assert read_file(tmp_path / "printed.toml").to_toml() == read_recipe(run).to_toml()
        other = typed("train", *words, "data.crop_size=16", "--dry-run")
        refused(other, 2, "runs/set was begun with another recipe: data.crop_size was")
        assert other.err == typed("train", *words, "data.crop_size=16").err
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").touch()
    refused(typed("train", "set", "--out", "texts", "--dry-run"), 1, "is not empty and holds no run")


def test_a_folder_called_like_a_recipe(typed: Typed, tmp_path: Path) -> None:
    draw_set(tmp_path / "pix2pix", "halves", 9)
    said = typed("train", "pix2pix", "data.folder=pix2pix", "--dry-run")
    assert said.out.startswith("# pix2pix is the recipe; there is also a folder pix2pix: for that write ./pix2pix\n")
    assert typed("train", "./pix2pix", "--dry-run").out.startswith("Chosen for these pictures:")


def test_what_is_no_recipe_and_no_folder(typed: Typed, tmp_path: Path) -> None:
    draw_set(tmp_path / "my set", "halves", 1)
    refused(typed("train", "nowhere"), 2, 'there is no recipe, file or folder "nowhere"')
    refused(typed("train", "my set/0.png"), 2, "is a picture; give the folder that it lies in: diptych train 'my set'")


def test_minutes_are_part_of_the_printed_command(typed: Typed, tmp_path: Path) -> None:
    draw_set(tmp_path / "set", "halves")
    said = typed("train", "set", "--minutes", "20", "--dry-run")
    (printed,) = [line for line in said.out.splitlines() if line.startswith("The same as: ")]
    assert printed.endswith("--minutes 20 --out runs/set")
    assert "training.steps" not in said.out
    assert typed(*shlex.split(printed.removeprefix("The same as: diptych ")), "--dry-run").code == 0


def test_the_same_command_goes_on(typed: Typed, tmp_path: Path) -> None:
    """Also when pictures were added, for which another recipe might be chosen today."""
    folder = draw_set(tmp_path / "set", "halves", 9)
    words = ["train", "set", *SHORT, *TINY["pix2pix"]]
    assert typed(*words).code == 0
    before = read_recipe(tmp_path / "runs" / "set")
    draw_set(folder, "halves", 20)
    said = typed(*words)
    assert said.code == 0, said
    assert "runs/set holds a run on these pictures, which goes on as it was begun" in said.out
    assert "The run is complete: 4 steps." in said.out
    assert read_recipe(tmp_path / "runs" / "set") == before
    longer = [word.replace("training.steps=4", "training.steps=6") for word in words]
    assert "has 6 now" in typed(*longer).out
    refused(typed(*words, "--profile", "smal"), 2, "was begun as pix2pix-small")
    draw_set(tmp_path / "elsewhere" / "set", "halves", 9)
    refused(typed("train", "elsewhere/set"), 2, "runs/set holds a run on set; name another folder")


@pytest.mark.parametrize(
    ("sort", "words"),
    [
        ("empty", ["there is no picture in set"]),
        ("texts", ["there is no picture in set", "notes.txt"]),
        ("one", ["set has one example only (0)", "add pictures"]),
        ("mixed", ["seems to mix pairs side by side"]),
        ("single", ["holds single pictures", "diptych train srresnet --profile small data.folder=set"]),
    ],
)
def test_a_folder_for_which_nothing_can_be_chosen(sort: str, words: list[str], typed: Typed, tmp_path: Path) -> None:
    draw_set(tmp_path / "set", sort)
    refused(typed("train", "set", "training.device=cpu"), 1, *words)
    assert not (tmp_path / "runs").exists()


def test_a_damaged_run_is_no_folder_of_pictures(typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "damaged" / "checkpoints").mkdir(parents=True)
    refused(typed("train", "damaged"), 1, "damaged is no run: it has no recipe.toml")


def test_from_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = draw_set(tmp_path / "set", "halves")
    run = diptych.train(str(folder), overrides=[*SHORT, *TINY["pix2pix"]])
    assert (run.recipe.name, run.saved_steps()) == ("pix2pix-small", [2, 4])
    assert "The same as: diptych train pix2pix --profile small" in capsys.readouterr().out
    with pytest.raises(diptych.UsageError, match="must be named"):
        diptych.train(run.recipe)
