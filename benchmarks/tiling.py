"""Large pictures: tiles against the whole picture, the jump across tile borders, and the memory of a whole-earth picture.

Usage: python benchmarks/tiling.py [--run RUN ...] [--picture PICTURE] [--side 2048] [--tile 1024]
       python benchmarks/tiling.py --only memory --picture bmng.jpg --tile 768 --no-chosen [--blocks 1]

Without runs, networks with random weights; without a picture, waves and grain. Differences are in grey levels of 255.
Memory is at its most at the full resolution of a ResNet's ends, so fewer blocks measure the same in less time.
"""

import argparse
import multiprocessing
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from diptych.machine.devices import choose
from diptych.networks import NetworkSpec
from diptych.pictures.kinds import Kind
from diptych.pictures.padding import pad
from diptych.training.setup.estimate import peak
from diptych.translator import tiling
from diptych.translator.card import Card
from diptych.translator.engines import Eager
from diptych.translator.translator import Translator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._turns import Compared
from benchmarks.memory import held

MIB = 2**20
NETS = {
    "ResNet-9, instance norm": ("resnet", {"norm": "instance", "blocks": 9}, 4),
    "U-Net, batch norm": ("unet", {"width": 32, "depth": 7, "statistics": "running"}, 128),
}


def subjects(runs: list[Path], blocks: int) -> dict[str, Translator]:
    if runs:
        return {run.name: Translator.load(run) for run in runs}
    return {name: untrained(name, blocks) for name in NETS}


def untrained(name: str, blocks: int) -> Translator:
    torch.manual_seed(0)
    network, arguments, multiple = NETS[name]
    told = {**arguments, "blocks": blocks} if "blocks" in arguments else arguments
    spec = NetworkSpec(network, {"channels_in": 3, "channels_out": 3, **told})
    return Translator(spec.build(), Card("a-to-b", "generator", network, {}, Kind(), Kind(), multiple, (256, 256)))


def picture(place: Path | None, height: int, width: int) -> np.ndarray:
    """(height, width, 3) uint8: the middle of a picture, or waves and grain."""
    if place is None:
        rows, columns = np.linspace(-3, 3, height)[:, None], np.linspace(-4, 4, width)
        waves = (
            np.stack([np.sin(4 * rows * columns + phase) for phase in (0, 1, 2)], axis=2) * 90 + 20 * rows[..., None]
        )
        grain = np.random.default_rng(0).normal(0, 12, (height, width, 1))
        return np.clip(waves + grain + 128, 0, 255).astype(np.uint8)
    Image.MAX_IMAGE_PIXELS = None
    found = np.asarray(Image.open(place).convert("RGB"))
    top, left = ((have - want) // 2 for have, want in zip(found.shape, (height, width), strict=False))
    return found[max(top, 0) : max(top, 0) + height, max(left, 0) : max(left, 0) + width]


def jumps(error: torch.Tensor, starts: tuple[int, ...]) -> tuple[float, float]:
    """How much the error changes from a column to the next, within 1 of where a tile ends or begins, and everywhere."""
    steps = error.diff(dim=-1).abs().mean(dim=(0, 1, 2))
    near = sorted({place for start in starts for place in (start - 1, start) if 0 < place < len(steps)})
    return float(steps[near].mean()), float(steps.mean())


def timed(translator: Translator, padded: torch.Tensor, tile: int) -> tuple[torch.Tensor, float]:
    """The result, and seconds."""
    translator.tile = tile
    began = time.perf_counter()
    found = translator.batch(padded)
    return found, time.perf_counter() - began


def compared(name: str, translator: Translator, arguments: argparse.Namespace, table: Table) -> None:
    card, side = translator.card, arguments.side
    source = card.source.to_tensor(picture(arguments.picture, side, side)[..., : card.source.stored_channels])[None]
    padded = pad(source, card.multiple)
    rounds = []
    for _ in range(arguments.rounds):
        whole, first = timed(translator, padded, 0)
        found, second = timed(translator, padded, arguments.tile)
        rounds.append((first, second))
    times = Compared.of(rounds)
    error = (found - whole) * 127.5
    overlap = tiling.default_overlap(card.multiple)
    axis = tiling.Axis.cut(padded.shape[3], arguments.tile // card.multiple * card.multiple, overlap, card.multiple)
    ends = tuple(start + axis.tile for start in axis.starts)
    at_borders, everywhere = jumps(error, tuple(one * card.scale for one in (*axis.starts, *ends)))
    table.add_row(
        name, f"{error.abs().mean():.3f}", f"{error.abs().max():.1f}", f"{at_borders:.4f}", f"{everywhere:.4f}",
        f"{times.first:.1f}", f"{times.second:.1f}", f"{times.ratio:.2f}", times.span,
    )  # fmt: skip


def memory(
    run: Path | None,
    name: str,
    blocks: int,
    place: Path | None,
    tile: int | None,
    answer: "multiprocessing.Queue[tuple[float, ...]]",
) -> None:
    """In a process of its own: MiB held with the model, MiB at most, seconds."""
    translator = Translator.load(run) if run else untrained(name, blocks)
    small = np.zeros((translator.card.multiple, translator.card.multiple, 3), np.uint8)
    translator(small, size="own")
    before = held()
    source = picture(place, 2700, 5400)
    translator.tile = tile
    assert isinstance(translator.engine, Eager)
    began = time.perf_counter()
    translator(source, size="own")
    answer.put((before / MIB, peak(choose("auto")) / MIB, time.perf_counter() - began))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, nargs="*", default=[])
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3, help="of tiles against the whole picture")
    parser.add_argument("--large", default="1", help="which subject translates 5400x2700, counted from 0")
    parser.add_argument("--blocks", type=int, default=9, help="of the ResNet with random weights")
    parser.add_argument("--only", choices=("seams", "memory"), help="one of the two tables")
    parser.add_argument("--chosen", action=argparse.BooleanOptionalAction, default=True, help="also by free memory")
    parser.add_argument("--device", default="cpu", help="taken so that all benchmarks can be called alike")
    arguments = parser.parse_args()
    named = subjects(arguments.run, arguments.blocks)
    if arguments.only != "memory":
        seams(named, arguments)
    if arguments.only != "seams":
        earth(list(named), arguments)


def seams(named: dict[str, Translator], arguments: argparse.Namespace) -> None:
    table = Table(
        "network", "mean", "worst", "step at borders", "step elsewhere", "whole, s", "tiles, s", "ratio", "best and worst",
        title=f"{arguments.side}x{arguments.side} in tiles of {arguments.tile} against whole",
    )  # fmt: skip
    for name, translator in named.items():
        compared(name, translator, arguments, table)
    Console(width=110).print(table)


def earth(names: list[str], arguments: argparse.Namespace) -> None:
    table = Table(
        "network", "tile", "MiB with the model", "MiB at most", "above the model", "seconds", title="5400x2700"
    )
    number = min(int(arguments.large), len(names) - 1)
    name = names[number]
    run = arguments.run[number] if arguments.run else None
    context = multiprocessing.get_context("spawn")
    for tile in (None, arguments.tile) if arguments.chosen else (arguments.tile,):
        answer = context.Queue()
        worker = context.Process(target=memory, args=(run, name, arguments.blocks, arguments.picture, tile, answer))
        worker.start()
        before, most, seconds = answer.get()
        worker.join()
        shown = "chosen" if tile is None else str(tile)
        table.add_row(name, shown, f"{before:.0f}", f"{most:.0f}", f"{most - before:.0f}", f"{seconds:.0f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
