"""Everything that a run is at a step: the system, its sides, and the numbers that address its randomness."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diptych.checkpoints import under
from diptych.data.settings import as_size
from diptych.errors import DiptychError
from diptych.networks.products import use_products
from diptych.recipe import Recipe
from diptych.systems import SYSTEMS, Domains, System
from diptych.training.processes import Processes
from diptych.training.recomputing import recompute_blocks
from diptych.training.side import Side


class State:
    """The system and its sides on the device; a checkpoint is ``tensors()`` and ``apart()`` with a step and a count of faults."""

    def __init__(self, recipe: Recipe, processes: Processes) -> None:
        self.recipe = recipe
        self.processes = processes
        self.system = build(recipe).train()
        if processes.device.type == "cpu":
            use_products(self.system)
        if recipe.training.checkpointing == "blocks":
            recompute_blocks(self.system)
        layout = torch.channels_last if recipe.training.channels_last else torch.contiguous_format
        self.system.to(processes.device, memory_format=layout)  # type: ignore[call-overload]  # the stub lacks it
        self.sides = {
            path: Side(path, self.system.get_submodule(path), recipe.training, processes) for path in self.system.sides
        }
        self.statistics: dict[str, Tensor] = {}
        """Of batch norm, for the weights that translate, by the buffer's name in the system; see ``training/statistics.py``."""

    def tensors(self, moments: bool = True) -> dict[str, Tensor]:
        """Weights and buffers as "system.NAME", averages, statistics, and where wanted the optimisers' moments."""
        tensors = {f"system.{name}": value for name, value in self.system.state_dict().items()}
        for side in self.sides.values():
            tensors |= {name: value for name, value in side.state().items() if moments or name.startswith("average.")}
        return tensors | {f"statistics.{name}": value for name, value in self.statistics.items()}

    def apart(self) -> dict[str, Tensor]:
        """In the process that leads, as "process.RANK.system.NAME", what others hold in another state than its own.

        Weights are the same everywhere; remembered pictures and running statistics are not. All processes take part.
        """
        found: dict[str, Tensor] = {}
        if self.processes.size == 1:
            return found
        saved = self.system.state_dict()
        for name, buffer in self.system.named_buffers():
            if name in saved:
                pile = self.processes.gathered(buffer)
                others = {f"process.{rank}.system.{name}": one for rank, one in enumerate(pile)}
                found |= {key: one for key, one in others.items() if not torch.equal(bits(one), bits(pile[0]))}
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what ``tensors`` and ``apart`` gave."""
        tensors = {**tensors, **under(f"process.{self.processes.rank}", tensors)}
        self.system.load_state_dict(under("system", tensors))
        for side in self.sides.values():
            side.load(tensors)

    def not_finite(self) -> str:
        """The name of a weight or buffer that is not finite, or nothing."""
        for name, tensor in self.system.state_dict().items():
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                return name
        return ""

    def averages(self) -> dict[str, Tensor]:
        """The running averages of all sides by the parameter's name in the system."""
        return {name: value for side in self.sides.values() for name, value in side.average.items()}

    def translating_weights(self) -> dict[str, Tensor]:
        """What translates in place of the system's own weights, by their names there: averages, where the recipe says so."""
        return self.averages() if self.recipe.training.average_translates else {}


def bits(tensor: Tensor) -> Tensor:
    """(bytes,): no number equals itself less than another, as those that are none do."""
    return tensor.reshape(-1).view(torch.uint8)


def build(recipe: Recipe) -> System:
    """The system of a recipe with the initial weights that its seed decides."""
    torch.manual_seed(address(recipe.training.seed, 0, 0, 0))
    data = recipe.data
    domains = Domains(data.source, data.target, as_size(data.crop_size), data.scale)
    return SYSTEMS[recipe.system](recipe.options, domains)


def address(*numbers: int) -> int:
    """A seed for one place: every draw is addressed by (seed, faults, step, rank), so there is nothing to remember."""
    return int(np.random.SeedSequence(list(numbers)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def start_from(state: State, source: str, tensors: Mapping[str, Tensor]) -> str:
    """Copy into the system what matches by name and shape, and say in a sentence what did and what did not.

    Raises:
        DiptychError: when nothing matches.
    """
    own = state.system.state_dict()
    others = ("side.", "average.", "statistics.", "process.")
    given = {name.removeprefix("system."): tensor for name, tensor in tensors.items() if not name.startswith(others)}
    taken = {name: tensor for name, tensor in given.items() if name in own and own[name].shape == tensor.shape}
    if not any(tensor.dim() > 1 for tensor in taken.values()):
        raise DiptychError(f"training.init_from={source}: none of its weights fits this system.")
    state.system.load_state_dict(own | taken)
    for side in state.sides.values():
        for name, average in side.average.items():
            average.copy_(side.parameters[name].detach())
    other_shape = sorted(name for name in given if name in own and name not in taken)
    missing = sorted(own.keys() - given.keys())
    words = f"Started from {source}: {len(taken)} of {len(own)} tensors taken"
    words += f"; of another shape: {some(other_shape)}" if other_shape else ""
    words += f"; not in it: {some(missing)}" if missing else ""
    return words + "."


def some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def weights_of(source: str) -> Path:
    """The weights file that ``training.init_from`` names: a file, or the newest checkpoint of a run."""
    path = Path(source)
    if path.is_file():
        return path
    found = sorted(file for file in (path / "checkpoints").glob("*.safetensors") if file.stem.isdigit())
    if found:
        return found[-1]
    raise DiptychError(f"training.init_from={source}: there is no such weights file, and no run with a checkpoint.")
