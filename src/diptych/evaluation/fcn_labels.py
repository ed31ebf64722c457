"""Class maps for the FCN-score: reading the labels of a data set, and the segmenter that learns them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diptych.data import DataSettings, open_dataset
from diptych.data.datasets import Pairs
from diptych.data.public.catalog import cache_folder
from diptych.errors import DiptychError, UsageError
from diptych.evaluation.bootstrap import evenly_spaced
from diptych.evaluation.labels import IGNORED, ClassMap, learn_palette
from diptych.evaluation.metrics import as_rgb
from diptych.evaluation.segmentation import Plan, Say, Segmenter, trained
from diptych.pictures import formats
from diptych.pictures.class_maps import Palette, nearest_class
from diptych.pictures.kinds import Kind, Stored

INDEX = Kind(colour="labels", classes=IGNORED, unknown=IGNORED)
"""Whatever numbers an index picture of 8 or 16 bits holds."""
LOOKED_AT = 500  # class maps, to learn how many classes there are
KEPT_BYTES = 1 << 30  # of decoded training pictures, while the segmenter learns


@dataclass(frozen=True)
class Labels:
    """Where class maps come from.

    ``where`` is "source" or "target" (label pictures of the pairs themselves), or a folder of index pictures with
    {split} in its name; empty = the source where the recipe has a palette.
    """

    where: str = ""
    classes: int = 0  # 0 = as many as the palette has colours, or as index pictures hold
    ignore: int = -1  # a class that is not scored
    steps: int = 500  # of the segmenter's training


class Reader:
    """Class maps of one split by the number of the example."""

    def __init__(self, settings: DataSettings, split: str, labels: Labels, palette: Palette = ()) -> None:
        self.settings, self.split, self.labels, self.palette = settings, split, labels, palette
        self.dataset = open_dataset(settings, split, train=False)
        if labels.where in ("source", "target") and not isinstance(self.dataset, Pairs):
            raise UsageError(
                f'labels in the {labels.where} need pairs, and data.task is "{settings.task}"; name a folder with --labels.'
            )
        if settings.fit != "stretch":
            raise UsageError('fcn needs data.fit = "stretch", so that class maps and outputs show the same.')

    def picture(self, number: int) -> Stored:
        """The label picture of an example at its stored size."""
        assert isinstance(self.dataset, Pairs)
        return self.dataset.pair(number)[0 if self.labels.where == "source" else 1]

    def __call__(self, number: int) -> ClassMap:
        if self.labels.where in ("source", "target"):
            picture = self.picture(number)
            if self.settings.task == "labelled" and self.labels.where == "source":
                unknown = picture[:, :, 0] >= self.settings.source.classes
                classes = np.where(unknown, IGNORED, picture[:, :, 0]).astype(np.uint16)
            elif picture.shape[2] == 3:
                classes = nearest_class(picture, self.palette)
            else:
                classes = without_ignored(picture[:, :, 0], self.labels.classes)
        else:
            classes = read_index(self.index_file(number), self.labels.classes)
        classes[classes == self.labels.ignore] = IGNORED
        return classes

    def index_file(self, number: int) -> Path:
        folder = Path(self.labels.where.replace("{split}", self.split))
        stem = self.dataset.name(number)
        for ending in (".png", ".tif", ".bmp"):
            if (folder / f"{stem}{ending}").is_file():
                return folder / f"{stem}{ending}"
        raise DiptychError(
            f"there is no class map {folder / stem}.png; name the folder with --labels, "
            "with {split} in it where there is one a split."
        )


def read_index(path: Path, classes: int = 0) -> ClassMap:
    """The class of each pixel: grey values, or of a palette picture the numbers and not the colours.

    Raises:
        DiptychError: when it cannot be read, or is no index picture of 8 or 16 bits.
    """
    numbers = formats.read(path, INDEX)[:, :, 0]
    return without_ignored(numbers.astype(np.uint8) if formats.probe(path).depth == "uint8" else numbers, classes)


def without_ignored(numbers: Stored, classes: int) -> ClassMap:
    """(H, W) index numbers as a class map: 255 of 8 bits is no class, unless there are so many ``classes``; 65535 of 16 is none.

    Raises:
        DiptychError: for float values.
    """
    if numbers.dtype == np.float32:
        raise DiptychError(
            "label pictures of float values hold no class numbers; fcn needs index pictures of 8 or 16 bits."
        )
    found = numbers.astype(np.uint16)
    if numbers.dtype == np.uint8 and classes <= 255:
        found[found == 255] = IGNORED
    return found


def resolved(labels: Labels, settings: DataSettings) -> Labels:
    """Labels with ``where`` filled in; it stays empty if the data have no labels."""
    if not labels.where and (settings.task == "labelled" or (settings.palette and settings.task == "pairs")):
        return replace(labels, where="source")
    return labels


def palette_of(settings: DataSettings, labels: Labels) -> Palette:
    """The recipe's palette, or one learnt from label pictures of the training split, if the number of classes is stated."""
    if settings.task == "labelled":
        return settings.source.palette
    if settings.palette or labels.where not in ("source", "target"):
        return settings.palette
    side = settings.source if labels.where == "source" else settings.target
    if side.colour != "rgb":
        return ()
    if not labels.classes:
        raise UsageError("fcn needs data.palette, or --classes N to learn the colours of N classes.")
    reader = Reader(settings, "train", labels)
    return learn_palette(map(reader.picture, evenly_spaced(len(reader.dataset), 50)), labels.classes)


def count_of(labels: Labels, palette: Palette, reader: Reader, settings: DataSettings) -> int:
    """How many classes there are: as stated, as many as the palette has colours, or as index pictures hold.

    Raises:
        UsageError: for more than class maps can number.
    """
    if labels.classes > IGNORED:
        raise UsageError(f"--classes is {labels.classes}; class maps number at most {IGNORED} classes.")
    if settings.task == "labelled" and labels.where == "source":
        return labels.classes or settings.source.classes
    if labels.classes or (palette and labels.where in ("source", "target")):
        return labels.classes or len(palette)
    looked_at = map(reader, evenly_spaced(len(reader.dataset), LOOKED_AT))
    return max(int(found[found != IGNORED].max(initial=0)) for found in looked_at) + 1


def segmenter_for(
    settings: DataSettings,
    labels: Labels,
    palette: Palette,
    classes: int,
    say: Say,
    device: torch.device,
    of_sources: bool = False,
) -> Segmenter:
    """The segmenter for the training split: trained on its targets, or on its sources, or from the cache."""
    reader = Reader(settings, "train", labels, palette)
    kept: dict[int, tuple[Tensor, ClassMap]] = {}

    def read(number: int) -> tuple[Tensor, ClassMap]:
        if number in kept:
            return kept[number]
        source, target = reader.dataset.sample(number, np.random.default_rng(number))
        shown = settings.source.preview(source) if of_sources else settings.target.preview(target)
        found = as_rgb(shown)[0], reader(number)
        if (len(kept) + 1) * (found[0].nbytes + found[1].nbytes) < KEPT_BYTES:
            kept[number] = found
        return found

    return trained(Plan(classes, labels.steps), len(reader.dataset), read, cache_folder("segmenters"), say, device)
