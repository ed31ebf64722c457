"""``diptych train``."""

import webbrowser
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from diptych.commands.parameters import OUT
from diptych.errors import UsageError

if TYPE_CHECKING:
    from diptych.recipe import Recipe


def train(
    recipe: str,
    *overrides: str,
    profile: str = "",
    out: Annotated[Path | None, OUT] = None,
    resume: Annotated[bool, Parameter(name=["--resume", "--continue"], negative="", show=False)] = False,
    check: bool = True,
    open_report: Annotated[bool, Parameter(name="--open", negative="")] = False,
) -> int:
    """Train a recipe on a folder of pictures, or go on with a run: the same command resumes, and so does the run's folder.

    Examples: diptych train pix2pix data.folder=my_pairs training.steps=20000
    and to go on, or to train for longer: diptych train runs/pix2pix training.steps=40000

    Parameters
    ----------
    recipe
        Name of a shipped recipe (see `diptych recipes`), or a TOML file; or the folder of a run to go on with.
    overrides
        Any number of key=value, laid over the recipe, such as data.folder=my_pairs.
    profile
        Lay this profile of the recipe over it, such as small, for a processor. pix2pix --profile small is also called pix2pix-small.
    out
        The run folder; by default runs/RECIPE, or runs/RECIPE-PROFILE.
    resume
        Not needed: a run goes on by itself.
    check
        Look the data over before training.
    open_report
        Show the run's report in the browser; it reloads itself during training.
    """
    from diptych.machine.signals import stop_on_signals
    from diptych.training.accelerate.allocator import keep_freed_memory
    from diptych.training.loop import taking_part
    from diptych.training.loop import train as work
    from diptych.training.monitoring.watch import Watch
    from diptych.training.processes import join
    from diptych.training.run import Run

    keep_freed_memory()
    if resume:
        raise UsageError(
            "--resume is not needed: the same command goes on where its run stands, and so does `diptych train RUN_FOLDER`."
        )
    settings, folder = recipe_and_folder(recipe, overrides, profile, out)
    if open_report and not settings.training.report:
        raise UsageError("--open shows the report, and training.report is false; leave one of them away.")
    processes = join(settings.training.device)
    place = Run(folder, settings, processes.leads)
    with taking_part(place, processes):
        watch = Watch(place, processes, opens=open_in_browser if open_report else None)
        watch.say(f"Run folder: {folder}")
        if check and processes.leads:
            from diptych.data.checks.check import before_training

            before_training(settings.data, watch.say)
        stop_on_signals(watch.interrupt)
        work(settings, place, processes, watch)
        if watch.paused:
            watch.say(
                f"Saved. The same command goes on from here: {folder}, and so does: diptych train {quote(str(folder))}"
            )
        else:
            watch.say(f"Done: {folder}. Translate with: diptych translate {quote(str(folder))} PICTURES --out FOLDER")
    return 130 if watch.paused else 0


def recipe_and_folder(recipe: str, overrides: tuple[str, ...], profile: str, out: Path | None) -> "tuple[Recipe, Path]":
    """The recipe and the run folder; ``recipe`` may also be the folder of a run to resume.

    Raises:
        UsageError: when a run is to go on in another folder, or with a profile.
        DiptychError: for a folder that holds no run.
    """
    from diptych.recipe import read
    from diptych.recipe_files import spellings
    from diptych.training.run import read_recipe

    folder = Path(recipe)
    if recipe in spellings() or not folder.is_dir():
        settings = read(recipe, overrides, profile)
        return settings, out or Path("runs") / settings.name
    if out is not None and out.resolve() != folder.resolve():
        raise UsageError(
            f"{folder} is a run's folder, in which it goes on; leave --out away, or give its recipe for a new run: "
            f"diptych train {folder / 'recipe.toml'} --out {out}"
        )
    if profile:
        raise UsageError(f"{folder} is a run's folder, which keeps the settings it began with; leave --profile away.")
    return read_recipe(folder, overrides), folder


def open_in_browser(page: Path) -> None:
    """Show a page in the user's browser."""
    if not webbrowser.open(page.resolve().as_uri()):
        print(f"No browser could be opened here; open {page} in one.", flush=True)
