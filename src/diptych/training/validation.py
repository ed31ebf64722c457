"""Validation during a run: scores and a sample grid of the same pictures each time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain

import numpy as np
import torch
from torch import Tensor
from torch.func import functional_call

from diptych import __version__
from diptych.checkpoints import with_prefix
from diptych.data import Dataset
from diptych.data.settings import as_size
from diptych.errors import UsageError
from diptych.evaluation import paired
from diptych.evaluation.bootstrap import evenly_spaced
from diptych.evaluation.evaluate import THROUGH, choose, evaluate, mean_of
from diptych.evaluation.fcn_labels import Labels, Reader, resolved, segmenter_for
from diptych.evaluation.metrics import Example, as_rgb
from diptych.evaluation.requirements import NETWORK, Resources, weights
from diptych.evaluation.segmentation import Segmenter
from diptych.files import write_text
from diptych.machine.devices import matmul_precision
from diptych.networks import NETWORKS, size_limits
from diptych.networks.features.pretrained import trained_through
from diptych.networks.noise import seeded
from diptych.pictures.kinds import Batch, Kind, Stored
from diptych.pictures.resizing import enlarge_nearest
from diptych.pictures.values.batches import have_gaps, without_nan
from diptych.recipe import Recipe
from diptych.systems import System
from diptych.training.run import Run
from diptych.training.state import State, address
from diptych.translator.card import AXIS, REGISTERED, SLICES, Card, write_cards

RGB = Kind()


class Validation:
    """Runs the networks that may leave a run on pictures that are not trained on."""

    def __init__(self, recipe: Recipe, device: torch.device, dataset: Dataset) -> None:
        self.recipe = recipe
        self.device = device
        self.dataset = dataset
        self.paired = recipe.data.task != "unpaired"
        kinds = [(kind.colour, kind.network_channels) for kind in (recipe.data.source, recipe.data.target)]
        self.alike = kinds[0] == kinds[1] and recipe.data.scale == 1
        self.gaps = have_gaps(recipe.data.source, recipe.data.target)
        self.reader: Reader | None = None
        self.segmenter: Segmenter | None = None
        self.classes = 0
        self.flattering: tuple[str, ...] = ()
        """The last scores by a network that this training looks through."""

    def pictures(self, count: int) -> Iterator[Batch]:
        """``count`` pictures spread evenly over the split, the same each time; each a batch of one, in [-1, 1]."""
        for index in evenly_spaced(len(self.dataset), count):
            rng = np.random.default_rng(address(self.recipe.training.seed, index))
            source, target = self.dataset.sample(index, rng)
            source, target = source[None].to(self.device), target[None].to(self.device)
            yield without_nan(source, target) if self.gaps else Batch(source, target)

    @torch.inference_mode()
    def scores(self, state: State, count: int) -> dict[str, float]:
        """Means over the first ``count`` validation pictures.

        Paired data: "l1" in [0, 2], "psnr" in dB, "ssim", and the health figure "l1_inverted". Unpaired: "cycle_l1_...". Both:
        "diversity", the mean difference of successive outputs as a share of the targets'. Where sources and targets are of one
        kind: "change", the mean difference of outputs from their sources as a share of the targets'.
        """
        translate = CurrentTranslator(state)
        rows: list[dict[str, float]] = []
        outputs, targets, changes, wanted = Spread(), Spread(), list[float](), list[float]()
        for seen in self.pictures(count):
            output = seen.fill(translate("a-to-b", seen.source))
            outputs.add(output)
            targets.add(seen.target)
            if self.alike:
                changes.append(paired.l1(output, seen.source, seen.weights).item())
                wanted.append(paired.l1(seen.target, seen.source, seen.weights).item())
            if self.paired:
                rows.append(
                    {
                        "l1": paired.l1(output, seen.target, seen.weights).item(),
                        "psnr": paired.psnr(output, seen.target, seen.weights).item(),
                        "ssim": paired.ssim(output, seen.target, seen.weights).item(),
                        "l1_inverted": paired.l1(-output, seen.target, seen.weights).item(),
                    }
                )
            elif "b-to-a" in state.system.translators():
                back = translate("b-to-a", output)
                there = translate("a-to-b", translate("b-to-a", seen.target))
                pairs = {"cycle_l1_a": (back, seen.source), "cycle_l1_b": (there, seen.target)}
                rows.append({name: paired.l1(one, other, seen.weights).item() for name, (one, other) in pairs.items()})
        mean = mean_of if self.gaps else np.mean  # a picture without any data has no score
        means = {key: float(mean([row[key] for row in rows])) for key in rows[0]} if rows else {}
        if wanted and np.mean(wanted) > 1e-3:  # sources that are their own targets are to be copied
            means["change"] = float(np.mean(changes) / np.mean(wanted))
        state.system.train()
        return means | {"diversity": outputs.mean() / max(targets.mean(), 1e-6)}

    def measured(self, state: State, count: int) -> dict[str, float]:
        """The values of ``training.metrics`` over the first ``count`` validation pictures, by the name of the score.

        Raises:
            UsageError: when one of them cannot be had for this data.
        """
        examples = self.examples(state, count)
        first = next(examples)
        means = Resources(
            paired=self.paired,
            pictures=min(count, len(self.dataset)),
            side=min(first.output.shape[-2:]),
            network=self.recipe.training.metrics_network,
            labels=self.reader is not None,
            segmenter=self.segmenter,
            classes=self.classes,
            factor=self.recipe.data.scale,
            holed=self.recipe.data.source.colour == "holed",
            device=self.device,
            trained_through=trained_through(state.system.facts),
        )
        metrics, _ = choose(self.recipe.training.metrics, means)
        verdict = evaluate(chain([first], examples), metrics, means)
        state.system.train()
        self.flattering = tuple(score.metric for score in verdict.scores if score.note.endswith(THROUGH))
        return {score.metric: score.value for score in verdict.scores}

    def shown(self, scores: Mapping[str, float]) -> str:
        """Scores on one line."""
        marks = dict.fromkeys(self.flattering, f" ({THROUGH})")
        return "  ".join(
            f"{key} {value:.4f}{marks.get(key, '')}" for key, value in scores.items() if key != "diversity"
        )

    def remarks(self, scores: Mapping[str, float]) -> dict[str, list[str]]:
        """What is kept beside the scores: under THROUGH the names of those that flatter."""
        flattering = [name for name in self.flattering if name in scores]
        return {THROUGH: flattering} if flattering else {}

    def prepare(self, say: Callable[[str], None]) -> None:
        """What the metrics need beforehand: for the FCN-score, the segmenter."""
        data, training = self.recipe.data, self.recipe.training
        network = training.metrics_network
        if training.metrics and network != NETWORK and (problem := weights(network)(Resources())):
            raise UsageError(f"training.metrics_network={network} cannot be used: {problem}.")
        if "fcn" not in training.metrics:
            return
        labels = resolved(Labels(), data)
        if not labels.where:
            raise UsageError(
                'training.metrics has "fcn", which needs the colours of the label pictures: set data.palette.'
            )
        self.classes = data.source.classes if data.task == "labelled" else len(data.palette)
        self.segmenter = segmenter_for(data, labels, data.palette, self.classes, say, self.device)
        self.reader = Reader(data, "val", labels, data.palette)

    def examples(self, state: State, count: int) -> Iterator[Example]:
        """The same pictures as ``scores``, to be judged."""
        data, translate = self.recipe.data, CurrentTranslator(state)
        numbers = evenly_spaced(len(self.dataset), count)
        for number, seen in zip(numbers, self.pictures(count), strict=True):
            with torch.inference_mode():
                output = seen.fill(translate("a-to-b", seen.source)).cpu()
            target, lightness = seen.target.cpu(), self.lightness(seen)
            yield Example(
                name=self.dataset.name(number),
                output=output,
                output_rgb=as_rgb(data.target.preview(output[0], lightness)),
                source=seen.source.cpu(),
                target=target,
                target_rgb=as_rgb(data.target.preview(target[0], lightness)),
                labels=self.reader(number) if self.reader is not None else None,
                weights=None if seen.weights is None else seen.weights.cpu(),
            )

    def lightness(self, seen: Batch) -> Stored | None:
        """As stored, where colours are to be laid on it."""
        kind = self.recipe.data.source
        return kind.to_stored(seen.source[0].cpu()) if kind.colour == "lightness" else None

    @torch.inference_mode()
    def grid(self, state: State, count: int) -> np.ndarray:
        """uint8 H x W x 3: a row a picture.

        Paired: source, output, target, and what the system shows. Two ways: source, output, target, output.
        """
        translate, data = CurrentTranslator(state), self.recipe.data
        rows = []
        for seen in self.pictures(count):
            lightness, output = self.lightness(seen), seen.fill(translate("a-to-b", seen.source))
            tiles = [
                data.source.preview(seen.source[0].cpu()),
                data.target.preview(output[0].cpu(), lightness),
                data.target.preview(seen.target[0].cpu(), lightness),
            ]
            further = state.system.shown(seen, output) if self.paired else []
            tiles += [(RGB if one.shape[1] == 3 else data.target).preview(one[0].cpu()) for one in further]
            if "b-to-a" in state.system.translators():
                tiles.append(data.source.preview(seen.fill(translate("b-to-a", seen.target))[0].cpu()))
            rows.append(beside([enlarge_nearest(tile, tiles[-1]) for tile in tiles]))
        state.system.train()
        return below(rows)


def beside(tiles: Sequence[Stored]) -> Stored:
    """Pictures in a row, filled up with white where one is lower."""
    height = max(tile.shape[0] for tile in tiles)
    filled = [np.pad(tile, ((0, height - tile.shape[0]), (0, 0), (0, 0)), constant_values=255) for tile in tiles]
    return np.concatenate(filled, axis=1)


def below(rows: Sequence[Stored]) -> Stored:
    """Rows of pictures, filled up with white where one is narrower."""
    return np.swapaxes(beside([np.swapaxes(row, 0, 1) for row in rows]), 0, 1)


class Spread:
    """How much successive pictures differ, in mean absolute difference."""

    def __init__(self) -> None:
        self.last: Tensor | None = None
        self.differences: list[float] = []

    def add(self, picture: Tensor) -> None:
        if self.last is not None and self.last.shape == picture.shape:
            self.differences.append((picture - self.last).abs().mean().item())
        self.last = picture

    def mean(self) -> float:
        return float(np.mean(self.differences)) if self.differences else 0.0


class CurrentTranslator:
    """The run's networks as they would leave it now: with averaged weights, their statistics, and seeded noise.

    float32 is multiplied as the recipe's precision says; bfloat16 is for training alone, as for the translators that leave the run.
    """

    def __init__(self, state: State) -> None:
        state.system.eval()
        self.state = state
        self.exits = state.system.translators()
        self.leaving = state.translating_weights() | state.statistics

    def __call__(self, way: str, source: Tensor) -> Tensor:
        exit = self.exits[way]
        network = self.state.system.get_submodule(exit.module)
        own = with_prefix(exit.module, self.leaving)
        with seeded(0), matmul_precision(self.state.precision, self.state.processes.device):
            output: Tensor = functional_call(network, own, (source,)) if own else network(source)
        return output.float()


def describe(run: Run, state: State) -> None:
    """Write the card, so that the run folder serves as a translator."""
    write_text(run.folder / "card.json", write_cards(cards_of(state.recipe, state.system)))


def cards_of(recipe: Recipe, system: System) -> list[Card]:
    """A card for every way in which the run can translate."""
    data, cards = recipe.data, []
    for way, exit in system.translators().items():
        source, target = (data.target, data.source) if exit.reverse else (data.source, data.target)
        provenance = {"system": recipe.system, "recipe": recipe.name, "data": data.folder, "direction": data.direction}
        provenance |= {SLICES: str(data.slices), AXIS: data.axis} if data.slices else {}
        provenance |= {REGISTERED: origin} if (origin := NETWORKS.origin(exit.network.name)) else {}
        card = Card(
            way=way,
            module=exit.module,
            network=exit.network.name,
            arguments=exit.network.arguments,
            source=source,
            target=target,
            multiple=size_limits(system.get_submodule(exit.module)).multiple,
            size=as_size(data.crop_size),
            scale=data.scale,
            fit=data.fit,
            load_size=as_size(data.load_size),
            filter=data.filter,
            averaged=bool(recipe.training.average and recipe.training.average_translates),
            provenance={"diptych": __version__, **provenance, **system.facts},
        )
        cards.append(card)
    return cards
