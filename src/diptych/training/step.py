"""A training step, to be read from top to bottom: losses, backward, average over processes, Adam, running average.

Rules of a step:

* A system yields losses in the order in which they are to be applied (``systems/system.py``). Each is applied before the next is
  pulled, so what stands after a ``yield`` sees the weights as they are by then.
* Backward names the parameters that it is for, so other sides receive no gradient. A system may go backward itself to the pictures
  that a network judged, and to nothing else (``systems/parts/detached_loss.py``).
* Autocast is opened for each pull and closed before the update. It caches cast weights until it closes, and one context
  around a whole step would judge the generator with the discriminator before its update.
* Extra terms and those of a teacher are computed outside of autocast, of the pictures that the update made.
* Every random draw of networks and losses is addressed by (seed, faults, step, rank); nothing of it is stored.
* All batches are there before a step begins, so a picture that cannot be read leaves the state of the step before.
* Nothing asks a tensor for its value: losses and gradient norms are looked at when the updates are over (``trainer.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from operator import add
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from diptych.pictures.kinds import Batch
from diptych.training.accelerate.fused_adam import Moments, fused_adam
from diptych.training.side import Side
from diptych.training.state import State, address
from diptych.training.terms import extra_terms, require_update


class Scalars(NamedTuple):
    """What an update tells, on the device: losses, figures and gradient norms by name, in the order in which they came to be."""

    values: dict[str, Tensor]
    figures: set[str]
    """Names of what is not minimised and need not be finite."""


class ApplyUpdate(Protocol):
    """``update`` with its state bound: run directly, or played again from a CUDA graph."""

    def __call__(self, batches: list[Batch], step: int, only_discriminators: bool) -> Scalars: ...


def train_step(
    state: State, batches: Sequence[Batch], step: int, faults: int, rate_factor: float, apply_update: ApplyUpdate
) -> Iterator[Scalars]:
    """Step number ``step``, made while it is iterated: for one update of the generator several of the discriminator.

    Args:
        batches: all of the step: ``training.accumulate`` fresh ones for each of ``training.discriminator_updates``.
        step: counted from 0.
        faults: how many the run has had; after each the draws are others.
        rate_factor: what the schedule multiplies the learning rates by.
    """
    settings = state.recipe.training
    # From 1 on, since (seed, 0, 0, 0) is the address of the initial weights.
    torch.manual_seed(address(settings.seed, faults, step + 1, state.processes.rank))
    for side in state.sides.values():
        side.set_rate(rate_factor * settings.learning_rate[side.role], step)
    for number in range(1, settings.discriminator_updates + 1):
        taken = list(batches[(number - 1) * settings.accumulate : number * settings.accumulate])
        yield apply_update(taken, step, number < settings.discriminator_updates)


def update(state: State, batches: Sequence[Batch], step: int, only_discriminators: bool) -> Scalars:
    """Pull the losses one after the other and apply each; gradients of several batches are accumulated, and their losses averaged."""
    device, bfloat16 = state.processes.device.type, state.precision == "bfloat16"
    values, figures = dict[str, Tensor](), set[str]()
    pulls = [state.system.losses(batch, step) for batch in batches]
    ended = False
    while not ended:
        for index, pull in enumerate(pulls):
            with torch.autocast(device, torch.bfloat16, enabled=bfloat16):
                losses = next(pull, None)
            if losses is None:  # of every batch, since what stands after the last yield runs for each
                ended = True
                continue
            require_update(state.recipe.system, state.sides, losses)
            side, last = state.sides[losses.trains], index + 1 == len(batches)
            if only_discriminators and side.role != "discriminator":
                continue  # a system cannot be told to skip a yield, so the generator's forward was in vain
            terms = losses.terms | extra_terms(state.terms, losses, side.role)
            terms |= state.distillation.terms(losses, batches[index]) if state.distillation else {}
            backward(side, terms, 1 / len(batches), losses.frozen, last)
            figures |= {f"{side.path}.{name}" for name in losses.figures}
            for name, value in {**terms, **losses.figures}.items():
                key, part = f"{side.path}.{name}", value.detach().float() / len(batches)
                values[key] = values[key] + part if index else part
            if last:
                values[f"{side.path}.gradient"] = optimiser_step(side)
    if state.distillation:
        state.distillation.forget()
    return Scalars(values, figures)


def backward(
    side: Side, terms: Mapping[str, Tensor], share: float, frozen: Sequence[str] = (), last: bool = True
) -> None:
    """Add ``share`` of the gradient of the summed terms to what the side has gathered.

    Args:
        frozen: paths of modules within the side that are left as they are.
        last: the next is the side's update, so gradients may set off to the other processes.
    """
    if last:
        side.gradient_mean.begin()
    resting = tuple(f"{side.path}.{path}." for path in frozen)
    moving = [parameter for name, parameter in side.trained.items() if not name.startswith(resting)]
    (reduce(add, terms.values()) * share).backward(inputs=moving)


@torch.no_grad()
def optimiser_step(side: Side) -> Tensor:
    """Apply what was gathered; returns the gradient's norm before clipping, which is not finite where a gradient was not.

    Parameters that no backward pass has reached have no gradient and are left alone, which is all that freezing needs.
    """
    side.gradient_mean.finish()  # over the processes

    # Clip.
    reached = {name: parameter for name, parameter in side.trained.items() if parameter.grad is not None}
    gradients = [parameter.grad for parameter in reached.values() if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
    settings = side.settings
    if settings.clip_gradient:
        torch._foreach_mul_(gradients, (settings.clip_gradient / norm.to(side.rate.dtype)).clamp(max=1).float())

    # Adam.
    for name, parameter in reached.items():
        if name not in side.moments:
            side.moments[name] = Moments.zeros(parameter)
    moments = [side.moments[name] for name in reached]
    fused_adam(list(reached.values()), moments, side.rate, settings.beta1, settings.beta2)
    side.zero_grad()

    # Running average.
    for name, average in side.average.items():
        average.lerp_(side.parameters[name], side.newest_share)
    return norm
