"""What is to be trained, and where: a recipe, a run to go on with, or a folder of pictures, for which a recipe is chosen."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import NamedTuple

from diptych.errors import UsageError
from diptych.pictures.formats import ENDINGS
from diptych.recipe import Recipe, read
from diptych.recipe_files import spellings
from diptych.tables import closest
from diptych.training.identity import real
from diptych.training.run import RECIPE, read_recipe
from diptych.training.setup.choice import place_of, stated_keys
from diptych.training.setup.configure import configure

OF_A_RUN = (RECIPE, "card.json", "checkpoints", "log.jsonl", "events.jsonl")
"""What tells a run's folder, also a damaged one, from pictures."""


class Start(NamedTuple):
    """A recipe, its run folder, and what is to be said of how it was found."""

    recipe: Recipe
    folder: Path
    said: tuple[str, ...] = ()
    chosen: bool = False
    """What is said is the recipe too, and how it was chosen."""


def start(
    what: str,
    overrides: Sequence[str] = (),
    profile: str = "",
    out: Path | None = None,
    minutes: float | None = None,
) -> Start:
    """The recipe that ``what`` names or holds, with ``key.sub=value`` overrides, and its run folder.

    Args:
        what: the name of a recipe, a TOML file, the folder of a run, or a folder of pictures.
        overrides: laid over it.
        profile: of the recipe.
        out: the run folder, if not that which is named after the recipe or the pictures.
        minutes: the length, where it is stated so.

    Raises:
        UsageError: for what is nothing of that; when a run is to go on in another folder, or with another profile; for lengths that
            contradict each other.
        DiptychError: for a folder that holds neither a run nor pictures to train on.
    """
    lengths = {"training.steps", "training.epochs"} & stated_keys(overrides).keys()
    if minutes is not None and lengths:
        raise UsageError(
            f"--minutes {minutes:g} and {min(lengths)} both say how long to train; leave one of them away."
        )
    folder, known = Path(what), what in spellings()
    if known or not folder.is_dir():
        if not known:
            of_no_recipe(what)
        recipe = read(what, overrides, profile)
        said = (
            (f"{what} is the recipe; there is also a folder {what}: for that write ./{what}",)
            if folder.is_dir()
            else ()
        )
        return Start(recipe, out or Path("runs") / recipe.name, said)
    if any((folder / name).exists() for name in OF_A_RUN):
        return of_run(folder, overrides, profile, out)
    return of_pictures(what, overrides, profile, out or place_of(what), minutes)


def of_no_recipe(what: str) -> None:
    """UsageError for a path at which there is nothing, or a picture."""
    path = Path(what)
    if not path.exists():
        raise UsageError(
            f'there is no recipe, file or folder "{what}"{closest(what, spellings())}; `diptych recipes` lists the recipes.'
        )
    if path.suffix.lower() in ENDINGS:
        raise UsageError(
            f"{what} is a picture; give the folder that it lies in: diptych train {quote(str(path.parent))}"
        )


def of_run(folder: Path, overrides: Sequence[str], profile: str, out: Path | None) -> Start:
    if out is not None and out.resolve() != folder.resolve():
        raise UsageError(
            f"{folder} is a run's folder, in which it goes on; leave --out away, or give its recipe for a new run: "
            f"diptych train {folder / RECIPE} --out {out}"
        )
    if profile:
        raise UsageError(f"{folder} is a run's folder, which keeps the settings it began with; leave --profile away.")
    return Start(read_recipe(folder, overrides), folder)


def of_pictures(folder: str, overrides: Sequence[str], profile: str, out: Path, minutes: float | None) -> Start:
    """A recipe that is chosen for the pictures; or their run, if there is one that has learned something already."""
    if not any((out / "checkpoints").glob("*")):
        choice = configure(folder, overrides, profile, minutes)
        more = ["--minutes", f"{minutes:g}"] if minutes is not None else []
        said = (
            "Chosen for these pictures:",
            *choice.table(),
            f"The same as: {choice.command(*more, '--out', str(out))}",
        )
        return Start(choice.recipe, out, said, chosen=True)
    stored = read_recipe(out)
    if real(stored.data.folder) != real(folder):
        raise UsageError(
            f"{out} holds a run on {stored.data.folder}; name another folder for one on {folder} with --out."
        )
    if profile and not stored.name.endswith(f"-{profile}"):
        raise UsageError(
            f"{out} was begun as {stored.name}; leave --profile away to go on, or name another folder with --out."
        )
    words = f"{out} holds a run on these pictures, which goes on as it was begun; for another recipe name another folder with --out."
    return Start(read_recipe(out, overrides), out, (words,))
