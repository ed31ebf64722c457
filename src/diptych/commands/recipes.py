"""``diptych recipes``: what comes with the package."""

import json
import textwrap

from cyclopts import App

from diptych.errors import UsageError
from diptych.recipe_files import find, shipped
from diptych.tables import flatten

app = App(name="recipes", result_action="return_value")

YOU_HAVE = {
    "pairs": "pairs",
    "unpaired": "two unpaired sets",
    "labelled": "class maps",
    "shrunk": "small pictures",
    "holed": "holes",
    "colorization": "grey pictures",
}
"""What the user has, by data.task."""
COLUMNS, INDENT, MARGIN = 80, 19, 4
SETS_OF = "sets of "


@app.default
def recipes(name: str = "", *, profile: str = "") -> None:
    """List the recipes that come with diptych, by what you have; or show the settings of one, as a file that can be trained.

    Example: diptych recipes pix2pix-facades --profile small > mine.toml

    Parameters
    ----------
    name
        A recipe of the list, or a TOML file.
    profile
        Lay this profile of the recipe over it, such as small.
    """
    if profile and not name:
        raise UsageError(f"--profile shows a recipe with its profile: diptych recipes RECIPE --profile {profile}.")
    print(as_toml(name, profile) if name else listing())


@app.command(show=False)
def show(name: str) -> None:
    """As `diptych recipes NAME`."""
    print(as_toml(name))


def as_toml(name: str, profile: str = "") -> str:
    """The settings of a recipe as lines key = value; all others are defaults."""
    found = find(name, profile)
    table = dict(sorted(found.table.items(), key=lambda item: (item[0] != "system", item[0])))
    settings = [f"{key} = {json.dumps(value, default=str)}" for key, value in flatten(table).items()]
    return "\n".join([f"# {found.name}: {found.about}", *settings])


def listing() -> str:
    """One screen: a line for each recipe, and beside or below it the public data sets with a recipe of their own."""
    known, margin = shipped(), " " * MARGIN
    tasks = {name: table.get("data", {}).get("task", "pairs") for name, table in known.items()}
    lines = ["diptych train RECIPE data.folder=FOLDER [--profile small, for processors]"]
    for task, have in YOU_HAVE.items():
        group = [name for name in known if tasks[name] == task]
        shown: dict[str, str] = {}  # by sets, the recipe that has them
        for first in group:
            if any(first.startswith(f"{other}-") for other in group):
                continue
            lines.append(f"{have:{INDENT}}{first}: {known[first]['about']}")
            have = ""
            sets = " ".join(name.removeprefix(first) for name in group if name.startswith(f"{first}-"))
            if sets and shown.setdefault(sets, first) != first:
                lines[-1] += f"; {SETS_OF}{shown[sets]}"
            elif len(f"{lines[-1]}  {sets}") <= COLUMNS:
                lines[-1] += f"  {sets}" if sets else ""
            else:
                lines += textwrap.wrap(
                    sets, COLUMNS, initial_indent=margin, subsequent_indent=margin, break_on_hyphens=False
                )
    return "\n".join([*lines, "-facades is pix2pix-facades and so on. diptych recipes NAME shows one."])
