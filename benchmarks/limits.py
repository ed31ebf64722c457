"""The least time that a step can take on this machine, and the time that it takes.

Arithmetic: the floating-point operations of all convolutions and matrix products of a step, forward and backward, at the rate at
which this machine multiplies matrices in that precision. Memory: the bytes that must move even if all else were fused away: of each
such product its operands read once and its result written once (so weights for forward and for backward, gradients written,
activations written once and read once), and of Adam 28 bytes a weight (gradient, weight and two moments read, three of them
written, float32). A step takes at least the longer of the two; "in turn" is the longer of the two product by product, since a
step's parts follow one another. Operations and bytes are counted on one of the loop's own steps.

Usage: python benchmarks/limits.py [--recipe NAME [--set key=value ...]] [--device cuda] [--rounds 5]
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry
from torch.utils.module_tracker import ModuleTracker

from diptych.machine.devices import choose
from diptych.networks.blocks import channels_last
from diptych.networks.features import perceptual
from diptych.recipe import Recipe, read
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.processes import fast_precision, join
from diptych.training.setup.estimate import full_step, noise
from diptych.training.state import build
from diptych.training.trainer import Trainer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._features import load_or_untrained
from benchmarks.training_step import CASES, Ours, recipe_of, timed

ADAM_BYTES = 28
MATRIX = {"cpu": 2048, "cuda": 8192}
"""Side of the matrices whose product shows what the machine can do."""
COPIED = {"cpu": 2**28, "cuda": 2**30}
"""Bytes of the tensor whose copy does; far above any cache."""
WEIGHT_AT = {torch.ops.aten.convolution_backward: 2, torch.ops.aten.addmm: 2}
"""Which input is the weight; the second of all others."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Product:
    """A convolution, a matrix product, or the update of the weights."""

    operations: float
    bytes: float
    dtype: torch.dtype


@dataclass(frozen=True)
class Ceilings:
    """What the machine reaches at its best."""

    operations: dict[torch.dtype, float] = field(default_factory=dict)  # a second
    bytes: float = 0.0  # a second, read and written together

    def arithmetic(self, products: list[Product]) -> float:
        """Seconds that the operations take at the least."""
        return sum(product.operations / self.operations[product.dtype] for product in products)

    def memory(self, products: list[Product]) -> float:
        return sum(product.bytes for product in products) / self.bytes

    def in_turn(self, products: list[Product]) -> float:
        """Seconds, one product after the other."""
        return sum(max(self.arithmetic([product]), self.memory([product])) for product in products)


class Work(TorchDispatchMode):
    """Counts what every product needs, by the network that asks for it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it so
        self.tracker = ModuleTracker()
        self.networks: defaultdict[str, list[Product]] = defaultdict(list)
        self.owners: dict[int, str] = {}
        self.latest = "outside networks"

    def __enter__(self) -> "Work":
        self.tracker.__enter__()
        super().__enter__()  # type: ignore[no-untyped-call]  # torch leaves it so
        return self

    def __exit__(self, *problem: Any) -> None:
        super().__exit__(*problem)  # type: ignore[no-untyped-call]  # torch leaves it so
        self.tracker.__exit__(*problem)

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        found = operation(*args, **(kwargs or {}))
        self.saw(operation, args, found)
        return found

    def saw(self, operation: Any, inputs: Any, found: Any) -> None:
        counted = flop_registry.get(operation._overloadpacket)
        if counted is None:
            return
        tensors = [leaf for leaf in tree_leaves((inputs, found)) if isinstance(leaf, Tensor)]
        first = next(leaf for leaf in tree_leaves(found) if isinstance(leaf, Tensor))
        moved = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        name = self.network(operation, inputs)
        self.networks[name].append(Product(float(counted(*inputs, out_val=found)), moved, first.dtype))

    def network(self, operation: Any, inputs: Any) -> str:
        """Forward, the outermost module that is running; backward, the network whose weight it is, as met in forward."""
        place = WEIGHT_AT.get(operation._overloadpacket, 1)
        weight = inputs[place].untyped_storage()._cdata
        running = [name for name in self.tracker.parents if name != "Global" and "." not in name]
        if operation._overloadpacket is torch.ops.aten.convolution_backward or len(running) != 1:
            self.latest = self.owners.get(weight, self.latest)
        else:
            self.latest = self.owners[weight] = running[0]
        return self.latest


def training_work(recipe: Recipe) -> dict[str, list[Product]]:
    """By network, what one step of training needs; Adam's part stands for itself."""
    with patch.object(perceptual, "load", load_or_untrained):  # weights change nothing of the counts
        trainer = Trainer(recipe.replace(graph=False), join(recipe.training.device), pictures=1000)
    with Work() as work:
        trainer.advance(iter(lambda: noise(recipe), None), full_step(trainer), faults=0)
    weights = sum(parameter.numel() for side in trainer.state.sides.values() for parameter in side.trained.values())
    return {**work.networks, "Adam": [Product(0.0, ADAM_BYTES * weights, torch.float32)]}


def inference_work(recipe: Recipe, dtype: torch.dtype) -> dict[str, list[Product]]:
    """What one translation by the recipe's first translator needs."""
    work, device = Work(), choose(recipe.training.device)
    with FakeTensorMode(), torch.device(device), torch.no_grad(), work:  # in inference mode operations come whole
        network = generator_of(recipe)
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            network(noise(recipe).source.to(device))
    return dict(work.networks)


