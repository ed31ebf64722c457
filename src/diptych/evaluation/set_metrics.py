"""Metrics of a whole set: each collects from one example after another, and gives its scores at the end."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from diptych.errors import DiptychError
from diptych.evaluation import bootstrap, distribution
from diptych.evaluation.labels import ClassMap, agreement, class_ious, tally
from diptych.evaluation.metrics import Example, Score
from diptych.evaluation.segmentation import Segmenter, resized_classes
from diptych.networks.features.pretrained import features, spec_of
from diptych.pictures.values.lab import rgb_to_lab

Counts = npt.NDArray[np.int64]
KEPT = 10_000
"""Feature vectors, or class counts of pictures, kept for resampling: those of the first pictures."""
RESAMPLED = 600
"""Pictures up to which Frechet's interval is resampled; with more it takes minutes, and is narrow."""
SHOWN = 40
"""Classes whose IoU a note lists."""
BINS = 101  # of histograms in Lab; odd, so that 0, the value of greys, is the centre of a bin and not an edge
LAB_RANGES = ((0.0, 100.0), (-110.0, 110.0), (-110.0, 110.0))
"""Of L, a and b; values outside count to the outermost bin."""


class SetMetric(ABC):
    """Sees every example, then gives scores, notes, and perhaps a value for each picture."""

    @abstractmethod
    def add(self, example: Example) -> None: ...

    @abstractmethod
    def scores(self) -> list[Score]: ...

    def notes(self) -> list[str]:
        return []

    def pictures(self) -> dict[str, list[float]]:
        return {}


class FeatureDistances(SetMetric):
    """Frechet and kernel distance of outputs from targets, density and coverage."""

    def __init__(self, network: str, wanted: list[str]) -> None:
        self.network, self.wanted = network, wanted
        size = spec_of(network).features
        self.moments = distribution.Moments(size), distribution.Moments(size)
        self.kept: tuple[list[Tensor], list[Tensor]] = [], []

    def add(self, example: Example) -> None:
        assert example.target_rgb is not None
        for picture, moments, kept in zip(
            (example.output_rgb, example.target_rgb), self.moments, self.kept, strict=True
        ):
            found = features(self.network, picture)
            moments.add(found)
            if len(kept) < KEPT:
                kept.append(found)

    def scores(self) -> list[Score]:
        found = []
        outputs, targets = (torch.cat(kept) for kept in self.kept)
        count = self.moments[0].count
        if "frechet" in self.wanted:
            value = distribution.frechet(*self.moments)
            low, high = self.frechet_interval(outputs, targets, value)
            found.append(Score("frechet", value, low, high, "lower", count, self.network))
        if "kernel" in self.wanted:
            value, error = distribution.kernel_distance(outputs, targets)
            reach = 1.96 * error
            note = f"standard error {error:.2g}"
            found.append(Score("kernel", value, value - reach, value + reach, "lower", count, self.network, note))
        if "coverage" in self.wanted:
            shares = zip(("density", "share"), distribution.density_coverage(outputs, targets), strict=True)
            note = "5 neighbours"
            found += [
                Score(f"coverage {name}", value, value, value, "higher", count, self.network, note)
                for name, value in shares
            ]
        return found

    def frechet_interval(self, outputs: Tensor, targets: Tensor, value: float) -> tuple[float, float]:
        """The interval of resampled distances, centred on the value: resampled sets vary less, so their distances are larger."""
        if len(outputs) > RESAMPLED:
            return value, value
        draws = bootstrap.draws(len(outputs), 50)
        again = np.array([distribution.frechet_of(outputs[chosen], targets[chosen]) for chosen in draws])
        low, high = bootstrap.interval(again - again.mean())
        return max(value + low, 0.0), max(value + high, 0.0)

    def notes(self) -> list[str]:
        count, size = self.moments[0].count, spec_of(self.network).features
        if "frechet" in self.wanted and count < 2 * size:
            few = f"frechet: {count} pictures are few for {size} features, which makes the distance too large; "
            return [f"{few}compare it only with numbers from as many pictures. kernel has no such bias."]
        return []


