"""``diptych compare``."""

from pathlib import Path

from diptych.commands.parameters import Checkpoint, Classes, Device, Ignore, LabelMaps, Limit, RunPlace, Split, Way
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
