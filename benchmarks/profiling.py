"""Where the time of a training step goes, by phase and by operator, for any recipe.

Phases are told apart from outside: the stream, the loop's pulls, the networks and the sides are wrapped here, nothing is in systems
or in the loop. A network's forward pass counts to its role, what else a pull does to the side that it is for. Operators are
those of torch's profiler, by the time they take themselves. The profiler slows a step down, so the shares are what counts; the
title has the time of a step without it. A share is of the same step: the median over
the steps (so shares do not add up to 100), the least and the greatest.

The name is not profile.py, since that would stand in the way of the standard library's for every script beside it.

Usage: python benchmarks/profiling.py NAME [key=value ...] [--steps 5]      (as `diptych train` takes them)
"""

import argparse
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.profiler import ProfilerActivity, profile

from diptych.data import open_dataset, stream
from diptych.errors import DiptychError
from diptych.networks.features import perceptual
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe, read
from diptych.systems import Losses
from diptych.training import step as training_step
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.processes import join
from diptych.training.setup.estimate import noise
from diptych.training.trainer import Entry, Trainer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._features import load_or_untrained

GROUPS = {
    "convolution, backward, by the library": ("convolution_backward", "conv_transpose2d_backward", "linear_backward"),
    "convolution, forward, and products": ("conv", "mkldnn_conv", "_slow_conv", "addmm", "aten::mm", "linear"),
    "optimiser and the gradient's norm": ("adam", "_foreach", "vector_norm"),
    "norm": ("norm",),
    "activation and dropout": ("relu", "tanh", "sigmoid", "dropout", "bernoulli", "softplus", "threshold"),
    "copy, cast, concatenation": ("copy", "_to_copy", "clone", "cat", "fill", "zero", "contiguous", "empty", "to"),
}
"""What belongs together, by parts of the operators' names; the first that fits counts, and all else is the rest."""
TOP = 15
SHARES = ("ms a step", "share", "least and greatest")


def group_of(operator: str) -> str:
    name = operator.removeprefix("aten::").lower()
    for group, parts in GROUPS.items():
        if any(part.removeprefix("aten::") == name if part in ("to", "aten::mm") else part in name for part in parts):
            return group
    return "the rest"


def always(label: str) -> Callable[[Any], str]:
    """Names a phase whatever came of it."""
    return lambda _: label


def pulled_for(losses: Any) -> str:
    return "after the last update" if losses is None else f"{losses.trains}: losses"


class Phases:
    """Seconds by phase, gathered by wrapping what the loop calls; what lies within another phase counts there only."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.device = device
        self.within = 0.0

    def timed(self, name: Callable[[Any], str], call: Callable[..., Any]) -> Callable[..., Any]:
        """``call``, its time counted to the phase that ``name`` makes of its result."""

        def wrapped(*inputs: Any, **named: Any) -> Any:
            began, outer, self.within = time.perf_counter(), self.within, 0.0
            found = call(*inputs, **named)
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            taken = time.perf_counter() - began
            self.seconds[name(found)] += taken - self.within
            self.within = outer + taken
            return found

        return wrapped

    def watch(self, trainer: Trainer) -> None:
        """Wrap the pulls, the networks that run in them, the look at all losses, and the sides' two halves."""
        vars(trainer)["to_device"] = self.timed(always("data: to the device"), trainer.to_device)
        Entry.look = self.timed(always("look whether all is finite"), Entry.look)  # type: ignore[method-assign]  # to time it
        system = trainer.state.system
        losses = system.losses
        vars(system)["losses"] = lambda *given: Pulled(losses(*given), self)
        for role in sorted({path.partition(".")[0] for path in system.sides}):
            part = system.get_submodule(role)
            for network in part.values() if isinstance(part, nn.ModuleDict) else [part]:
                vars(network)["forward"] = self.timed(always(f"{role}: forward"), network.forward)
        for half, words in (("backward", "backward"), ("optimiser_step", "norm, Adam, average")):
            setattr(training_step, half, self.by_side(words, getattr(training_step, half)))

    def by_side(self, words: str, call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda side, *given: self.timed(always(f"{side.path}: {words}"), call)(side, *given)


class Waited:
    """Batches, and the time that was waited for them."""

    def __init__(self, batches: Iterator[Batch], phases: Phases) -> None:
        self.following = phases.timed(always("data: waiting"), batches.__next__)

    def __iter__(self) -> "Waited":
        return self

    def __next__(self) -> Batch:
        batch: Batch = self.following()
        return batch


class Pulled:
    """A system's losses, and the time that each took."""

    def __init__(self, losses: Iterator[Losses], phases: Phases) -> None:
        self.following = phases.timed(pulled_for, partial(next, losses, None))

    def __next__(self) -> Losses:
        losses: Losses | None = self.following()
        if losses is None:
            raise StopIteration
        return losses


def batches_of(recipe: Recipe) -> tuple[Any, str]:
    """The recipe's own pictures, or where they are not at hand noise of their kinds; and which it is, in words."""
    try:
        dataset = open_dataset(recipe.data, "train", train=True)
    except DiptychError:
        return nullcontext(iter(lambda: noise(recipe), None)), "noise"
    training = recipe.training
    return closing(
        stream(dataset, training.batch_size, training.seed, 0, recipe.data.workers, 0, 1)
    ), "its own pictures"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="pix2pix-facades")
    parser.add_argument("overrides", nargs="*", help="key=value, as `diptych train` takes them")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--device", default="auto")
    arguments = parser.parse_intermixed_args()  # so that options may stand before key=value
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("There is no GPU here; run this where there is one.")
        return
    keep_freed_memory()
    recipe = read(
        arguments.recipe, [f"training.device={arguments.device}", "training.graph=false", *arguments.overrides]
    )
    processes = join(recipe.training.device)
    with patch.object(perceptual, "load", load_or_untrained):
        trainer = Trainer(recipe, processes, pictures=1000)
    source, words = batches_of(recipe)
    with source as batches:
        report(trainer, batches, words, arguments)


