"""``diptych evaluate``."""

from pathlib import Path

from diptych.commands.parameters import Checkpoint, Classes, Ignore, Limit, RunPlace, Split, Way
from diptych.commands.places import require_outside_runs
from diptych.errors import UsageError


def evaluate(
    run: RunPlace | None = None,
    *,
    data: str = "",
    split: Split = "",
    metrics: str = "",
    checkpoint: Checkpoint = "latest",
    way: Way = "",
    labels: str = "",
    classes: Classes = 0,
    ignore: Ignore = -1,
    network: str = "",
    limit: Limit = 0,
    size: str = "",
    outputs: Path | None = None,
    targets: Path | None = None,
    sources: Path | None = None,
    unpaired: bool = False,
    masks: Path | None = None,
    protocol: str = "synthrad2025",
    window: str = "",
    recipe: str = "",
    out: Path | None = None,
    device: str = "auto",
) -> int:
    """Judge a run, a model, or a folder of outputs made by any tool: a table, JSON, CSV, and a contact sheet.

    Examples: diptych evaluate runs/facades --split val
    and: diptych evaluate --outputs theirs/ --targets photos/

    Parameters
    ----------
    run
        A run folder or a model folder.
    data
        Another folder of examples than the run's own.
    metrics
        A list such as l1,ssim,frechet; by default all that are available. An unknown name lists them.
    labels
        Class maps for the FCN-score: source or target for the pairs' own label pictures, or a folder of index pictures
        with {split} in its name. By default the source where the recipe has a palette.
    network
        Feature network of frechet, kernel, coverage and perceptual: efficientnet-lite0, inception-2015 (perceptual stays with
        the first), squeezenet1.1 or squeezenet1.1-caffe.
    size
        For a run: own, training, a side or HEIGHTxWIDTH judges what diptych translate --size writes, on targets at their own
        size; by default at the scale of training. For --outputs: resize both sides to it first.
    outputs
        A folder of outputs, instead of a run; or a film, or animated picture.
    targets
        The folder of their targets, of the same names; or the film of targets.
    sources
        The film, or the folder of frames in order, that the outputs were made from; with it flicker is judged.
    unpaired
        Outputs and targets do not match by name.
    masks
        Of volumes: the folder of their masks, inside which scores are computed.
    protocol
        Of volumes: synthrad2023 or synthrad2025, or the range of values as LOW,HIGH.
    window
        Of volumes: lowest and highest value that the sheet shows, such as --window=-160,240; by default the range.
    recipe
        Judge the outputs against the data set of this recipe, matched by the examples' names; with --data and --split.
    out
        Where to write; by default RUN/evaluation/SPLIT-CHECKPOINT, or OUTPUTS-evaluation, with the
        data, the split and the size where they are given.
    device
        Where the translator and the metrics run: cpu, cuda, cuda:1, mps; auto takes a GPU where there is one.
    """
    from diptych.commands.translating.volumes import volumes_among
    from diptych.evaluation.fcn_labels import Labels
    from diptych.evaluation.metrics import chosen
    from diptych.judging.captions import numbered
    from diptych.judging.judge import judge, keep, sheet_of, table
    from diptych.judging.runs import evaluation_folder, on_device, subject_of, subject_of_outputs
    from diptych.judging.sequences import from_sequences
    from diptych.judging.subjects import Request
    from diptych.pictures.sizes import parse_size, size_text

    if (run is None) == (outputs is None):
        raise UsageError("give a run to judge, or --outputs FOLDER, and not both.")
    if sources is not None and outputs is None:
        raise UsageError("--sources belongs to --outputs, a film or a folder of frames; give that too.")
    if limit < 0:
        raise UsageError(f"--limit is {limit}; it may not be negative.")
    if out is not None:
        require_outside_runs(out, "evaluation/mine", allowed="evaluation")
    if outputs is not None and volumes_among([str(outputs)]):
        return evaluate_volumes(outputs, targets, masks, protocol, window, out)
    wanted, seen = chosen(metrics), parse_size(size or None)
    if run is not None:
        request = Request(data, split, checkpoint, way, limit, device, "noise" in wanted, seen)
        subject = subject_of(run, request, Labels(labels, classes, ignore), wanted)
        folder = out or evaluation_folder(run, request, subject)
    else:
        assert outputs is not None
        if recipe and (targets is not None or unpaired):
            raise UsageError("--recipe brings the targets along; leave --targets and --unpaired away.")
        request = Request(data, split, limit=limit, device=device, size=seen)
        if sources is not None or any(one is not None and one.is_file() for one in (outputs, targets)):
            if recipe or unpaired or data or size:
                raise UsageError(
                    "films are judged frame by frame, as they are; leave --recipe, --unpaired, --data and --size away."
                )
            subject = on_device(device, from_sequences(outputs, sources, targets, limit))
        else:
            subject = subject_of_outputs(
                outputs, targets, unpaired, request, recipe, Labels(labels, classes, ignore), wanted
            )
        parts = [outputs.resolve().name, "evaluation", data and Path(data).name, split, size_text(seen)]
        folder = out or outputs.parent / "-".join(filter(None, parts))
    result = judge(subject, wanted, network)
    keep(result, folder, sheet_of(subject, result))
    print(table(result))
    print(f"Written: {folder} (scores.json, scores.csv, pictures.csv, sheet.png)")
    if note := numbered(result.names, "pictures.csv"):
        print(note)
    return 0


def evaluate_volumes(
    outputs: Path, targets: Path | None, masks: Path | None, protocol: str, window: str, out: Path | None
) -> int:
    """Outputs that are volumes, against targets inside masks."""
    from diptych.judging.judge import keep, table
    from diptych.judging.volumes import Folders, judge_volumes, protocol_of, volume_sheet, window_of

    if targets is None:
        raise UsageError(f"{outputs} holds volumes, which are judged against others; give --targets FOLDER.")
    chosen = protocol_of(protocol)
    shown = window_of(window, chosen)
    folders = Folders(outputs, targets, masks)
    result = judge_volumes(folders, chosen)
    folder = out or outputs.parent / f"{outputs.resolve().name}-evaluation"
    keep(result, folder, volume_sheet(folders, result, shown))
    print(table(result))
    print(f"Written: {folder} (scores.json, scores.csv, pictures.csv, sheet.png)")
    return 0
