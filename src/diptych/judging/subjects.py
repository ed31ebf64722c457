"""What can be judged: a run or model on a split of its data, or a folder of outputs made by anybody's tool."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from diptych import formats
from diptych.data import DataSettings, open_dataset
from diptych.data.layouts import discover
from diptych.errors import DiptychError, UsageError
from diptych.evaluation.evaluate import Means
from diptych.evaluation.metrics import Example, as_rgb
from diptych.images import Kind, Stored
from diptych.training.run import read_recipe
from diptych.translator import Translator, weights_path


@dataclass(frozen=True)
class Subject:
    """Outputs to be judged: ``read`` makes one by its number."""

    name: str
    count: int
    read: Callable[[int], Example]
    means: Means
    protocol: dict[str, Any]
    """What the numbers depend on; two subjects are comparable when all of it but the outputs' maker agrees."""


@dataclass(frozen=True)
class Request:
    """On what a run is to be judged; empty = as the run was trained."""

    data: str = ""
    split: str = ""
    checkpoint: str = "latest"
    way: str = ""
    limit: int = 0
    device: str = "cpu"
    again: bool = False  # a second output under other noise


def spread(count: int, limit: int) -> list[int]:
    """Numbers of ``limit`` pictures spread evenly; all where the limit is 0 or larger."""
    if not 0 < limit < count:
        return list(range(count))
    return [place * count // limit for place in range(limit)]


class Translated:
    """A translator on a split of a data set."""

    def __init__(self, place: Path, request: Request) -> None:
        self.request = request
        self.translator = Translator.load(place, request.way, request.checkpoint, request.device)
        self.card = self.translator.card
        self.settings = settings_of(place, request.data, self.translator)
        self.split = split_of(self.settings, request.split)
        self.dataset = open_dataset(self.settings, self.split, train=False)
        self.chosen = spread(len(self.dataset), request.limit)
        self.paired = self.settings.task != "unpaired"
        self.reverse = not self.paired and self.card.way == "b-to-a"

    def tensors(self, number: int) -> tuple[Tensor, Tensor]:
        """(1, channels, H, W) of what is translated, and of the target's pile."""
        found = self.dataset.sample(number, np.random.default_rng(number))
        source, target = (tensor[None] for tensor in found)
        return (target, source) if self.reverse else (source, target)

    def example(self, place: int) -> Example:
        number = self.chosen[place]
        source, target = self.tensors(number)
        output = self.translator.batch(source)
        lightness = self.card.source.to_stored(source[0]) if self.card.source.colour == "lightness" else None
        again = self.translator.batch(source, seed=self.card.seed + 1) if self.request.again else None
        return Example(
            name=self.dataset.name(number),
            output=output,
            output_rgb=as_rgb(self.card.target.preview(output[0], lightness)),
            target=target,
            target_rgb=as_rgb(self.card.target.preview(target[0], lightness)),
            source_rgb=as_rgb(self.card.source.preview(source[0])),
            again=again,
        )

    def subject(self, name: str) -> Subject:
        size = self.tensors(self.chosen[0])[1].shape[-2:]
        means = Means(paired=self.paired, pictures=len(self.chosen), side=min(size), noise=self.request.again)
        data = self.settings
        return Subject(
            name,
            len(self.chosen),
            self.example,
            means,
            {
                "data": data.folder,
                "split": self.split,
                "pictures": len(self.chosen),
                "size": f"{size[1]}x{size[0]}",
                "resize": f"{data.fit}, {data.filter}",
                "direction": data.direction if self.paired else self.card.way,
                "task": data.task,
                "target": self.card.target.as_dict(),
                "range": "values in [-1, 1]",
            },
        )


def settings_of(place: Path, data: str, translator: Translator) -> DataSettings:
    """The data that a run was trained on, or another folder in the same manner; a model folder needs it named."""
    if (place / "recipe.toml").is_file():
        settings = read_recipe(place).data
        return replace(settings, folder=data) if data else settings
    if not data:
        raise UsageError(f"{place} is a model without its data; name a folder of examples with --data FOLDER.")
    card = translator.card
    return DataSettings(
        folder=data, source=card.source, target=card.target, load_size=card.size, crop_size=card.size, task="pairs"
    )


def split_of(settings: DataSettings, wanted: str) -> str:
    """The split that was asked for, else test, else val."""
    if wanted:
        return wanted
    splits = discover(settings).splits
    return "test" if splits.get("test") else "val"


def step_of(place: Path, checkpoint: str) -> str:
    """The checkpoint's name, such as "00008000" or "best"; "model" for a model folder."""
    stem = weights_path(place, checkpoint).stem
    return "model" if stem == "weights" else stem


# Folders made by anybody's tool


def of_folders(outputs: Path, targets: Path | None, unpaired: bool, limit: int) -> Subject:
    """Outputs by themselves or beside their targets, matched by name without the ending.

    Raises:
        DiptychError: when a folder has no pictures, names do not match, or pictures differ in size or kind.
    """
    made = by_stem(outputs)
    real = by_stem(targets) if targets is not None else {}
    if targets is not None and not unpaired:
        match(made, real, outputs, targets)
    names = [list(made)[place] for place in spread(len(made), limit)]
    pile = list(real)
    kind = kind_of(made[names[0]])

    def read(place: int) -> Example:
        name = names[place]
        output = formats.read(made[name], kind)
        if not real:
            return Example(name, tensor_of(output, kind), as_rgb(kind.preview(tensor_of(output, kind)[0])))
        other = real[pile[place % len(pile)] if unpaired else name]
        target = formats.read(other, kind)
        if not unpaired and output.shape != target.shape:
            raise DiptychError(
                f"{made[name]} is {size_of(output)} and {other} is {size_of(target)}; resize one side so that they agree."
            )
        seen = [as_rgb(kind.preview(tensor_of(picture, kind)[0])) for picture in (output, target)]
        return Example(name, tensor_of(output, kind), seen[0], tensor_of(target, kind), seen[1])

    first = read(0)
    means = Means(
        paired=bool(real) and not unpaired, targets=bool(real), pictures=len(names), side=min(first.output.shape[-2:])
    )
    height, width = first.output.shape[-2:]
    protocol = {
        "data": str(targets or ""),
        "split": "",
        "pictures": len(names),
        "size": f"{width}x{height}",
        "resize": "none",
        "direction": "",
        "task": "unpaired" if unpaired else "pairs",
        "target": kind.as_dict(),
        "range": "values in [-1, 1]",
    }
    return Subject(outputs.name, len(names), read, means, protocol)


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
        if path.stem in found:
            raise DiptychError(f"{found[path.stem]} and {path} differ only in their ending; remove one.")
        found[path.stem] = path
    return found


def kind_of(path: Path) -> Kind:
    """RGB or grey, of the depth that the first file has; value range the whole of that depth."""
    header = formats.probe(path)
    if header.depth not in ("uint8", "uint16"):
        raise DiptychError(
            f"{path} holds {header.depth}, whose value range is not known; give pictures of 8 or 16 bits."
        )
    return Kind(colour="grey" if header.channels in (1, 2) else "rgb", depth=header.depth)  # type: ignore[arg-type]


def tensor_of(picture: Stored, kind: Kind) -> Tensor:
    return kind.to_tensor(picture)[None]


def size_of(picture: Stored) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"
