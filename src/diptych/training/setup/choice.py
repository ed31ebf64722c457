"""A recipe that was chosen for a folder, with the reason of each choice and the words of the command that is equal to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import join, quote
from typing import Any, NamedTuple

from diptych.data.settings import DataSettings
from diptych.recipe import Recipe, lay_over, read
from diptych.registry import import_words
from diptych.tables import CommandLineValue, as_word, flatten, from_table


class Chosen(NamedTuple):
    """The value of a key, and why."""

    value: Any
    reason: str


Rule = dict[str, Chosen]
"""What a rule chooses, by the dotted key."""


@dataclass(frozen=True)
class Choice:
    """A recipe, how it was chosen, and the words of the command that is equal to it."""

    recipe: Recipe
    name: str
    profile: str
    words: tuple[str, ...]  # key=value, those that were stated at the end
    rows: tuple[tuple[str, str], ...]  # what, and why

    def command(self, *more: str) -> str:
        """The equal command, to be copied into a shell."""
        profile = ["--profile", self.profile] if self.profile else []
        return join(["diptych", "train", self.name, *profile, *self.words, *more, *import_words()])

    def table(self) -> Iterator[str]:
        """A line for each choice."""
        width = max(len(what) for what, _ in self.rows)
        yield from (f"  {what:{width}}  {why}" for what, why in self.rows)


def made(
    name: str, profile: str, why: str, rules: Rule, overrides: Sequence[str], minutes: float | None = None
) -> Choice:
    """The recipe ``name`` with what the rules choose, and over it what is stated."""
    kept = without(rules, stated_keys(overrides))
    words = [f"{key}={as_word(one.value)}" for key, one in kept.items()]
    rows = [(f"{name} --profile {profile}" if profile else name, why)]
    rows += [(word, one.reason) for word, one in zip(words, kept.values(), strict=True)]
    rows += [(f"--minutes {minutes:g}", "the rate is measured when training begins")] if minutes is not None else []
    rows += [(override, "given on the command line") for override in overrides]
    recipe = read(name, [*words, *overrides], profile)
    return Choice(recipe, name, profile, (*words, *overrides), tuple(rows))


def without(rules: Rule, stated: Iterable[str]) -> Rule:
    """Without the keys that are stated, in whole or in part, such as data.source by data.source.depth."""
    return {key: one for key, one in rules.items() if not any(related(key, other) for other in stated)}


def related(key: str, other: str) -> bool:
    return key == other or key.startswith(f"{other}.") or other.startswith(f"{key}.")


def stated_keys(overrides: Sequence[str]) -> dict[str, Any]:
    """The overrides by their dotted keys, also those that are within a table, with the value that TOML gives.

    Raises:
        UsageError: for what is no override.
    """
    table: dict[str, Any] = {}
    for override in overrides:
        lay_over(table, override)
    return {key: value.value if isinstance(value, CommandLineValue) else value for key, value in flatten(table).items()}


def stated_data(folder: str, overrides: Sequence[str]) -> DataSettings:
    """What the overrides say of where the data are and how they are cut; of the kinds only where the task is stated too.

    Raises:
        UsageError: for one that is wrong.
    """
    table: dict[str, Any] = {"data": {}}
    for override in overrides:
        lay_over(table, override)
    if "task" not in table["data"]:
        table["data"] = {key: value for key, value in table["data"].items() if key not in ("source", "target")}
    said = table["data"]
    for size, other in (("load_size", "crop_size"), ("crop_size", "load_size")):
        if size in said:  # alone it is not held against the default of the other, which is chosen by it
            said.setdefault(other, said[size])
    return from_table(DataSettings, said | {"folder": folder}, "data")


def folder_word(folder: str) -> str:
    """data.folder=FOLDER for a shell."""
    return quote(f"data.folder={as_word(folder)}")


def place_of(folder: str) -> Path:
    """The run folder for a folder of pictures, called as that is."""
    return Path("runs") / (Path(folder).resolve().name or "pictures")
