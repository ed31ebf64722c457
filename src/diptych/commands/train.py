"""``diptych train``."""

import webbrowser
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from diptych.commands.parameters import OUT
from diptych.errors import UsageError


def train(
    recipe: str,
    *overrides: str,
    minutes: float | None = None,
    profile: str = "",
    out: Annotated[Path | None, OUT] = None,
    resume: Annotated[bool, Parameter(name=["--resume", "--continue"], negative="", show=False)] = False,
    check: bool = True,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    open_report: Annotated[bool, Parameter(name="--open", negative="")] = False,
) -> int:
    """Train on a folder of pictures, by a recipe that is chosen for it or named, or go on with a run: the same command resumes.

    Examples: diptych train my_pairs --minutes 20
    or with a recipe: diptych train pix2pix data.folder=my_pairs training.steps=20000
    and to go on, or to train for longer: diptych train runs/pix2pix training.steps=40000

    Parameters
    ----------
    recipe
        A folder of pictures, for which a recipe is chosen; or the name of a recipe (see `diptych recipes`), or a TOML file; or the folder
        of a run to go on with.
    overrides
        Any number of key=value, laid over the recipe, such as data.folder=my_pairs.
    minutes
        How long to train, in place of training.steps: the rate is measured, and the steps are fixed, before the first step.
    profile
        Lay this profile of the recipe over it, such as small, for a processor. pix2pix --profile small is also called pix2pix-small.
    out
        The run folder; by default runs/RECIPE, or runs/RECIPE-PROFILE; for a folder of pictures runs/ITS_NAME.
    resume
        Not needed: a run goes on by itself.
    check
        Look the data over before training.
    dry_run
        Print what would be trained, and stop.
    open_report
        Show the run's report in the browser; it reloads itself during training.
    """
    from diptych.training.run import Run
    from diptych.training.setup.minutes import begun_in_minutes
    from diptych.training.setup.start import Start, start
    from diptych.training.train import carry_out

    if resume:
        raise UsageError(
            "--resume is not needed: the same command goes on where its run stands, and so does `diptych train RUN_FOLDER`."
        )
    settings, folder, said, chosen = start(recipe, overrides, profile, out, minutes)
    if open_report and not settings.training.report:
        raise UsageError("--open shows the report, and training.report is false; leave one of them away.")
    if dry_run:
        if minutes is not None:
            settings, _ = begun_in_minutes(settings, folder, minutes)
        place = Run(folder, settings)
        place.begun()  # refuses what a start would refuse
        notes = [f"# {line}\n" for line in (*(() if chosen else said), *place.messages)]
        print("".join(notes) + ("\n".join((*said, "")) if chosen else settings.to_toml()), end="")
        return 0
    watch = carry_out(
        Start(settings, folder, said),
        minutes,
        check=check,
        opens=open_in_browser if open_report else None,
        signals=True,
    )
    return 130 if watch.paused else 0


def open_in_browser(page: Path) -> None:
    """Show a page in the user's browser."""
    if not webbrowser.open(page.resolve().as_uri()):
        print(f"No browser could be opened here; open {page} in one.", flush=True)
