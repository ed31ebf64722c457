"""``diptych recipes`` and ``diptych data list``."""

from typing import Any

import pytest
from commanding import Typed

from diptych.commands.recipes import files
from diptych.recipe import read


def test_recipes_are_listed_with_a_line_each(typed: Typed) -> None:
    said = typed("recipes")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == list(files())
    assert [line for line in said.out.splitlines() if len(line.split()) < 4] == []


@pytest.mark.parametrize("name", files())
def test_every_shipped_recipe_parses(name: str) -> None:
    recipe = read(name)
    assert recipe.name == name
    assert name.split("-")[0] == recipe.system or name.startswith("srresnet")  # which is SRGAN without its adversary
    assert read_text_back(recipe) == recipe.to_table()


def read_text_back(recipe: Any) -> Any:
    import tomllib

    return tomllib.loads(recipe.to_toml())


def test_the_recipes_of_the_papers_are_there_with_their_small_twins() -> None:
    sets = "openmoji facades maps edges2shoes edges2handbags cityscapes day2night colorization"
    wanted = [f"pix2pix-{name}" for name in sets.split()] + ["cyclegan-horse2zebra", "cyclegan-maps"]
    known = files()
    assert [name for name in wanted if name not in known] == []
    published = [name for name in known if not name.endswith("-small") and "-fast-" not in name]
    assert [name for name in published if f"{name}-small" not in known] == []


def test_a_recipe_is_shown_as_it_is_shipped(typed: Typed) -> None:
    said = typed("recipes", "show", "pix2pix-facades")
    assert said == (0, files()["pix2pix-facades"].read_text(), "")


def test_data_sets_are_listed(typed: Typed) -> None:
    said = typed("data", "list")
    assert said.code == 0
    for name in ("openmoji", "facades", "horse2zebra", "night2day", "licence"):
        assert name in said.out
