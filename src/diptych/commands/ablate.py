"""``diptych ablate``."""

from pathlib import Path
from typing import Annotated

from diptych.commands.parameters import OUT, Classes, Ignore, LabelMaps, Limit


def ablate(
    study: str,
    *overrides: str,
    out: Annotated[Path | None, OUT] = None,
    split: str = "",
    labels: LabelMaps = "",
    classes: Classes = 0,
    ignore: Ignore = -1,
    limit: Limit = 0,
    device: str = "auto",
) -> int:
    """Repeat a table of the pix2pix paper on your data: train every row alike, judge all, print the paper's row beside.

    Called again it goes on where it stopped. Example: diptych ablate losses data.folder=facades training.steps=3000

    Parameters
    ----------
    study
        losses (Table 1), generators (Table 2), patches (Table 3), or a TOML file of your own.
    overrides
        Any number of key=value for every run, such as data.folder=facades or training.steps=3000, the budget of each.
    out
        The folder of the study's runs; by default runs/ablate/STUDY.
    split
        On which split to judge; by default test where there is one, else val.
    device
        Where to judge: cpu, cuda, cuda:1, mps; auto takes a GPU where there is one. Training goes by training.device.
    """
    from diptych.evaluation.fcn_labels import Labels
    from diptych.judging import ablate as work
    from diptych.judging.subjects import Request

    chosen = work.read_study(study)
    folder = out or Path("runs") / "ablate" / chosen.key
    return work.ablate(
        chosen, overrides, folder, Request(split=split, limit=limit, device=device), Labels(labels, classes, ignore)
    )
