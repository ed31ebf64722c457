"""Systems that compare translations with targets refuse unpaired sets; others take them."""

from pathlib import Path

import pytest
from toys import tiny_recipe

from diptych.errors import UsageError

UNPAIRED = "data.task=unpaired"


@pytest.mark.parametrize(
    ("system", "words"),
    [
        ("pix2pix", []),
        ("pix2pix", ["options.objective=l1"]),
        ("pix2pix", ["options.objective=gan", "options.gradient_difference=1"]),
        ("pix2pix", ["options.objective=gan", "options.feature_matching=1"]),
        ("reggan", []),
        ("bicyclegan", []),
    ],
    ids=str,
)
def test_pairs_are_needed(system: str, words: list[str]) -> None:
    with pytest.raises(
        UsageError, match=f"{system} with these options compares each .* choose cyclegan or cut, or give"
    ):
        tiny_recipe(system, Path("unused"), UNPAIRED, *words)


@pytest.mark.parametrize(
    ("system", "words"),
    [
        ("pix2pix", ["options.objective=gan"]),
        ("reggan", ["options.registration=false"]),
        *((system, []) for system in ("cyclegan", "travelgan", "cut")),
    ],
    ids=str,
)
def test_unpaired_sets_are_taken(system: str, words: list[str]) -> None:
    assert tiny_recipe(system, Path("unused"), UNPAIRED, *words).data.task == "unpaired"
