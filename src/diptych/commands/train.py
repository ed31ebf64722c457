"""``diptych train``."""

import webbrowser
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from diptych.errors import UsageError


def train(
    recipe: str,
    *overrides: str,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    check: bool = True,
    open_report: Annotated[bool, Parameter(name="--open", negative="")] = False,
) -> int:
    """Train a recipe on a folder of pictures, or go on with a run: the same command resumes.

    Example: diptych train pix2pix data.folder=my_pairs training.steps=20000

    Parameters
    ----------
    recipe
        Name of a shipped recipe (see `diptych recipes`), or a TOML file.
    overrides
        Any number of key=value, laid over the recipe, such as data.folder=my_pairs.
    out
        The run folder; by default runs/RECIPE.
    check
        Look the data over before training.
    open_report
        Show the run's report in the browser; it loads itself anew while training goes on.
    """
    from diptych.recipe import read
    from diptych.training.interrupts import stop_on_signals
    from diptych.training.loop import taking_part
    from diptych.training.loop import train as work
    from diptych.training.memory import keep_freed_memory
    from diptych.training.processes import join
    from diptych.training.run import Run
    from diptych.training.watch import Watch

    keep_freed_memory()
    settings = read(recipe, overrides)
    if open_report and not settings.training.report:
        raise UsageError("--open shows the report, and training.report is false; leave one of them away.")
    folder = out or Path("runs") / settings.name
    processes = join(settings.training.device)
    place = Run(folder, settings, processes.leads)
    with taking_part(place, processes):
        watch = Watch(place, processes, opens=show if open_report else None)
        watch.say(f"Run folder: {folder}")
        if check and processes.leads:
            from diptych.data.check import before_training

            before_training(settings.data, watch.say)
        stop_on_signals(watch.interrupt)
        work(settings, place, processes, watch)
        if watch.paused:
            watch.say(f"Saved. The same command goes on from here: {folder}")
        else:
            watch.say(f"Done: {folder}. Translate with: diptych translate {folder} PICTURES --out FOLDER")
    return 130 if watch.paused else 0


def show(page: Path) -> None:
    """In the user's browser."""
    if not webbrowser.open(page.resolve().as_uri()):
        print(f"No browser could be opened here; open {page} in one.", flush=True)
