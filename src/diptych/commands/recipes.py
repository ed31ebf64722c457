"""``diptych recipes``: what comes with the package."""

from importlib import resources
from pathlib import Path

from cyclopts import App

from diptych.errors import UsageError
from diptych.tables import closest

app = App(name="recipes", result_action="return_value")


def files() -> dict[str, Path]:
    """The shipped recipes by name; without torch, so that listing is quick."""
    folder = Path(str(resources.files("diptych") / "recipes"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


@app.default
def listing() -> None:
    """List the recipes that come with diptych."""
    known = files()
    width = max(map(len, known))
    for name, path in known.items():
        print(f"{name:{width}}  {path.read_text(encoding='utf-8').splitlines()[0].lstrip('# ')}")


@app.command
def show(name: str) -> None:
    """Print a recipe.

    Parameters
    ----------
    name
        The recipe's name, as `diptych recipes` lists it.
    """
    known = files()
    if name not in known:
        raise UsageError(f'there is no recipe "{name}"{closest(name, known)}; `diptych recipes` lists them.')
    print(known[name].read_text(encoding="utf-8"), end="")
