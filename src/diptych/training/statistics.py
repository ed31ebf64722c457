"""Statistics of batch norm for the weights that leave a run ("precise batch norm", Wu and Johnson 2021, arXiv 2105.07576).

Running averages follow the last ten or so batches, each of which other weights have seen. What translates is one set of weights,
often an average that has seen no batch. So its statistics are computed anew before it is validated or saved. Training pictures
pass once, each batch normalised by its own statistics, and those of all batches together are kept. Training is not affected.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from diptych.checkpoints import with_prefix
from diptych.data import Dataset, stream
from diptych.machine.devices import matmul_precision
from diptych.networks.noise import seeded
from diptych.pictures.kinds import Batch
from diptych.training.trainer import Trainer
from diptych.translator.tiling import uses_picture_statistics


def running_layers(network: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """The layers that normalise with running statistics when they translate, by their names."""
    return {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None and not uses_picture_statistics(layer)
    }


class StatisticsGatherer:
    """Lets batches pass through a network in which each is normalised by its own statistics, and keeps these.

    Args:
        network: in its test mode.
        weights: what stands in place of its own weights, by name.
    """

    def __init__(self, network: nn.Module, weights: Mapping[str, Tensor]) -> None:
        self.network = network
        self.layers = running_layers(network)
        self.weights = dict(weights)
        self.found: dict[str, list[Tensor]] = {name: [] for name in self.layers}
        """For each pass through a layer (3, channels): mean, biased variance, and of how many values."""

    @torch.no_grad()
    def add(self, source: Tensor, seed: int) -> None:
        """One batch, (batch, channels, height, width) in [-1, 1]; ``seed`` is of the network's noise."""
        lent = {f"{name}.{kind}": buffer.clone() for name, layer in self.layers.items() for kind, buffer in pair(layer)}
        with ExitStack() as hooks:
            for name, layer in self.layers.items():
                hooks.enter_context(layer.register_forward_pre_hook(partial(self.note, name)))
            with seeded(seed):
                functional_call(self.network, self.weights | lent, (source,))

    def note(self, name: str, layer: nn.Module, arguments: tuple[Any, ...]) -> None:
        """Have the layer normalise what comes by its own statistics: they are laid into the buffers that it was lent."""
        maps = arguments[0].float()
        mean = maps.mean((0, 2, 3))  # not torch.var_mean, which takes five times as long on a processor
        variance = (maps - mean[:, None, None]).square().mean((0, 2, 3))
        for (_, lent), own in zip(pair(layer), (mean, variance), strict=True):
            lent.copy_(own)
        self.found[name].append(torch.stack([mean, variance, torch.full_like(mean, maps[:, 0].numel())]))

    def statistics(self) -> dict[str, Tensor]:
        """Mean and unbiased variance over all that passed, by the buffer's name; a layer that nothing reached has none."""
        statistics: dict[str, Tensor] = {}
        for name, passed in self.found.items():
            if passed:
                means, variances, counts = torch.stack(passed).cpu().double().unbind(1)
                total = counts.sum(0)
                mean = (means * counts).sum(0) / total
                squares = ((variances + (means - mean).square()) * counts).sum(0)
                values = (mean, squares / (total - 1).clamp(min=1))
                for (kind, buffer), value in zip(pair(self.layers[name]), values, strict=True):
                    statistics[f"{name}.{kind}"] = value.to(buffer)
        return statistics


def pair(layer: nn.Module) -> list[tuple[str, Tensor]]:
    return [(kind, getattr(layer, kind)) for kind in ("running_mean", "running_var")]


def precise_statistics(trainer: Trainer, dataset: Dataset) -> dict[str, Tensor]:
    """Statistics for the weights that would leave now, by the buffer's name in the system; always of the same pictures.

    Args:
        trainer: whose state is left bitwise as it is.
        dataset: what training reads from.
    """
    state = trainer.state
    exits = {exit.module: exit for exit in state.system.translators().values()}
    weights = state.translating_weights()
    passing = {
        module: StatisticsGatherer(state.system.get_submodule(module), with_prefix(module, weights))
        for module in exits
        if running_layers(state.system.get_submodule(module))
    }
    if not passing or not trainer.settings.statistics_pictures:
        return {}
    state.system.eval()
    try:
        with matmul_precision(state.precision, trainer.processes.device):
            for number, batch in enumerate(first_batches(trainer, dataset)):
                for module, gathering in passing.items():
                    gathering.add(batch.target if exits[module].reverse else batch.source, number)
    finally:
        state.system.train()
    return {
        f"{module}.{name}": value
        for module, gathering in passing.items()
        for name, value in gathering.statistics().items()
    }


def first_batches(trainer: Trainer, dataset: Dataset) -> Iterator[Batch]:
    """The first of the run's stream, ``training.statistics_pictures`` in all, as its networks take them."""
    settings, workers = trainer.settings, trainer.recipe.data.workers
    count = -(-settings.statistics_pictures // settings.batch_size)
    with closing(stream(dataset, settings.batch_size, settings.seed, workers=workers)) as batches:
        for batch in islice(batches, count):
            yield trainer.prepared(trainer.to_device(batch))
