"""What the pages name is there: options, values that can be given, files and headings that links lead to."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from diptych.commands.options import every_option
from diptych.data.settings import DataSettings
from diptych.errors import UsageError
from diptych.recipe import TrainingSettings
from diptych.systems import SYSTEMS
from diptych.tables import as_typed, convert

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
KEY = r"(?:data|training|options)\.[a-z_][a-z_0-9]*(?:\.[a-z_0-9]+)*"
ELSEWHERE = {"data.json", "data.md", "options.md", "options.first_weights", "options.augment"}
"""Files, and options of benchmarks/candidates.py."""
FIELDS = {field.key for field in every_option()} | {
    "training.learning_rate.generator",
    "training.learning_rate.discriminator",
}


def words_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_names_is_there(page: Path) -> None:
    named = set(re.findall(rf"(?<![\w./-]){KEY}(?![\w(])", words_of(page))) - ELSEWHERE
    assert {key for key in named if key.replace("data.target.", "data.source.") not in FIELDS} == set()


def settings(page: Path) -> Iterator[tuple[str, str]]:
    """Each key=value of a page, without those that stand for a value, such as FOLDER and [...], or for imported code."""
    words = re.sub(r"^.*--import .*$", "", words_of(page), flags=re.MULTILINE)
    for key, text in re.findall(rf"(?<![\w./-])({KEY})=(\[[^\]]*\]|\{{[^}}]*\}}|[^\s`',;:)\"|]+)", words):
        if key not in ELSEWHERE and "..." not in text and not re.fullmatch(r"[A-Z_/]+", text):
            yield key, text.rstrip(".")


def types_of(key: str) -> Iterator[Any]:
    """The type of an option, in each system that has it."""
    place, *parts = key.split(".")
    tables: dict[str, list[Any]] = {"data": [DataSettings], "training": [TrainingSettings]}
    for kind in tables.get(place, [system.Options for system in SYSTEMS.values()]):
        with suppress(KeyError):
            for part in parts:
                origin: Any = get_origin(kind)
                kind = get_args(kind)[1] if origin is dict else get_type_hints(kind)[part]
            yield kind


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_values_that_a_page_says_to_set_are_taken(page: Path) -> None:
    for key, text in settings(page):
        complaints = []
        for kind in types_of(key):
            try:
                convert(kind, as_typed(text), key)
                break
            except UsageError as complaint:
                complaints.append(str(complaint))
        else:
            pytest.fail(f"{key}={text}: {complaints}")


def slug(heading: str) -> str:
    """As GitHub makes it of a heading."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", words_of(page)):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", words_of(file), re.MULTILINE)
            assert anchor in map(slug, headings), target
