"""What is judged: outputs by their number, and the split of the data set that they belong to."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from diptych.data import DataSettings, open_dataset
from diptych.data.datasets import ALL
from diptych.data.layouts import discover
from diptych.data.pictures import Pictures
from diptych.errors import UsageError
from diptych.evaluation.bootstrap import evenly_spaced
from diptych.evaluation.metrics import RANGES, Example, as_rgb
from diptych.evaluation.pictures import example_of
from diptych.evaluation.requirements import Resources
from diptych.networks.features.pretrained import trained_through
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.sizes import Size, size_text
from diptych.training.run import read_recipe
from diptych.translator.card import EXAMPLES
from diptych.translator.translator import Translator


@dataclass(frozen=True)
class Subject:
    """Outputs to be evaluated: ``read`` gives the example of a number."""

    name: str
    count: int
    read: Callable[[int], Example]
    resources: Resources
    protocol: dict[str, Any]
    """What the scores depend on; two subjects are comparable if their protocols agree."""


@dataclass(frozen=True)
class Request:
    """The data on which a run is evaluated; empty = as it was trained."""

    data: str = ""
    split: str = ""
    checkpoint: str = "latest"
    direction: str = ""
    limit: int = 0
    device: str = "auto"
    again: bool = False  # a second output under other noise
    size: Size = None  # None: at the scale of training; else translated at that size, against targets at their own


@dataclass(frozen=True)
class EvaluationSplit:
    """The pictures of a split that outputs are compared with."""

    settings: DataSettings
    split: str
    dataset: Pictures
    chosen: list[int]
    reverse: bool = False  # b-to-a of two piles
    own: bool = False  # pictures at their own size, not at the scale of training

    @classmethod
    def open(
        cls, settings: DataSettings, split: str, limit: int, direction: str = "", own: bool = False
    ) -> "EvaluationSplit":
        """The stated split, else test, else val; ``limit`` pictures of it."""
        if not split:
            split = "test" if discover(settings).splits.get("test") else "val"
        dataset = open_dataset(settings, split, train=False, own=own)
        reverse = settings.task == "unpaired" and direction == "b-to-a"
        return cls(settings, split, dataset, evenly_spaced(len(dataset), limit), reverse, own)

    @property
    def paired(self) -> bool:
        return self.settings.task != "unpaired"

    @property
    def target(self) -> Kind:
        return self.settings.source if self.reverse else self.settings.target

    @property
    def source(self) -> Kind:
        return self.settings.target if self.reverse else self.settings.source

    def stored(self, number: int) -> tuple[Stored, Stored]:
        """Source and target as files hold them, in the direction of translation."""
        source, target = self.dataset.stored(number, np.random.default_rng(number))
        return (target, source) if self.reverse else (source, target)

    def tensors(self, number: int) -> tuple[Tensor, Tensor]:
        """Source and target as networks see them, (1, channels, H, W) each."""
        source, target = self.stored(number)
        return self.source.to_tensor(source)[None], self.target.to_tensor(target)[None]

    def lightness(self, source: Tensor) -> Stored | None:
        """The lightness that previews of colorization need, else None."""
        return self.source.to_stored(source[0]) if self.source.colour == "lightness" else None

    def subject(self, name: str, read: Callable[[int], Example], noise: bool = False) -> Subject:
        data = self.settings
        height, width = self.tensors(self.chosen[0])[1].shape[-2:]
        side = min(height, width)
        if self.own or data.task == "shrunk":  # whose pictures are taken whole
            side = min(min(self.tensors(number)[1].shape[-2:]) for number in self.chosen)
        resources = Resources(
            paired=self.paired,
            pictures=len(self.chosen),
            side=side,
            noise=noise,
            factor=data.scale,
            holed=data.source.colour == "holed",
        )
        protocol = {
            "data": data.folder,
            "split": self.split,
            "pictures": len(self.chosen),
            "size": f"{width}x{height}",
            "resize": "none" if self.own else f"{data.fit}, {data.filter}",
            "direction": data.direction if self.paired else "b-to-a" if self.reverse else "a-to-b",
            "task": data.task,
            "target": self.target.as_dict(),
            "range": RANGES,
        }
        return Subject(name, len(self.chosen), read, resources, protocol)


class TranslatedSplit:
    """A translator and the split that it translates."""

    def __init__(self, place: Path, request: Request) -> None:
        self.request = request
        self.translator = Translator.load(place, request.direction, request.checkpoint, request.device)
        settings = settings_of(place, request.data, self.translator)
        direction, own = self.translator.card.way, request.size is not None
        split = request.split or held_out_split(place, request.data)
        self.data = EvaluationSplit.open(settings, split, request.limit, direction, own)

    def example(self, place: int) -> Example:
        data, card = self.data, self.translator.card
        number = data.chosen[place]
        stored, target = data.stored(number)
        source, wanted = card.source.to_tensor(stored)[None], card.target.to_tensor(target)[None]
        output, lightness = self.output(stored, source), data.lightness(source)
        again = self.output(stored, source, card.seed + 1) if self.request.again else None
        parts = {"source_rgb": as_rgb(card.source.preview(source[0])), "source": source, "again": again}
        return example_of(data.dataset.name(number), card.target, output, wanted, lightness, **parts)

    def output(self, stored: Stored, source: Tensor, seed: int | None = None) -> Tensor:
        """The network's output at the scale of training, or the written result at a stated size."""
        if self.request.size is None:
            return self.translator.batch(source, seed=seed)
        written = self.translator.stored(stored, size=self.request.size, seed=seed)
        return self.translator.card.target.to_tensor(written)[None]

    def subject(self, name: str) -> Subject:
        subject = self.data.subject(name, self.example, noise=self.request.again)
        looked = trained_through(self.translator.card.provenance)
        subject = replace(subject, resources=replace(subject.resources, trained_through=looked))
        if self.request.size is None:
            return subject
        card, size = self.translator.card, size_text(self.request.size)
        if size == "training":
            size = f"training: {card.rule} {size_text(card.size)}, {card.filter}"
        return replace(subject, protocol=subject.protocol | {"translated at": size})


def own_examples(place: Path) -> str:
    """The folder of examples that a model folder holds itself, none of which was trained on; empty where there is none."""
    return str(place / EXAMPLES) if (place / EXAMPLES).is_dir() else ""


def held_out_split(place: Path, data: str) -> str:
    """Of a model folder's own examples all; empty = as the data say."""
    return ALL if not data and own_examples(place) else ""


def settings_of(place: Path, data: str, translator: Translator) -> DataSettings:
    """The data settings of a run, with another folder where ``data`` names one.

    A model folder needs ``data``, unless it holds a folder of examples itself.

    If its card does not say how pictures came to the scale of training, they are stretched to the size that it names.
    """
    if (place / "recipe.toml").is_file():
        settings = read_recipe(place).data
        return replace(settings, folder=data) if data else settings
    data = data or own_examples(place)
    if not data:
        raise UsageError(f"{place} is a model without its data; name a folder of examples with --data FOLDER.")
    card = translator.card
    return DataSettings(
        folder=data,
        source=card.source,
        target=card.target,
        load_size=card.load_size or card.size,
        crop_size=card.size,
        fit="stretch" if card.fit == "own" else card.fit,
        filter=card.filter,
    )