def generator_of(recipe: Recipe) -> nn.Module:
    system = build(recipe).eval()
    return system.get_submodule(next(iter(system.translators().values())).module)


def translation(recipe: Recipe, dtype: torch.dtype) -> Callable[[], object]:
    """One translation, as a function to be timed."""
    device = choose(recipe.training.device)
    network = channels_last(generator_of(recipe), device)
    source = noise(recipe).source.to(device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def translate() -> object:
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            return network(source)

    return translate


def yardsticks(device: torch.device) -> dict[str, tuple[Callable[[], object], float]]:
    """By name, what shows a ceiling, and how many operations or bytes it is."""
    side, size = MATRIX[device.type], COPIED[device.type]
    found: dict[str, tuple[Callable[[], object], float]] = {}
    for name, dtype in DTYPES.items():
        one = torch.rand(side, side, device=device).to(dtype)
        found[name] = (partial(torch.mm, one, one), 2.0 * side**3)
    there, back = torch.ones(size // 4, device=device), torch.zeros(size // 4, device=device)
    found["copy"] = (partial(back.copy_, there), 2.0 * size)
    return found


@dataclass(frozen=True)
class Case:
    """Something to be timed against its limit."""

    networks: dict[str, list[Product]]
    step: Callable[[], object]

    @property
    def products(self) -> list[Product]:
        return [product for products in self.networks.values() for product in products]


def cases(arguments: argparse.Namespace) -> dict[str, Case]:
    place = arguments.device
    if arguments.recipe:
        words = ["data.folder=none", f"training.device={place}", *arguments.set]
        recipe = read(arguments.recipe, words)
        return {arguments.recipe: Case(training_work(recipe), Ours(recipe, noise(recipe)).step)}
    found = {}
    for name, case in CASES.items():
        recipe = recipe_of(*case, "auto", place)
        found[name] = Case(training_work(recipe), Ours(recipe, noise(recipe)).step)
    recipe, dtype = recipe_of("pix2pix", 256, 1, "auto", place), DTYPES[fast_precision(choose(place))]
    found["U-Net inference 256x256"] = Case(inference_work(recipe, dtype), translation(recipe, dtype))
    return found


def least(products: list[Product], ceilings: Ceilings) -> float:
    """Seconds that they take at the least."""
    return max(ceilings.arithmetic(products), ceilings.memory(products))


def measure(found: dict[str, Case], device: torch.device, rounds: int) -> tuple[Ceilings, dict[str, list[float]]]:
    """Ceilings (the best of all rounds) and seconds of every case, round by round, in turn with the yardsticks."""
    sticks = yardsticks(device)
    rates: defaultdict[str, list[float]] = defaultdict(list)
    times: dict[str, list[float]] = {name: [] for name in found}
    for case in found.values():
        timed(case.step, device, 3)  # warm-up
    for _ in range(rounds):
        for name, (run, amount) in sticks.items():
            rates[name].append(amount * 1000 / timed(run, device, 2))
        for name, case in found.items():
            times[name].append(timed(case.step, device, 3) / 1000)
    best = {name: max(values) for name, values in rates.items()}
    return Ceilings({dtype: best[name] for name, dtype in DTYPES.items()}, best["copy"]), times


def row(products: list[Product], ceilings: Ceilings) -> list[str]:
    """Operations, bytes and the least times, in words."""
    arithmetic, memory = ceilings.arithmetic(products), ceilings.memory(products)
    operations, moved = sum(product.operations for product in products), sum(product.bytes for product in products)
    times = [f"{seconds * 1000:.4g}" for seconds in (arithmetic, memory, ceilings.in_turn(products))]
    return [f"{operations / 1e9:.4g}", f"{moved / 1e6:.4g}", *times, "arithmetic" if arithmetic > memory else "memory"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--recipe", default="", help="a recipe's name or file, in the place of the usual cases")
    parser.add_argument("--set", nargs="*", default=[], help="key=value for the recipe, as `diptych train` takes them")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("There is no GPU here; run this where there is one.")
        return
    keep_freed_memory()
    device, console = choose(arguments.device), Console(width=160)
    found = cases(arguments)
    ceilings, times = measure(found, device, arguments.rounds)
    rates = ", ".join(f"{name} {ceilings.operations[dtype] / 1e9:.0f} GFLOP/s" for name, dtype in DTYPES.items())
    title = (
        f"{torch.get_num_threads()} threads, {device}; matrix product in {rates}; copy {ceilings.bytes / 1e9:.1f} GB/s"
    )
    columns = ["GFLOP", "MB", "arithmetic ms", "memory ms", "in turn ms", "bound by"]
    taken_by_us = ["measured ms", "limit / measured", "worst and best round", "in turn / measured"]
    whole = Table("case", *columns, *taken_by_us, title=title)
    parts = Table("case", "network", *columns, title="by network: the same counts, forward and backward together")
    for name, case in found.items():
        taken = statistics.median(times[name])
        shortest, in_turn = least(case.products, ceilings), ceilings.in_turn(case.products)
        span = f"{100 * shortest / max(times[name]):.0f} to {100 * shortest / min(times[name]):.0f} %"
        shares = [f"{100 * shortest / taken:.0f} %", span, f"{100 * in_turn / taken:.0f} %"]
        whole.add_row(name, *row(case.products, ceilings), f"{taken * 1000:.0f}", *shares)
        for network, products in case.networks.items():
            parts.add_row(name, network, *row(products, ceilings))
    console.print(whole)
    console.print(parts)


if __name__ == "__main__":
    main()