class Lab(SetMetric):
    """Histogram intersections in Lab (pix2pix, figure 7)."""

    def __init__(self) -> None:
        self.outputs, self.targets = np.zeros((2, 3, BINS), dtype=np.int64)  # filled in place
        self.count = 0

    def add(self, example: Example) -> None:
        assert example.target_rgb is not None
        for counts, rgb in ((self.outputs, example.output_rgb), (self.targets, example.target_rgb)):
            picture = as_bytes(rgb)
            if example.weights is not None:
                picture = picture[example.weights[0, 0].cpu().numpy() > 0][None]
            counts += lab_histograms(picture)
        self.count += 1

    def scores(self) -> list[Score]:
        found = zip(("L", "a", "b"), intersections(self.outputs, self.targets), strict=True)
        return [Score(f"lab {name}", value, value, value, "higher", self.count) for name, value in found]


class Diversity(SetMetric):
    """Do outputs of different inputs differ as targets do? Pictures are compared at 64x64, each with the one before."""

    def __init__(self) -> None:
        self.last: tuple[Tensor, Tensor | None] | None = None
        self.outputs: list[float] = []
        self.targets: list[float] = []

    def add(self, example: Example) -> None:
        output = functional.interpolate(example.output_rgb, (64, 64), mode="area")
        target = None
        if example.target_rgb is not None:
            target = functional.interpolate(example.target_rgb, (64, 64), mode="area")
        if self.last is not None:
            self.outputs.append(float((output - self.last[0]).abs().mean()))
            if target is not None and self.last[1] is not None:
                self.targets.append(float((target - self.last[1]).abs().mean()))
        self.last = (output, target)

    def scores(self) -> list[Score]:
        if not self.outputs:
            return []
        base = float(np.mean(self.targets)) if self.targets else 1.0
        value = float(np.mean(self.outputs)) / max(base, 1e-6)
        better, note = ("near 1", "over the targets'") if self.targets else ("higher", "no targets to compare with")
        return [Score("diversity", value, value, value, better, len(self.outputs) + 1, note=note)]


class Segmented(SetMetric):
    """The FCN-score: three numbers of the pixels of all pictures, and the IoU of each class as a note."""

    def __init__(
        self,
        classes: int,
        segmenter: Segmenter | None,
        direct: Callable[[Tensor], ClassMap] | None,
        names: Sequence[str] = (),
    ) -> None:
        self.names = names or [str(number) for number in range(classes)]
        self.made, self.real = np.zeros((2, 3, classes), dtype=np.int64)
        self.segmenter, self.direct = segmenter, direct
        self.own: list[Counts] = []
        self.accuracies: list[float] = []

    def add(self, example: Example) -> None:
        if example.labels is None:
            raise DiptychError(f"{example.name} has no class map; fcn needs one for every picture.")
        counts = self.tally(example.output_rgb, example.labels)
        self.made += counts
        self.accuracies.append(agreement(counts).pixel_accuracy)
        if len(self.own) < KEPT:
            self.own.append(counts)
        if example.target_rgb is not None and self.direct is None:
            self.real += self.tally(example.target_rgb, example.labels)

    def tally(self, pictures: Tensor, labels: ClassMap) -> Counts:
        size = (labels.shape[0], labels.shape[1])
        if self.direct is not None:
            predicted = resized_classes(self.direct(pictures[0]), size)
        else:
            assert self.segmenter is not None
            predicted = self.segmenter(pictures[0], size)
        return tally(labels, predicted, self.made.shape[1])

    def scores(self) -> list[Score]:
        network = "nearest class colour" if self.direct is not None else "FCN on efficientnet-lite0"
        own = np.stack(self.own)
        again = np.array([agreement(own[chosen].sum(0)) for chosen in bootstrap.draws(len(own), 200)])
        found = []
        real = agreement(self.real) if self.real.any() else None
        for place, (name, value) in enumerate(agreement(self.made)._asdict().items()):
            low, high = bootstrap.interval(again[:, place])
            note = f"real pictures: {real[place]:.3f}" if real is not None else ""
            label = f"fcn {name.replace('_', ' ')}"
            found.append(Score(label, value, low, high, "higher", len(self.accuracies), network, note))
        return found

    def notes(self) -> list[str]:
        made, real = class_ious(self.made), class_ious(self.real)
        lowest = sorted(made, key=made.__getitem__)[:SHOWN]
        row = [f"{self.names[one]} {made[one]:.3f}" + (f" ({real[one]:.3f})" if one in real else "") for one in lowest]
        few = f"the lowest {SHOWN} of {len(made)} classes" if len(made) > SHOWN else "lowest first"
        return [f"fcn iou by class, {few}{', real pictures in brackets' if real else ''}: {', '.join(row)}."]

    def pictures(self) -> dict[str, list[float]]:
        return {"fcn pixel accuracy": self.accuracies}


