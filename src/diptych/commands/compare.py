"""``diptych compare`` and ``diptych ablate``: runs side by side, those that are there or those of a study."""

from pathlib import Path
from typing import Annotated

from diptych.commands.parameters import OUT, Checkpoint, Classes, Device, Ignore, LabelMaps, Limit, RunPlace, Split, Way
from diptych.commands.places import require_outside_runs
from diptych.errors import UsageError


def compare(
    *runs: RunPlace,
    data: str = "",
    split: Split = "",
    metrics: str = "",
    checkpoint: Checkpoint = "latest",
    way: Way = "",
    labels: LabelMaps = "",
    classes: Classes = 0,
    ignore: Ignore = -1,
    network: str = "",
    limit: Limit = 0,
    size: str = "",
    out: Path = Path("comparison"),
    device: Device = "auto",
) -> int:
    """Judge runs on the same pictures, side by side: a table, paired differences, and a contact sheet.

    Example: diptych compare runs/facades runs/facades-l1 --split val

    Parameters
    ----------
    runs
        Two or more run folders, model folders, or folders of kept evaluations; later ones are compared with the first.
    data
        Another folder of examples than the runs' own.
    metrics
        A list such as l1,ssim,frechet; by default all that are available.
    network
        Feature network, as for diptych evaluate.
    size
        Judge what diptych translate --size writes, as for diptych evaluate.
    out
        Where compare.json, compare.csv and sheet.png go.
    """
    from diptych.evaluation.fcn_labels import Labels
    from diptych.evaluation.metrics import chosen
    from diptych.judging import compare as comparing
    from diptych.judging.captions import numbered
    from diptych.judging.judge import judge, kept
    from diptych.judging.runs import subject_of
    from diptych.judging.subjects import Request, Subject
    from diptych.pictures.sizes import parse_size

    if len(runs) < 2:
        raise UsageError("give at least two runs to compare.")
    require_outside_runs(out, "comparison")
    wanted = chosen(metrics)
    request = Request(data, split, checkpoint, way, limit, device, "noise" in wanted, parse_size(size or None))
    results, subjects = [], list[Subject]()
    for run in runs:
        if (run / "scores.json").is_file():
            results.append(kept(run))
            continue
        subjects.append(subject_of(run, request, Labels(labels, classes, ignore), wanted))
        results.append(judge(subjects[-1], wanted, network))
    comparing.comparable(results)
    names = comparing.names_of(results)
    sheet = comparing.sheet_of(subjects, names) if len(subjects) == len(runs) else None
    comparing.keep(results, out, sheet)
    print(comparing.summary(results))
    print(f"Written: {out} (compare.json, compare.csv{', sheet.png' if sheet is not None else ''})")
    if sheet is not None and (note := numbered([*results[0].names, *names], "compare.json")):
        print(note)
    return 0


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
