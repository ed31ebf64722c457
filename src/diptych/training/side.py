"""A side: the parameters that are trained together, Adam's moments, and where wanted their running average."""

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn

from diptych.recipe import TrainingSettings
from diptych.training.accelerate.fused_adam import Moments
from diptych.training.accelerate.gradient_buckets import GradientMean
from diptych.training.accelerate.memory_order import in_memory_order, shaped_as
from diptych.training.processes import Processes


class Side:
    """What one optimiser has, over one submodule of a system; ``path`` is its place there, such as "generator.a_to_b".

    ``beside`` are submodules by their paths that are trained with it.
    """

    def __init__(
        self,
        path: str,
        module: nn.Module,
        settings: TrainingSettings,
        processes: Processes,
        beside: Mapping[str, nn.Module] = MappingProxyType({}),
    ) -> None:
        self.path = path
        self.role = path.partition(".")[0]
        self.settings = settings
        self.parameters: dict[str, nn.Parameter] = {}
        for place, one in ({path: module} | dict(beside)).items():
            self.parameters |= {f"{place}.{name}": parameter for name, parameter in one.named_parameters()}
        self.trained = {name: parameter for name, parameter in self.parameters.items() if parameter.requires_grad}
        self.moments: dict[str, Moments] = {}
        """Of the trained parameters that have been moved, by name."""
        self.gradient_mean = GradientMean(list(self.trained.values()), processes)
        # What changes with the step is a tensor, so that a step can be repeated as it is (``accelerate/cuda_graph.py``).
        # GPUs' Adams take the rate in float32 (a Mac's has nothing longer); a processor's takes what a Python number would be.
        on_processor = processes.device.type == "cpu"
        self.rate = torch.zeros((), dtype=torch.float64 if on_processor else torch.float32, device=processes.device)
        self.newest_share = torch.zeros((), device=processes.device)
        """Of the newest weights in the running average."""
        self.average: dict[str, Tensor] = {}
        if settings.average and self.role == "generator":
            self.average = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    def set_rate(self, rate: float, step: int) -> None:
        """The learning rate of the updates of ``step``; early on the average forgets faster, so that initial weights leave it."""
        self.rate.fill_(rate)
        self.newest_share.fill_(1 - min(self.settings.average, (1 + step) / (10 + step)))

    def zero_grad(self) -> None:
        for parameter in self.trained.values():
            parameter.grad = None

    def state(self) -> dict[str, Tensor]:
        """Moments and averages under flat names: "side.PARAMETER.exp_avg", "average.PARAMETER"."""
        tensors = {f"average.{name}": value for name, value in self.average.items()}
        for name in filter(self.moments.__contains__, self.trained):
            for moment, value in self.moments[name]._asdict().items():
                tensors[f"side.{name}.{moment}"] = value if moment == "step" else shaped_as(self.trained[name], value)
        return tensors

    def expected(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What ``load`` takes of the tensors, by name: all averages, and all moments of each parameter that has any; values of their
        shapes and types."""
        found = {f"average.{name}": value for name, value in self.average.items()}
        for name, parameter in self.trained.items():
            like = Moments(parameter, parameter, self.rate)._asdict()
            named = {f"side.{name}.{moment}": value for moment, value in like.items()}
            found |= named if named.keys() & tensors.keys() else {}
        return found

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what ``state`` gave; memory layouts follow the parameters, so kernels and roundings repeat."""
        self.moments = {}
        for name, parameter in self.trained.items():
            if f"side.{name}.step" in tensors:
                first, second, count = (tensors[f"side.{name}.{moment}"] for moment in Moments._fields)
                self.moments[name] = Moments(
                    in_memory_order(torch.empty_like(parameter).copy_(first)),
                    in_memory_order(torch.empty_like(parameter).copy_(second)),
                    count.to(parameter.device, copy=True),
                )
        for name, value in self.average.items():
            value.copy_(tensors[f"average.{name}"])
