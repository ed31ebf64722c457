"""A side: the parameters that are trained together, their Adam, and where wanted their running average.

An update asks the device for no number: what changes from step to step is put into tensors by ``prepare``, and whether
all was finite is looked at when the step is over (``step_result.py``). So a whole step can be one CUDA graph (``accelerate/cuda_graph.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from diptych.recipe import TrainingSettings
from diptych.training.accelerate.gradient_buckets import Buckets
from diptych.training.accelerate.memory_order import in_memory_order, laid_out_as, shaped_as
from diptych.training.processes import Processes

EPSILON = 1e-8  # Adam's


class Moments(NamedTuple):
    """What Adam knows of a weight, in memory order, and how often it has been moved (a scalar)."""

    exp_avg: Tensor
    exp_avg_sq: Tensor
    step: Tensor

    @classmethod
    def at_rest(cls, flat: Tensor) -> "Moments":
        return cls(torch.zeros_like(flat), torch.zeros_like(flat), torch.zeros((), device=flat.device))


class Side:
    """One optimiser over one submodule of a system; ``path`` is its place there, such as "generator.a_to_b".

    Backward passes name the parameters that they are for, so other sides receive no gradient; a parameter that a step
    does not reach has none and is left alone by Adam, which is all that freezing needs.
    """

    def __init__(self, path: str, module: nn.Module, settings: TrainingSettings, processes: Processes) -> None:
        self.path = path
        self.role = path.partition(".")[0]
        self.settings = settings
        self.processes = processes
        self.parameters = {f"{path}.{name}": parameter for name, parameter in module.named_parameters()}
        self.trained = [parameter for parameter in self.parameters.values() if parameter.requires_grad]
        self.flat = [in_memory_order(parameter.detach()) for parameter in self.trained]
        self.buckets = Buckets(self.trained, processes) if processes.size > 1 else None
        device = processes.device
        # GPUs' Adams take the rate in float32 (a Mac's has nothing longer); a processor's takes what a Python number would be.
        self.rate = torch.zeros((), dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
        self.newest = torch.zeros((), device=device)  # its share in the running average
        self.moments: list[Moments | None] = [None] * len(self.trained)
        self.average: dict[str, Tensor] = {}
        if settings.average and self.role == "generator":
            self.average = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}

    def accumulate(
        self, terms: Mapping[str, Tensor], share: float, frozen: Sequence[str] = (), last: bool = True
    ) -> None:
        """Add ``share`` of the gradient of the summed terms to what this side has gathered, but for the modules that stay ``frozen``;
        ``last`` before an update."""
        if last and self.buckets is not None:
            self.buckets.begin()
        resting = tuple(f"{self.path}.{part}." for part in frozen)
        moving = [parameter for name, parameter, _ in self.trainable() if not name.startswith(resting)]
        (reduce(add, terms.values()) * share).backward(inputs=moving)

    def prepare(self, rate: float, step: int) -> None:
        """Say with which learning rate the updates of ``step`` are made; early on the running average forgets faster, so
        that the initial weights leave it."""
        self.rate.fill_(rate)
        self.newest.fill_(1 - min(self.settings.average, (1 + step) / (10 + step)))

    @torch.no_grad()
    def update(self) -> Tensor:
        """Apply what was gathered, of several processes the mean; returns the gradient's norm, a scalar that is not finite where
        a gradient was not."""
        if self.buckets is not None:
            self.buckets.receive()
        gradients = [parameter.grad for parameter in self.trained if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
        if self.settings.clip_gradient:
            torch._foreach_mul_(
                gradients, (self.settings.clip_gradient / norm.to(self.rate.dtype)).clamp(max=1).float()
            )
        self.descend()
        self.forget()
        self.follow()
        return norm

    def descend(self) -> None:
        """Adam, on the weights that have a gradient."""
        weights, gradients, moments = list[Tensor](), list[Tensor](), list[Moments]()
        for place, (parameter, flat) in enumerate(zip(self.trained, self.flat, strict=True)):
            if parameter.grad is None:
                continue
            known = self.moments[place]
            if known is None:
                known = self.moments[place] = Moments.at_rest(flat)
            weights.append(flat)
            gradients.append(in_memory_order(laid_out_as(parameter, parameter.grad)))
            moments.append(known)
        # The function, since constructing the class imports torch's compiler, which takes longer than the rest of the start.
        adam(
            weights,
            gradients,
            [moment.exp_avg for moment in moments],
            [moment.exp_avg_sq for moment in moments],
            [],
            [moment.step for moment in moments],
            fused=True,
            lr=self.rate,
            beta1=self.settings.beta1,
            beta2=self.settings.beta2,
            weight_decay=0.0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )
        # Fused Adam leaves versions as they were, and a backward pass over older weights would go unnoticed.
        torch.autograd.graph.increment_version(weights)

    def forget(self) -> None:
        """Drop what was gathered."""
        for parameter in self.trained:
            parameter.grad = None

    def follow(self) -> None:
        """Move the running average."""
        for name, average in self.average.items():
            average.lerp_(self.parameters[name], self.newest)

    def state(self) -> dict[str, Tensor]:
        """Moments and averages under flat names: "side.PARAMETER.exp_avg", "average.PARAMETER"."""
        tensors = {f"average.{name}": value for name, value in self.average.items()}
        for name, parameter, moments in self.trainable():
            if moments is not None:
                for moment, value in moments._asdict().items():
                    tensors[f"side.{name}.{moment}"] = value if moment == "step" else shaped_as(parameter, value)
        return tensors

    def trainable(self) -> Iterator[tuple[str, nn.Parameter, Moments | None]]:
        """(name, parameter, its moments where it has been moved)."""
        names = [name for name, parameter in self.parameters.items() if parameter.requires_grad]
        return zip(names, self.trained, self.moments, strict=True)

    def expected(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What ``load`` takes of the tensors, by name: all averages, and all moments of each parameter that has any; values of their
        shapes and types."""
        found = {f"average.{name}": value for name, value in self.average.items()}
        for name, parameter, _ in self.trainable():
            if any(f"side.{name}.{moment}" in tensors for moment in Moments._fields):
                found |= {
                    f"side.{name}.exp_avg": parameter,
                    f"side.{name}.exp_avg_sq": parameter,
                    f"side.{name}.step": self.rate,
                }
        return found

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take back what ``state`` gave; memory layouts follow the parameters, so kernels and roundings repeat."""
        self.moments = [None] * len(self.trained)
        for place, (name, parameter, _) in enumerate(self.trainable()):
            if f"side.{name}.step" in tensors:
                first, second, count = (tensors[f"side.{name}.{moment}"] for moment in Moments._fields)
                self.moments[place] = Moments(
                    in_memory_order(torch.empty_like(parameter).copy_(first)),
                    in_memory_order(torch.empty_like(parameter).copy_(second)),
                    count.to(parameter.device, copy=True),
                )
        for name, value in self.average.items():
            value.copy_(tensors[f"average.{name}"])
