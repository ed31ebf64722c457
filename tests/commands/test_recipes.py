"""``diptych recipes`` and ``diptych data list``."""

import re
from pathlib import Path

import pytest
from commanding import Typed, refused

from diptych.recipe import differences, read
from diptych.recipe_files import shipped


def test_the_list_is_one_screen_by_what_the_user_has(typed: Typed) -> None:
    said = typed("recipes")
    lines = said.out.splitlines()
    assert (said.code, said.err) == (0, "")
    assert len(lines) < 24  # and the prompt
    assert [line for line in lines if len(line) > 80 or line != line.rstrip()] == []
    groups = [line[:19].strip() for line in lines[1:-1] if not line.startswith(" ")]
    assert groups == ["pairs", "two unpaired sets", "class maps", "small pictures", "holes", "grey pictures"]


def test_the_list_has_every_recipe(typed: Typed) -> None:
    listed: dict[str, list[str]] = {}
    for line in typed("recipes").out.splitlines()[1:-1]:
        if found := re.fullmatch(r".{19}(\S+): .*?", line):
            first = found[1]
            listed[first] = []
        if other := line.partition("; sets of ")[2]:
            listed[first] = listed[other]
        listed[first] += re.findall(r"(?<= )-\w\S*", line)
    assert sorted(f"{first}{one}" for first in listed for one in ["", *listed[first]]) == sorted(shipped())


@pytest.mark.parametrize(
    "words", [("pix2pix",), ("spade-camvid", "--profile", "small"), ("srgan-small",)], ids="-".join
)
def test_what_is_shown_can_be_trained_as_a_file(words: tuple[str, ...], typed: Typed, tmp_path: Path) -> None:
    said = typed("recipes", *words)
    assert said.code == 0
    (tmp_path / "mine.toml").write_text(said.out)
    assert (
        differences(read(words[0], profile=words[-1] if "--profile" in words else ""), read(tmp_path / "mine.toml"))
        == {}
    )


def test_a_recipe_is_shown_with_its_profile(typed: Typed) -> None:
    said = typed("recipes", "travelgan-facades", "--profile", "small")
    assert said.out.splitlines() == [
        "# travelgan-facades-small: facade photos <-> labels, without their pairing; 64x64, half the width: for processors",
        'system = "travelgan"',
        'data.task = "unpaired"',
        "data.load_size = 80",
        "data.crop_size = 64",
        'data.folder = "facades"',
        "options.width = 32",
        "training.steps = 20000",
        "training.batch_size = 16",
        'training.schedule = "linear"',
    ]
    assert typed("recipes", "show", "travelgan-facades-small") == said


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("pix2pix-facade", 'no recipe or file "pix2pix-facade" (did you mean "pix2pix-facades"?)'),
        ("pix2pix --profile smal", 'pix2pix has no profile "smal" (did you mean "small"?); it has small.'),
        ("--profile small", "diptych recipes RECIPE --profile small"),
    ],
)
def test_what_is_not_there_is_said(words: str, answer: str, typed: Typed) -> None:
    refused(typed("recipes", *words.split()), 2, answer)


def test_data_sets_are_listed(typed: Typed) -> None:
    said = typed("data", "list")
    assert said.code == 0
    for name in ("openmoji", "facades", "horse2zebra", "night2day", "licence"):
        assert name in said.out
