"""Folders of outputs by any tool: alone, with a folder of targets, or with a data set."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from torch import Tensor

from diptych.data import DataSettings
from diptych.errors import DiptychError, UsageError
from diptych.evaluation.bootstrap import evenly_spaced
from diptych.evaluation.metrics import RANGES, Example, as_rgb
from diptych.evaluation.pictures import example_of, size_of
from diptych.evaluation.requirements import Resources
from diptych.judging.subjects import EvaluationSplit, Subject
from diptych.pictures import formats
from diptych.pictures.kinds import Kind
from diptych.pictures.resizing import resize
from diptych.pictures.sizes import Size, parse_size


def from_folders(outputs: Path, targets: Path | None, unpaired: bool, limit: int, size: Size = None) -> Subject:
    """Outputs alone or with targets, matched by name without the ending, and resized to a stated size.

    Raises:
        DiptychError: when a folder has no pictures, names do not match, or pictures differ in size or kind.
    """
    if size == "training":
        raise UsageError("only a recipe says what the scale of training is; give --recipe, or --size HEIGHTxWIDTH.")
    sides = None if size == "own" else parse_size(size)
    assert not isinstance(sides, str)
    made = by_stem(outputs)
    real = by_stem(targets) if targets is not None else {}
    if targets is not None and not unpaired:
        match(made, real, outputs, targets)
    names, pile = [list(made)[place] for place in evenly_spaced(len(made), limit)], list(real.values())
    kind = kind_of(made[names[0]])

    def read(place: int) -> Example:
        name = names[place]
        output = read_picture(made[name], kind, sides)
        if not real:
            return example_of(name, kind, output)
        other = pile[place % len(pile)] if unpaired else real[name]
        target = read_picture(other, kind, sides)
        if not unpaired and output.shape != target.shape:
            found = f"{made[name]} is {size_of(output)} and {other} is {size_of(target)}"
            raise DiptychError(f"{found}; bring both to one size with --size.")
        return example_of(name, kind, output, target)

    height, width = read(0).output.shape[-2:]
    own_sizes = {(header.height, header.width) for name in names if not sides for header in [formats.probe(made[name])]}
    paired = bool(real) and not unpaired
    protocol = {
        "data": str(targets or ""),
        "split": "",
        "pictures": len(names),
        "size": f"{len(own_sizes)} sizes" if len(own_sizes) > 1 else f"{width}x{height}",
        "resize": "stretch, bicubic" if sides else "none",
        "direction": "",
        "task": "unpaired" if unpaired else "pairs",
        "target": kind.as_dict(),
        "range": RANGES,
    }
    resources = Resources(paired=paired, targets=bool(real), pictures=len(names), side=min(height, width))
    return Subject(outputs.name, len(names), read, resources, protocol)


def from_data_set(
    outputs: Path, settings: DataSettings, split: str, limit: int, size: Size = None
) -> tuple[Subject, EvaluationSplit]:
    """Outputs for the examples of a data set, matched by the examples' names; class maps can then be used too.

    They are evaluated at the scale of training, at their own size, or at a stated one. Outputs as large as the example's
    own picture, as ``diptych translate`` writes them, are resized just as that picture is.

    Raises:
        DiptychError: when an example has no output, or one has another size than it or a run's would have.
    """
    sides = parse_size(size)
    if sides is not None and not isinstance(sides, str):
        settings = replace(settings, fit="stretch", load_size=sides, crop_size=sides)
    data = EvaluationSplit.open(settings, split, limit, own=sides == "own")
    whole = data if data.own else EvaluationSplit.open(settings, split, limit, own=True)
    made = by_stem(outputs)
    names = [data.dataset.name(number) for number in data.chosen]
    if missing := [name for name in names if name not in made]:
        raise DiptychError(
            f"{outputs} has no output for {missing[0]} ({len(missing)} of {len(names)} examples of {settings.folder} "
            f"{data.split} have none); name outputs as the examples are."
        )

    def read(place: int) -> Example:
        path, number = made[names[place]], data.chosen[place]
        source, target = data.tensors(number)
        picture = formats.read(path, data.target)
        if picture.shape[:2] != target.shape[-2:]:
            if picture.shape[:2] != whole.stored(number)[1].shape[:2]:
                raise DiptychError(
                    f"{path} is {picture.shape[1]}x{picture.shape[0]}, and the data set's picture is neither as it is nor as it "
                    f"is judged ({size_of(target)}); bring the outputs to one of these sizes."
                )
            (picture,) = data.dataset.cut([picture], [data.target], np.random.default_rng(0))
        output = data.target.to_tensor(picture)[None]
        seen = as_rgb(data.source.preview(source[0]))
        return example_of(names[place], data.target, output, target, data.lightness(source), source_rgb=seen)

    return data.subject(outputs.name, read), data


def match(made: dict[str, Path], real: dict[str, Path], outputs: Path, targets: Path) -> None:
    if lone := [name for name in made if name not in real]:
        raise DiptychError(
            f"{made[lone[0]]} has no partner in {targets} ({len(lone)} of {len(made)} outputs have none); give both the same "
            f"names, or --unpaired to compare the two piles only."
        )
    if missing := [name for name in real if name not in made]:
        raise DiptychError(
            f"{real[missing[0]]} has no output in {outputs} ({len(missing)} of {len(real)} targets have none); translate "
            f"them too, or leave them out of the targets."
        )


def by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DiptychError(f"{folder} is no folder; give a folder of pictures.")
    pictures = formats.list_pictures(folder)
    if not pictures:
        raise DiptychError(f"there is no picture in {folder} (endings: {' '.join(sorted(formats.ENDINGS))}).")
    found: dict[str, Path] = {}
    for path in pictures:
        if (name := formats.stem(path.name)) in found:
            raise DiptychError(f"{found[name]} and {path} differ only in their ending; remove one.")
        found[name] = path
    return found


def kind_of(path: Path) -> Kind:
    """RGB or grey of the first file's depth, with the whole range of that depth."""
    header = formats.probe(path)
    if header.depth not in ("uint8", "uint16"):
        raise DiptychError(
            f"{path} holds {header.depth}, whose value range is not known; give pictures of 8 or 16 bits."
        )
    depth: Literal["uint8", "uint16"] = "uint8" if header.depth == "uint8" else "uint16"
    return Kind(colour="grey" if header.channels in (1, 2) else "rgb", depth=depth)


def read_picture(path: Path, kind: Kind, sides: tuple[int, int] | None) -> Tensor:
    """(1, channels, H, W) of the Kind, resized where sides are given."""
    stored = formats.read(path, kind)
    return kind.to_tensor(resize(stored, *sides) if sides else stored)[None]
