"""When to change an option, and under which other names it is looked for: two tables beside this file. Needs no torch."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from diptych.files import read_text
from diptych.reference.fields import Field

HERE = Path(__file__).parent
TOOLKITS = {
    "C": "pytorch-CycleGAN-and-pix2pix",
    "H": "pix2pixHD",
    "S": "SPADE",
    "U": "contrastive-unpaired-translation",
}
PORTED = {"pix2pix": "C", "cyclegan": "C", "pix2pixhd": "H", "spade": "S", "cut": "CU"}
"""The toolkits whose names a system's options have elsewhere; that of CUT grew out of CycleGAN's."""
KEY = re.compile(r"`((?:data|options|training)\.[a-z_0-9.]*[a-z_0-9])")
NOTHING = "nothing: "


@dataclass(frozen=True)
class Advice:
    """When to change an option, and the words by which it is looked for."""

    change: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class Elsewhere:
    """An option of other toolkits, or a wish that no option of ours alone fulfils."""

    name: str
    toolkits: str  # letters of TOOLKITS; none for a wish
    ours: str  # what is here instead: keys in backticks and an explanation, or "nothing: " and why

    @property
    def keys(self) -> list[str]:
        """Those of ours in its place; a target's as the source's, which are listed."""
        found = [] if self.ours.startswith(NOTHING) else KEY.findall(self.ours)
        return [key.replace("data.target.", "data.source.") for key in found]


@cache
def advice() -> dict[str, dict[str, Advice]]:
    """Advice by table and option."""
    tables = tomllib.loads(read_text(HERE / "advice.toml"))
    return {
        table: {name: Advice(change, tuple(words.split(", "))) for name, (change, words) in options.items()}
        for table, options in tables.items()
    }


@cache
def tables_elsewhere() -> dict[str, Any]:
    return tomllib.loads(read_text(HERE / "elsewhere.toml"))


@cache
def elsewhere() -> dict[str, Elsewhere]:
    """The options of other toolkits, by name."""
    rows = {name: row for name, row in tables_elsewhere().items() if name != "values"}
    return {name: Elsewhere(name, toolkits, ours) for name, (toolkits, ours) in rows.items()}


def values_elsewhere(key: str) -> dict[str, str]:
    """Values of other toolkits for the option, in small letters, and what each is here."""
    found: dict[str, str] = tables_elsewhere()["values"].get(key.replace("data.target.", "data.source."), {})
    return found


def advice_of(field: Field) -> Advice:
    place, _, name = field.key.rpartition(".")
    table = {"data.augment": "augment", "data.source": "kind", "data.target": "kind"}.get(place, place)
    own = advice().get(field.system, {})
    return own.get(name) or advice()[table].get(name) or Advice("", ())


def names_elsewhere(field: Field) -> list[str]:
    """What other toolkits call the option."""
    toolkit = PORTED.get(field.system, "") if field.system else "".join(TOOLKITS)
    return [
        other.name
        for other in elsewhere().values()
        if field.key in other.keys and (not other.toolkits or any(letter in toolkit for letter in other.toolkits))
    ]


def also(field: Field) -> list[str]:
    """Every other name and word for the option, each once."""
    return list(dict.fromkeys((*names_elsewhere(field), *advice_of(field).words)))


def own_keys(name: str) -> list[str]:
    """The dotted keys of ours whose last part is ``name``."""
    places = {"data": "data", "augment": "data.augment", "kind": "data.source", "training": "training"}
    return list(
        dict.fromkeys(f"{places.get(table, 'options')}.{name}" for table in advice() if name in advice()[table])
    )


def named_elsewhere(name: str) -> Elsewhere | None:
    """The option of another toolkit, however its letters are written."""
    plain = name.lstrip("-").replace("-", "_").replace(" ", "_").casefold()
    return next((other for known, other in elsewhere().items() if known.casefold() == plain), None)


def answer(key: str, near: bool = False) -> str:
    """Where an option is that somebody looked for by a name of another table, toolkit or paper; empty where none is known.

    Args:
        key: the dotted key, or the name alone.
        near: its table has an option of a similar name, so that only what is sure is an answer.
    """
    place, _, word = key.lstrip("-").rpartition(".")
    name = word.replace("-", "_")
    own, other = own_keys(name), named_elsewhere(name)
    if key in own:
        return f"other systems have it: `diptych options {key}`"
    if own:
        return f"here it is {' or '.join(own)}"
    if near and not (other and any(one.startswith(f"{place}.") for one in other.keys)):
        return ""
    if other is not None:
        reason = other.ours.removeprefix(NOTHING)
        return f"nothing is in its place here: {reason}" if reason != other.ours else f"here it is {reason}"
    words = name.replace("_", " ").casefold()
    named = [
        known for table in advice().values() for known, one in table.items() if words in map(str.casefold, one.words)
    ]
    found = dict.fromkeys(key for known in named for key in own_keys(known))
    return f"here it is {' or '.join(found)}" if found else ""
