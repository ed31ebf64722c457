"""What each idea is worth that makes a training step fast: taken out one at a time, and what was tried and not taken.

Usage: python benchmarks/ideas.py [--case "CycleGAN 128x128 batch 1" ...] [--only "compiled networks" ...] [--rounds 5]

Every idea has a process of its own, which takes turns with a process that trains as `diptych train` does at its defaults;
a ratio above 1 says what the step would take without the idea, or with what was not taken.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from diptych.machine.devices import choose
from diptych.machine.threads import BLOCKS, SPINS
from diptych.networks import matrix_products
from diptych.recipe import Recipe
from diptych.training import state
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.accelerate.cuda_graph import WARM_UP
from diptych.training.processes import fast_precision

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks import candidates
from benchmarks._turns import Compared, Contestant, in_turn
from benchmarks.training_step import CASES, Ours, pictures, recipe_of, timed

NOTHING: Mapping[str, Any] = MappingProxyType({})


class Idea(NamedTuple):
    """How it is tried: settings of the recipe, the process's environment, or what is done to the process or to the trainer."""

    training: Mapping[str, object] = NOTHING
    options: Mapping[str, object] = NOTHING
    environment: Mapping[str, str] = NOTHING
    before: Callable[[], object] | None = None
    after: Callable[[Ours], object] | None = None
    keep_memory: bool = True
    only: str = ""
    """The type of device on which it is something."""


def as_library_convolves() -> None:
    """No products of ours."""
    patch.object(state, "use_products", lambda network: None).start()


def with_every_gradient() -> None:
    patch.object(matrix_products, "asked_for", lambda node: node is not None).start()


def in_place(ours: Ours) -> None:
    """Activations over what a norm or a concatenation made, which nobody else holds; not over what a skip holds."""
    system = ours.trainer.state.system
    for path, module in system.named_modules():
        elsewhere = path.startswith(("generator.down.", "generator.up.0."))
        if isinstance(module, nn.ReLU | nn.LeakyReLU) and not elsewhere:
            module.inplace = True


def compiled(ours: Ours) -> None:
    """Networks by torch.compile; it needs a compiler, and a minute or two before the first step."""
    children = list(ours.trainer.state.system.children())
    networks = [one for child in children for one in (child.values() if isinstance(child, nn.ModuleDict) else [child])]
    for network in networks:
        for module in network.modules():
            if "forward" in vars(module):  # products of ours, which stay as they are
                vars(module)["forward"] = torch.compiler.disable(vars(module)["forward"])
        network.compile()


TAKEN = {
    "float32 instead of bfloat16": Idea(training={"precision": "float32"}),
    "tf32 instead of bfloat16": Idea(training={"precision": "tf32"}, only="cuda"),
    "no channels-last": Idea(training={"channels_last": False}),
    "no CUDA graph": Idea(training={"graph": False}, only="cuda"),
    "no products of ours for inner layers": Idea(before=as_library_convolves, only="cpu"),
    "the system's allocator as it is": Idea(keep_memory=False, only="cpu"),
    "gradients that no update asks for": Idea(before=with_every_gradient, only="cpu"),
    "threads that sleep while they wait": Idea(environment=BLOCKS | {"GOMP_SPINCOUNT": "0"}, only="cpu"),
}
NOT_TAKEN = {
    "in-place activations": Idea(after=in_place),
    "huge pages": Idea(environment={"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}, only="cpu"),
    "threads bound to cores": Idea(environment={"OMP_PROC_BIND": "true", "OMP_PLACES": "cores"}, only="cpu"),
    "simultaneous order": Idea(options={"order": "simultaneous"}),
    "real and fake in one batch": Idea(options={"one_pass": True}),
    "compiled networks": Idea(after=compiled),
}
IDEAS = TAKEN | NOT_TAKEN


def recipe_for(idea: Idea, case: tuple[str, int, int], place: str) -> Recipe:
    table = recipe_of(*case, "auto", place).to_table()
    table["options"] |= dict(idea.options)
    table["system"] = candidates.NAME if "one_pass" in idea.options else case[0]
    return Recipe.from_table(table | {"training": table["training"] | dict(idea.training)})


def serve(pipe: Connection, name: str, case: tuple[str, int, int], place: str) -> None:
    """For every number received, that many steps are timed."""
    idea = IDEAS.get(name, Idea())
    if idea.keep_memory:
        keep_freed_memory()
    candidates.register()
    if idea.before:
        idea.before()
    ours = Ours(recipe_for(idea, case, place), pictures(*case[1:]))
    if idea.after:
        idea.after(ours)
    while repeats := pipe.recv():
        pipe.send(timed(ours.step, choose(place), repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, nargs="+", default=list(CASES)[:1])
    parser.add_argument("--only", choices=IDEAS, nargs="+", default=list(IDEAS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("There is no GPU here; run this where there is one.")
        return
    console, device = Console(width=120), choose(arguments.device)
    for name in arguments.case:
        case = CASES[name]
        title = f"{name}, {torch.get_num_threads()} threads, {device}, {fast_precision(device)}"
        table = Table("idea", "taken", "ms with ours as it is", "ms so", "ratio", "best and worst round", title=title)
        for idea in arguments.only:
            elsewhere = IDEAS[idea].only not in ("", device.type)
            if elsewhere or (IDEAS[idea].options and case[0] != "pix2pix"):
                continue
            environments = (SPINS, {**SPINS, **IDEAS[idea].environment})
            pair = [
                Contestant(serve, (how, case, arguments.device), environment)
                for how, environment in zip(("", idea), environments, strict=True)
            ]
            try:  # the first steps are those in which a GPU records its graph
                found = Compared.of(in_turn(pair, arguments.rounds, arguments.repeats, warm_up=WARM_UP + 2))
            except SystemExit:
                table.add_row(idea, "", "", "", "could not run", "")
                continue
            figures = (f"{found.first:.0f}", f"{found.second:.0f}", f"{found.ratio:.2f}", found.span)
            table.add_row(idea, "taken out" if idea in TAKEN else "not taken", *figures)
            print(f"{name}, {idea}: {found.ratio:.2f}", file=sys.stderr)
        console.print(table)


if __name__ == "__main__":
    main()
