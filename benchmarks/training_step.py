"""A training step of ours against a plain eager float32 step written the way the public PyTorch code does it.

Both train the same networks on the same pictures, each in a process of its own, in turn and never at once, so that a machine that
drifts drifts for both; the table gives medians and the median of the ratios round by round. The last column is the largest relative
difference of a loss in the first, second and third step, both in float32: the first is rounding, which Adam's division then
magnifies. Usage: python benchmarks/training_step.py [--device cuda] [--same-allocator]
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional

from diptych.machine.devices import choose
from diptych.machine.threads import SPINS
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe
from diptych.systems import CycleGAN, Pix2Pix
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.accelerate.cuda_graph import WARM_UP
from diptych.training.processes import fast_precision, join
from diptych.training.state import build
from diptych.training.trainer import Trainer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._turns import Compared, Contestant, in_turn

CASES = {
    "pix2pix 256x256 batch 1": ("pix2pix", 256, 1),
    "pix2pix 128x128 batch 8": ("pix2pix", 128, 8),
    "CycleGAN 128x128 batch 1": ("cyclegan", 128, 1),
}
BETAS = (0.5, 0.999)
AGREE_STEPS = 3


def recipe_of(system: str, side: int, batch: int, precision: str, device: str) -> Recipe:
    table = {
        "system": system,
        "data": {"crop_size": side, "load_size": side, "task": "unpaired" if system == "cyclegan" else "pairs"},
        "training": {"steps": 1000, "batch_size": batch, "precision": precision, "device": device},
    }
    return Recipe.from_table(table)


def frozen(networks: list[nn.Module], yes: bool) -> None:
    for network in networks:
        for parameter in network.parameters():
            parameter.requires_grad = not yes


def binary(logits: Tensor, real: bool) -> Tensor:
    goal = torch.ones_like(logits) if real else torch.zeros_like(logits)
    return functional.binary_cross_entropy_with_logits(logits, goal)


class PlainPix2Pix:
    """Forward; D on fake and real, halved, step; D frozen; G on D and L1, step. Plain Adam, float32, default layout."""

    def __init__(self, system: Pix2Pix) -> None:
        assert system.discriminator is not None
        self.g, self.d = system.generator, system.discriminator
        self.adam_g = torch.optim.Adam(self.g.parameters(), lr=2e-4, betas=BETAS)
        self.adam_d = torch.optim.Adam(self.d.parameters(), lr=2e-4, betas=BETAS)

    def step(self, batch: Batch) -> dict[str, float]:
        a, b = batch
        fake = self.g(a)
        frozen([self.d], False)
        self.adam_d.zero_grad()
        loss_fake = binary(self.d(torch.cat((a, fake.detach()), 1)), False)
        loss_real = binary(self.d(torch.cat((a, b), 1)), True)
        loss_d = (loss_fake + loss_real) * 0.5
        loss_d.backward()
        self.adam_d.step()
        frozen([self.d], True)
        self.adam_g.zero_grad()
        loss_gan = binary(self.d(torch.cat((a, fake), 1)), True)
        loss_l1 = functional.l1_loss(fake, b) * 100
        (loss_gan + loss_l1).backward()
        self.adam_g.step()
        return {
            "discriminator.adversarial": loss_d.item(),
            "generator.adversarial": loss_gan.item(),
            "generator.l1": loss_l1.item(),
        }


class PlainCycleGAN:
    """Joint step for both generators with both discriminators frozen, then one for both discriminators; no pool."""

    def __init__(self, system: CycleGAN) -> None:
        self.ab, self.ba = system.generator["a_to_b"], system.generator["b_to_a"]
        self.da, self.db = system.discriminator["a"], system.discriminator["b"]
        self.adam_g = torch.optim.Adam([*self.ab.parameters(), *self.ba.parameters()], lr=2e-4, betas=BETAS)
        self.adam_d = torch.optim.Adam([*self.da.parameters(), *self.db.parameters()], lr=2e-4, betas=BETAS)

    def step(self, batch: Batch) -> dict[str, float]:
        a, b = batch
        fake_b = self.ab(a)
        back_a = self.ba(fake_b)
        fake_a = self.ba(b)
        back_b = self.ab(fake_a)
        frozen([self.da, self.db], True)
        self.adam_g.zero_grad()
        square = functional.mse_loss
        judged_b, judged_a = self.db(fake_b), self.da(fake_a)
        gan = square(judged_b, torch.ones_like(judged_b)) + square(judged_a, torch.ones_like(judged_a))
        cycle_a, cycle_b = functional.l1_loss(back_a, a) * 10, functional.l1_loss(back_b, b) * 10
        (gan + cycle_a + cycle_b).backward()
        self.adam_g.step()
        frozen([self.da, self.db], False)
        self.adam_d.zero_grad()
        losses = []
        for judge, real, fake in ((self.da, a, fake_a), (self.db, b, fake_b)):
            judged_real, judged_fake = judge(real), judge(fake.detach())
            on_real = square(judged_real, torch.ones_like(judged_real))
            losses.append((on_real + square(judged_fake, torch.zeros_like(judged_fake))) * 0.5)
            losses[-1].backward()
        self.adam_d.step()
        return {
            "generator.cycle_a": cycle_a.item(),
            "generator.cycle_b": cycle_b.item(),
            "discriminator.a": losses[0].item(),
            "discriminator.b": losses[1].item(),
        }


def pictures(side: int, batch: int) -> Batch:
    generator = torch.Generator().manual_seed(1)
    return Batch(*(torch.rand(batch, 3, side, side, generator=generator) * 2 - 1 for _ in range(2)))


class Ours:
    """The loop's own step, fed from memory."""

    def __init__(self, recipe: Recipe, batch: Batch) -> None:
        self.trainer = Trainer(recipe, join(recipe.training.device), pictures=1000)
        self.batches: Iterator[Batch] = repeat(batch)
        self.count = 0

    def step(self) -> dict[str, float]:
        entry = self.trainer.advance(self.batches, self.count, faults=0)
        self.count += 1
        return {key: float(value) for key, value in entry.items()}