def report(trainer: Trainer, batches: Iterator[Batch], words: str, arguments: argparse.Namespace) -> None:
    """Time steps without and with the profiler, and print both tables."""
    device, steps = trainer.processes.device, arguments.steps
    times = []
    for number in range(2 + steps):
        began = time.perf_counter()
        trainer.advance(batches, number, faults=0)
        if device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    plain = statistics.median(times[2:])
    phases = Phases(device)
    phases.watch(trainer)
    waited = Waited(batches, phases)
    found = []
    for number in range(steps):
        phases.seconds.clear()
        began = time.perf_counter()
        trainer.advance(waited, number, faults=0)
        found.append(by_phase(phases, time.perf_counter() - began))
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    profiled = []
    for number in range(steps + 1):
        with profile(activities=activities) as profiler:
            trainer.advance(waited, number, faults=0)
        profiled.append(profiler)
    where = f"{arguments.recipe}, {words}, {device}, {torch.get_num_threads()} threads, {plain * 1000:.0f} ms a step"
    console = Console(width=140)
    console.print(phase_table(found, where))
    for table in operator_tables(profiled[1:], device):  # the profiler itself begins in the first
        console.print(table)


def by_phase(phases: Phases, whole: float) -> dict[str, float]:
    """Seconds of one step, and what of its ``whole`` no phase accounts for."""
    return dict(phases.seconds) | {"the loop itself and the log": max(whole - sum(phases.seconds.values()), 0.0)}


def shares(by_step: Sequence[Mapping[str, float]], name: str) -> tuple[str, str, str]:
    """Milliseconds, share of its step, and the share's span, in words, of what some steps may be without."""
    taken = [step.get(name, 0.0) for step in by_step]
    parts = [100 * one / sum(step.values()) for one, step in zip(taken, by_step, strict=True)]
    middle = (f"{1000 * statistics.median(taken):.2f}", f"{statistics.median(parts):.1f} %")
    return *middle, f"{min(parts):.1f} to {max(parts):.1f} %"


def phase_table(by_step: list[dict[str, float]], where: str) -> Table:
    table = Table("phase", *SHARES, title=f"By phase: {where}")
    for name in dict.fromkeys(name for step in by_step for name in step):
        table.add_row(name, *shares(by_step, name))
    return table


def operator_tables(profiled: list[profile], device: torch.device) -> list[Table]:
    """By group, and the operators that take most, of a profile a step."""
    own = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    by_step, calls = list[dict[str, float]](), Counter[str]()
    for profiler in profiled:
        events = profiler.key_averages()
        by_step.append({event.key: getattr(event, own) / 1e6 for event in events})
        calls.update({event.key: event.count for event in events})
    groups = []
    for step in by_step:
        groups.append(defaultdict[str, float](float))
        for name, seconds in step.items():
            groups[-1][group_of(name)] += seconds

    def most(found: Sequence[Mapping[str, float]]) -> list[str]:
        return sorted(
            {name for step in found for name in step}, key=lambda name: -sum(step.get(name, 0) for step in found)
        )

    grouped = Table("operators", *SHARES, title="By kind of operator, under the profiler")
    for name in most(groups):
        grouped.add_row(name, *shares(groups, name))
    single = Table("operator", "kind", "calls a step", *SHARES, title=f"The {TOP} that take most")
    for name in most(by_step)[:TOP]:
        single.add_row(name, group_of(name), f"{calls[name] / len(by_step):.0f}", *shares(by_step, name))
    return [grouped, single]


if __name__ == "__main__":
    main()
