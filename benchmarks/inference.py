"""Latency of the published 256x256 U-Net at batch 1 under every engine and precision, beside eager PyTorch in float32.

Usage: python benchmarks/inference.py [--rounds 15] [--run RUN]

Each contestant has a process of its own, so that none finds another's memory or threads in its way; they take turns in every
round, never two at once, so that a busy machine slows them alike, and are stopped in between, since engines' threads spin while
they wait. A ratio is of one round, and its median and quartiles are shown. What a precision costs is measured on held-out
pictures of a trained RUN, where one is given.
"""

import argparse
import statistics
import sys
import tempfile
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from diptych.exporting import comparison, onnx_files
from diptych.exporting.samples import samples
from diptych.networks import NetworkSpec
from diptych.pictures.kinds import Kind
from diptych.translator.card import Card
from diptych.translator.engines import BFLOAT16, Engine
from diptych.translator.translator import Translator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._turns import Contestant, in_turn
from benchmarks.training_step import timed

EAGER = "torch float32"
CALLS = 4
"""Of each contestant in a round."""


def published() -> Translator:
    """The U-Net of pix2pix (Isola et al. 2017, appendix 6.1.1) with random weights, which take as long as trained ones."""
    torch.manual_seed(0)
    network = NetworkSpec("unet", {"channels_in": 3, "channels_out": 3})
    card = Card("a-to-b", "generator", network.name, network.arguments, Kind(), Kind(), 256, (256, 256))
    return Translator(network.build(), card)


def pictures(count: int) -> list[np.ndarray]:
    """(1, 3, 256, 256) each, smooth as pictures are."""
    generator = torch.Generator().manual_seed(1)
    rough = torch.rand(count, 3, 16, 16, generator=generator) * 2 - 1
    smooth = torch.nn.functional.interpolate(rough, 256, mode="bilinear")
    return [one[None].numpy() for one in smooth]


PRECISIONS = ("float32", "float16", "int8")
CONTESTANTS = (
    EAGER,
    *(f"{engine} {precision}" for precision in PRECISIONS for engine in ("onnx", "openvino")),
    BFLOAT16,
)
"""Every engine and precision that diptych offers on a processor."""


def exported(translator: Translator, folder: Path, calibration: list[np.ndarray]) -> Path:
    """The folder, with a file of each precision."""
    folder.mkdir(exist_ok=True)
    for precision in PRECISIONS:
        onnx_files.write(translator, folder / f"{precision}.onnx", precision=precision, calibration=calibration)
    return folder


def engine_of(name: str, folder: Path) -> Engine:
    """A contestant over the files of ``folder``."""
    if name == EAGER:
        return published().engine
    if name == BFLOAT16:
        return Translator.load_onnx(folder / "float32.onnx", BFLOAT16).engine
    engine, precision = name.split()
    return Translator.load_onnx(folder / f"{precision}.onnx", engine).engine


def serve(pipe: Connection, name: str, folder: Path) -> None:
    """One contestant in a process of its own: for every number received, that many calls are timed."""
    call = partial(engine_of(name, folder), torch.from_numpy(pictures(1)[0]), 0)
    while calls := pipe.recv():
        pipe.send(timed(call, torch.device("cpu"), calls))


def measured(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of a call by contestant, round by round."""
    contestants = [Contestant(serve, (name, folder)) for name in CONTESTANTS]
    columns = zip(*in_turn(contestants, rounds, CALLS, warm_up=CALLS), strict=True)
    return {name: list(column) for name, column in zip(CONTESTANTS, columns, strict=True)}


def quality(place: Path, folder: Path) -> dict[str, comparison.Comparison]:
    """What each precision costs on held-out pictures of a run."""
    translator = Translator.load(place)
    inputs = [sample.source.numpy() for sample in samples(place, translator, "", "train", 32)]
    real = samples(place, translator, "", "held-out", 32)
    exported(translator, folder, inputs)
    return {
        name: comparison.compare(translator, Translator(engine_of(name, folder), translator.card), real)
        for name in CONTESTANTS
        if name != EAGER
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--run", type=Path, help="a trained run, to measure what a precision costs")
    parser.add_argument(
        "--device", default="cpu", help="these engines are for processors; taken so that all can be called alike"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = measured(exported(published(), Path(folder) / "published", pictures(8)), arguments.rounds)
        lost = quality(arguments.run, Path(folder) / "run") if arguments.run else {}
    print_table(times, lost)


def print_table(times: dict[str, list[float]], lost: dict[str, comparison.Comparison]) -> None:
    table = Table(
        "engine", "ms", "of eager's time", "quartiles", "PSNR to eager", "L1 to the target",
        title=f"U-Net 256x256, batch 1, {torch.get_num_threads()} threads, {len(times[EAGER])} rounds",
    )  # fmt: skip
    for name, own in times.items():
        ratios = [mine / eager for mine, eager in zip(own, times[EAGER], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        found = lost.get(name)
        psnr = f"{found.psnr:.1f} dB" if found and found.pictures else ""
        target = f"{found.to_target[0]:.4f} -> {found.to_target[1]:.4f}" if found and found.to_target else ""
        table.add_row(name, f"{statistics.median(own):.1f}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}", psnr, target)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
