"""The state of a run at a step: the system, its sides, and the seeds of its random draws."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from diptych.checkpoints import with_prefix
from diptych.networks.matrix_products import use_products
from diptych.recipe import Recipe
from diptych.systems import System
from diptych.training.accelerate.recompute import recompute_blocks
from diptych.training.distillation import distillation_of
from diptych.training.processes import Processes, precision_of
from diptych.training.side import Side
from diptych.training.terms import Terms


class State:
    """The system and its sides on the device; a checkpoint is ``tensors()`` and ``differing_buffers()`` with a step and a count of faults."""

    def __init__(self, recipe: Recipe, processes: Processes, terms: Terms = MappingProxyType({})) -> None:
        self.recipe = recipe
        self.processes = processes
        self.terms = terms
        self.precision = precision_of(recipe.training, processes.device)
        self.system = build(recipe)
        self.distillation = distillation_of(recipe, self.system, processes.device, self.precision)
        self.system.train()
        if processes.device.type == "cpu":
            use_products(self.system)
        if recipe.training.checkpointing == "blocks":
            recompute_blocks(self.system)
        layout = torch.channels_last if recipe.training.channels_last else torch.contiguous_format
        self.system.to(processes.device, memory_format=layout)  # type: ignore[call-overload]  # the stub lacks it
        self.sides = {
            path: Side(path, self.system.get_submodule(path), recipe.training, processes, self.trained_with(path))
            for path in self.system.sides
        }
        self.statistics: dict[str, Tensor] = {}
        """Of batch norm, for the weights that translate, by the buffer's name in the system; see ``training/statistics.py``."""

    def trained_with(self, path: str) -> dict[str, nn.Module]:
        """What is trained with a side beside its own submodule: the taps of the students in it."""
        return self.distillation.taps_of(path) if self.distillation else {}

    def tensors(self, moments: bool = True) -> dict[str, Tensor]:
        """Weights and buffers as "system.NAME", averages, statistics, and where wanted the optimisers' moments."""
        tensors = {f"system.{name}": value for name, value in self.system.state_dict().items()}
        for side in self.sides.values():
            tensors |= {name: value for name, value in side.state().items() if moments or name.startswith("average.")}
        return tensors | {f"statistics.{name}": value for name, value in self.statistics.items()}

    def differing_buffers(self) -> dict[str, Tensor]:
        """In the process that leads: buffers of other processes that differ from its own, as "process.RANK.system.NAME".

        Weights are the same everywhere; remembered pictures and running statistics are not. All processes take part.
        """
        found: dict[str, Tensor] = {}
        if self.processes.size == 1:
            return found
        saved = self.system.state_dict()
        for name, buffer in self.system.named_buffers():
            if name in saved:
                pile = self.processes.gather(buffer)
                others = {f"process.{rank}.system.{name}": one for rank, one in enumerate(pile)}
                found |= {key: one for key, one in others.items() if not torch.equal(bits(one), bits(pile[0]))}
        return found

    def mismatch(self, tensors: Mapping[str, Tensor]) -> str:
        """A sentence on the first of the tensors that ``load`` could not take; empty where all fit."""
        wanted = {f"system.{name}": value for name, value in self.system.state_dict().items()}
        for side in self.sides.values():
            wanted |= side.expected(tensors)
        given = {name for name in tensors if not name.startswith(("process.", "statistics."))}
        for name in sorted(wanted.keys() | given):
            if name not in wanted:
                return f"{name} is none of this run's tensors"
            if name not in tensors:
                return f"{name} is missing"
            found, own = tensors[name], wanted[name]
            if found.shape != own.shape or found.is_floating_point() != own.is_floating_point():
                shapes = tuple(found.shape), tuple(own.shape)
                return f"{name} is {shapes[0]} of {found.dtype}, and this run's {shapes[1]} of {own.dtype}"
        return ""

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what ``tensors`` and ``differing_buffers`` gave.

        Raises:
            UsageError: when a student's teacher is not the one that the run was begun with.
        """
        if self.distillation:
            self.distillation.require_same_teacher(tensors)
        tensors = {**tensors, **with_prefix(f"process.{self.processes.rank}", tensors)}
        self.system.load_state_dict(with_prefix("system", tensors))
        for side in self.sides.values():
            side.load(tensors)

    def first_not_finite(self) -> str:
        """The name of a weight or buffer that is not finite, or nothing."""
        for name, tensor in self.system.state_dict().items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                return name
        return ""

    def translating_weights(self) -> dict[str, Tensor]:
        """Averages that translate in place of the system's own weights, by their names there; empty where the recipe does not want them."""
        sides = self.sides.values() if self.recipe.training.average_translates else ()
        return {name: value for side in sides for name, value in side.average.items()}


def bits(tensor: Tensor) -> Tensor:
    """(bytes,), so that NaN equals NaN."""
    return tensor.reshape(-1).view(torch.uint8)


def build(recipe: Recipe) -> System:
    """The system of a recipe with the initial weights that its seed decides."""
    torch.manual_seed(address(recipe.training.seed, 0, 0, 0))
    return recipe.build()


def address(*numbers: int) -> int:
    """A seed for one place: every draw is addressed by (seed, faults, step, rank), so there is nothing to remember."""
    return int(np.random.SeedSequence(list(numbers)).generate_state(1, np.uint64)[0] >> np.uint64(1))
