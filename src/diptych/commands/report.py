"""``diptych report``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from diptych.commands.parameters import OUT
from diptych.commands.places import require_outside_runs
from diptych.commands.train import open_in_browser


def report(
    run: Path,
    *,
    out: Annotated[Path | None, OUT] = None,
    open_it: Annotated[bool, Parameter(name="--open", negative="")] = False,
) -> int:
    """Write a run as one HTML file that opens anywhere: curves, samples over the steps, events, scores, settings.

    Example: diptych report runs/facades --open

    Parameters
    ----------
    run
        A run folder, finished or not.
    out
        The file; by default RUN/report.html.
    open_it
        Show it in the browser.
    """
    from diptych.report import write

    if out is not None:
        require_outside_runs(out, "report.html", one_file=True)
    place = write(run, out)
    print(f"Written: {place} ({place.stat().st_size / 1e6:.1f} MB)")
    if open_it:
        open_in_browser(place)
    return 0