def plain(recipe: Recipe, device: torch.device) -> PlainPix2Pix | PlainCycleGAN:
    system = build(recipe).to(device).train()
    if isinstance(system, Pix2Pix):
        return PlainPix2Pix(system)
    assert isinstance(system, CycleGAN)
    return PlainCycleGAN(system)


def agreement(system: str, side: int, batch: Batch, count: int, device: torch.device) -> list[float]:
    """The largest relative difference of a loss in each of the first steps, both in float32, without dropout and pool."""
    recipe = recipe_of(system, side, count, "float32", str(device))
    more: dict[str, object] = {"dropout": []} if system == "pix2pix" else {"pool": 0}
    table = recipe.to_table()
    recipe = Recipe.from_table(table | {"options": table["options"] | more})
    reference, ours = plain(recipe, device), Ours(recipe, batch)
    worst = []
    moved = Batch(*(tensor.to(device) for tensor in batch))
    for _ in range(AGREE_STEPS):
        expected, found = reference.step(moved), ours.step()
        worst.append(max(abs(found[key] - value) / max(abs(value), 1e-6) for key, value in expected.items()))
    return worst


def timed(step: Callable[[], object], device: torch.device, repeats: int) -> float:
    """Milliseconds a step."""
    began = time.perf_counter()
    for _ in range(repeats):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / repeats * 1000


def serve(pipe: Connection, ours: bool, case: tuple[str, int, int], place: str, keep: bool) -> None:
    """One contestant in a process of its own: for every number received, that many steps are timed."""
    if keep:
        keep_freed_memory()
    device = choose(place)
    system, side, count = case
    batch = pictures(side, count)
    step: Callable[[], object]
    if ours:
        step = Ours(recipe_of(system, side, count, "auto", place), batch).step
    else:
        reference = plain(recipe_of(system, side, count, "float32", place), device)
        step = partial(reference.step, Batch(*(tensor.to(device) for tensor in batch)))
    while repeats := pipe.recv():
        pipe.send(timed(step, device, repeats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--same-allocator", action="store_true", help="give the reference our allocator setting too")
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("There is no GPU here; run this where there is one.")
        return
    device = choose(arguments.device)
    allocator = "ours" if arguments.same_allocator else "the system's own"
    title = f"Training step, {torch.get_num_threads()} threads, {device}, ours in {fast_precision(device)}; reference's allocator: {allocator}"
    table = Table("case", "reference ms", "ours ms", "ratio", "best and worst round", "losses differ by", title=title)
    for name, case in CASES.items():
        pair = [
            Contestant(serve, (ours, case, arguments.device, ours or arguments.same_allocator), SPINS if ours else {})
            for ours in (False, True)
        ]
        # The first steps are those in which a GPU records its graph.
        found = Compared.of(in_turn(pair, arguments.rounds, arguments.repeats, warm_up=WARM_UP + 2))
        apart = [f"{value:.0e}" for value in agreement(case[0], case[1], pictures(*case[1:]), case[2], device)]
        figures = (f"{found.first:.0f}", f"{found.second:.0f}", f"{found.ratio:.2f}", found.span, ", ".join(apart))
        table.add_row(name, *figures)
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