class LabelsKept(SetMetric):
    """What the segmenter of the sources says of translations: against the true class maps, and against what it said before."""

    def __init__(self, classes: int, segmenter: Segmenter) -> None:
        self.classes, self.segmenter = classes, segmenter
        self.shares: list[list[float]] = []
        """By picture of its known pixels: right after, the same before and after, right before."""

    def add(self, example: Example) -> None:
        assert example.labels is not None
        assert example.source_rgb is not None
        truth = example.labels
        size = (truth.shape[0], truth.shape[1])
        before, after = (self.segmenter(seen[0], size) for seen in (example.source_rgb, example.output_rgb))
        known = truth < self.classes
        pairs = ((truth, after), (before, after), (truth, before))
        self.shares.append([float((one == other)[known].mean()) if known.any() else math.nan for one, other in pairs])

    def scores(self) -> list[Score]:
        shares = np.array(self.shares)
        shares = shares[~np.isnan(shares[:, 0])]
        if not len(shares):
            raise DiptychError("labels-kept has no pixel whose class is known; look at the class maps.")
        means, ends = shares.mean(0), [bootstrap.of_mean(column) for column in shares.T]
        note = f"before translating: {means[2]:.3f} ({ends[2][0]:.3f} to {ends[2][1]:.3f})"
        network = "FCN of sources on efficientnet-lite0"
        return [
            Score(f"labels-kept {name}", float(means[place]), *ends[place], "higher", len(shares), network, remark)
            for place, (name, remark) in enumerate((("accuracy", note), ("agreement", "")))
        ]

    def pictures(self) -> dict[str, list[float]]:
        return {"labels-kept accuracy": [row[0] for row in self.shares]}


def lab_histograms(picture: npt.NDArray[np.uint8]) -> Counts:
    """(3, BINS): how many pixels of uint8 RGB, (height, width, 3), have each value of L, a and b."""
    planes = rgb_to_lab(picture.transpose(2, 0, 1).astype(np.float32) / np.float32(255))
    counts = []
    for plane, (low, high) in zip(planes, LAB_RANGES, strict=True):
        places = np.clip(((plane - low) / (high - low) * BINS).astype(int), 0, BINS - 1)
        counts.append(np.bincount(places.ravel(), minlength=BINS))
    return np.stack(counts)


def intersections(one: Counts, other: Counts) -> list[float]:
    """Of the histograms of L, a and b, each in [0, 1]; 1 = the same shares."""
    first, second = (counts / np.maximum(counts.sum(1, keepdims=True), 1) for counts in (one, other))
    return [float(shared) for shared in np.minimum(first, second).sum(1)]


def as_bytes(picture: Tensor) -> npt.NDArray[np.uint8]:
    """(1, 3, H, W) in [-1, 1] to uint8 (H, W, 3)."""
    seen: npt.NDArray[np.uint8] = ((picture[0] + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    return seen
