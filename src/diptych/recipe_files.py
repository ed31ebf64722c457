"""Recipes as TOML: from a recipe's name or file, and a profile, to one plain table. Needs no torch, so listing is quick.

A file of ``recipes/`` is the recipe of its name. It may hold two more kinds of tables, each of which says only what it changes:
``[profiles.small]`` can be laid over every recipe of the file, and ``[recipes.NAME]`` is another recipe of the same system. What
a profile changes for that recipe alone stands with it, as ``profiles.small``. Users' own files may have profiles as well.
"""

import copy
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from diptych.errors import DiptychError, UsageError
from diptych.files import read_text
from diptych.tables import closest

Table = dict[str, Any]


class Found(NamedTuple):
    """A recipe with its profile laid over it."""

    name: str
    about: str  # what it is, in a line; may be empty in users' files
    table: Table  # system, options, data and training, as far as they are not defaults


@cache
def shipped() -> dict[str, Table]:
    """The recipes that come with the package, by name; beside their settings they hold ``about`` and ``profiles``."""
    found: dict[str, Table] = {}
    for path in sorted(Path(str(resources.files("diptych") / "recipes")).glob("*.toml")):
        first = parsed(path)
        others = first.pop("recipes", {})
        found[path.stem] = first
        found |= {name: merge(first, changes) for name, changes in others.items()}
    return found


@cache
def spellings() -> dict[str, tuple[str, str]]:
    """Every name by which a recipe can be called, with the recipe and the profile that it means.

    The profile's word stands at the end or behind the system's: pix2pix-facades-small, pix2pix-small-facades. Former names of a
    profile, its ``also``, are understood as well.
    """
    known = {name: (name, "") for name in shipped()}
    for name, table in shipped().items():
        system, *words = name.split("-")
        for profile, changes in table.get("profiles", {}).items():
            for word in (profile, *changes.get("also", ())):
                known["-".join([name, word])] = known["-".join([system, word, *words])] = (name, profile)
    return known


def find(name_or_file: str, profile: str = "") -> Found:
    """A shipped recipe by name, or a TOML file, with a profile of it laid over it.

    Raises:
        UsageError: for a name that is neither, a file that is no TOML, or a profile that it does not have.
        DiptychError: for a file that cannot be read.
    """
    path, known = Path(name_or_file), spellings()
    if name_or_file in known:
        called, (name, spelt) = name_or_file, known[name_or_file]
        table = shipped()[name]
    elif path.is_file():
        called = name = path.stem
        spelt, table = "", parsed(path)
    else:
        raise UsageError(
            f'there is no recipe or file "{name_or_file}"{closest(name_or_file, known)}; `diptych recipes` lists the recipes.'
        )
    if spelt and profile not in ("", spelt):
        raise UsageError(
            f'{called} is {name} with the profile "{spelt}"; for another write {name} --profile {profile}.'
        )
    changes = {key: value for key, value in profile_of(table, profile or spelt, name).items() if key != "also"}
    about = [text for text in (table.get("about"), changes.pop("about", "")) if text]
    if not all(isinstance(text, str) for text in about):
        raise UsageError(f'{name}: "about" must be a text in quotes.')
    settings = {key: value for key, value in table.items() if key not in ("about", "profiles")}
    if profile and not spelt:
        called = f"{called}-{profile}"
    return Found(called, "; ".join(about), copy.deepcopy(merge(settings, changes)))


def profile_of(table: Table, profile: str, recipe: str) -> Mapping[str, Any]:
    """What the profile changes of the recipe."""
    profiles = table.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(changes, dict) for changes in profiles.values()):
        raise UsageError(f"{recipe}: profiles must be tables, such as [profiles.small.training].")
    if not all(isinstance(changes.get("also", []), list) for changes in profiles.values()):
        raise UsageError(f'{recipe}: "also" of a profile must be a list of other names for it, such as ["fast"].')
    profile = next((name for name, changes in profiles.items() if profile in changes.get("also", ())), profile)
    if profile and profile not in profiles:
        known = f"it has {', '.join(profiles)}" if profiles else "it has none"
        raise UsageError(f'{recipe} has no profile "{profile}"{closest(profile, profiles)}; {known}.')
    return profiles[profile] if profile else {}


def parsed(path: Path) -> Table:
    try:
        return tomllib.loads(read_text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        raise UsageError(f"{path} is no readable TOML: {problem}.") from None
    except OSError as problem:
        raise DiptychError(f"{path} cannot be read: {problem.strerror}.") from None


def merge(below: Table, above: Mapping[str, Any]) -> Table:
    """Table in table, key by key; any other value of ``above`` takes the place of the one below."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = merge(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged
