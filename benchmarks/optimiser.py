"""The update of a generator's weights alone: torch's Adams as they are called elsewhere, and as a side calls it.

Usage: python benchmarks/optimiser.py [--rounds 9] [--device cuda]

The published U-Net's 54 million weights in channels-last layout, gradients of the same layout; contestants take turns in every
round, and a ratio is of one round. A side's update has the gradient's norm in it too.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from diptych.machine.devices import choose
from diptych.networks import NetworkSpec
from diptych.networks.blocks import channels_last
from diptych.recipe import TrainingSettings
from diptych.training.accelerate.allocator import keep_freed_memory
from diptych.training.processes import Processes
from diptych.training.side import Side
from diptych.training.step import optimiser_step

SETTINGS = TrainingSettings(steps=1)
BETAS = (SETTINGS.beta1, SETTINGS.beta2)
RATE = 2e-4
PLAIN = "Adam, one tensor after the other"
Update = Callable[[], object]


def generator(device: torch.device) -> nn.Module:
    """With a gradient for every weight."""
    torch.manual_seed(0)
    network = channels_last(NetworkSpec("unet", {"channels_in": 3, "channels_out": 3}).build(), device)
    give_gradients(network)
    return network


def give_gradients(network: nn.Module) -> None:
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, 1e-3)


def contestants(device: torch.device) -> dict[str, tuple[nn.Module, Update]]:
    found: dict[str, tuple[nn.Module, Update]] = {}
    kinds = {PLAIN: {"foreach": False}, "Adam, foreach": {"foreach": True}, "Adam, fused": {"fused": True}}
    for name, how in kinds.items():
        network = generator(device)
        found[name] = network, torch.optim.Adam(network.parameters(), RATE, BETAS, **how).step
    network = generator(device)
    side = Side("generator", network, SETTINGS, Processes(0, 1, device))
    side.set_rate(RATE, 0)
    found["a side: norm, fused Adam over rows"] = network, partial(optimiser_step, side)
    return found


def timed(network: nn.Module, update: Update, device: torch.device) -> float:
    """Milliseconds."""
    give_gradients(network)  # a side drops them
    if device.type == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    update()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        print("There is no GPU here; run this where there is one.")
        return
    keep_freed_memory()
    device = choose(arguments.device)
    named = contestants(device)
    rounds = [{name: timed(*one, device) for name, one in named.items()} for _ in range(arguments.rounds + 2)][2:]
    table = Table("update", "ms", "of the first", "best and worst round", title=f"54 million weights, {device}")
    for name in named:
        ratios = [one[name] / one[PLAIN] for one in rounds]
        milliseconds = statistics.median(one[name] for one in rounds)
        span = f"{min(ratios):.2f} to {max(ratios):.2f}"
        table.add_row(name, f"{milliseconds:.0f}", f"{statistics.median(ratios):.2f}", span)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
