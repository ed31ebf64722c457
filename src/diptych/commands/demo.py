"""``diptych demo``: a training in minutes, on pictures that come with a package."""

from pathlib import Path


def demo(
    folder: Path = Path("runs/demo"),
    *,
    steps: int = 0,
) -> int:
    """Train on OpenMoji drawings, outline -> colour, and show what came of it; about nine minutes on two cores.

    Trains the recipe pix2pix-openmoji-small and, for comparison, the same generator with L1 alone for as many steps, then
    scores both on the held-out test split and writes a contact sheet. Called again it goes on where it stopped.

    Parameters
    ----------
    folder
        Where the two runs and the contact sheet go.
    steps
        Length of each run; 0 = the recipe's.
    """
    from diptych.commands.demonstration import run_demo

    return run_demo(folder, steps)
