"""Latency of the published 256x256 U-Net at batch 1 under every engine and precision, beside eager PyTorch in float32.

Usage: python benchmarks/inference.py [--rounds 15] [--run RUN]

The contestants take turns in every round, so that a busy machine slows them alike; a ratio is of one round, and its median
and quartiles are shown. What a precision costs is measured on held-out pictures of a trained RUN, where one is given.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from diptych.card import Card
from diptych.engines import Eager, Engine, OpenVino
from diptych.exporting import checks, onnx_files
from diptych.exporting.samples import samples
from diptych.images import Kind
from diptych.networks import NetworkSpec
from diptych.translator import Translator

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


def contestants(translator: Translator, folder: Path, calibration: list[np.ndarray]) -> dict[str, Engine]:
    """Every engine and precision that diptych offers on a processor."""
    found: dict[str, Engine] = {EAGER: translator.engine}
    for precision in ("float32", "float16", "int8"):
        place = folder / f"{precision}.onnx"
        onnx_files.write(translator, place, precision=precision, calibration=calibration)
        found[f"onnx {precision}"] = Translator.of_onnx(place, "onnx").engine
        found[f"openvino {precision}"] = Translator.of_onnx(place, "openvino").engine
        if precision == "float32":
            found["openvino bfloat16"] = OpenVino(place, "bfloat16", "bf16")
    return found


def timed(engine: Engine, source: torch.Tensor) -> float:
    """Milliseconds of a call."""
    began = time.perf_counter()
    for _ in range(CALLS):
        engine(source, 0)
    return (time.perf_counter() - began) / CALLS * 1000


def quality(place: Path, folder: Path) -> dict[str, checks.Comparison]:
    """What each precision costs on held-out pictures of a run."""
    translator = Translator.load(place)
    folder.mkdir()
    inputs = [sample.source.numpy() for sample in samples(place, translator, "", "train", 32)]
    real = samples(place, translator, "", "held-out", 32)
    assert isinstance(translator.engine, Eager)
    return {
        name: checks.compare(translator, Translator(engine, translator.card), real)
        for name, engine in contestants(translator, folder, inputs).items()
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
        translator = published()
        engines = contestants(translator, Path(folder), pictures(8))
        source = torch.from_numpy(pictures(1)[0])
        for engine in engines.values():
            timed(engine, source)
        times: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(arguments.rounds):
            for name, engine in engines.items():
                times[name].append(timed(engine, source))
        lost = quality(arguments.run, Path(folder) / "run") if arguments.run else {}
    print_table(times, lost)


def print_table(times: dict[str, list[float]], lost: dict[str, checks.Comparison]) -> None:
    table = Table(
        "engine", "ms", "of eager's time", "quartiles", "PSNR to eager", "L1 to the target",
        title=f"U-Net 256x256, batch 1, {torch.get_num_threads()} threads, {len(times[EAGER])} rounds",
    )  # fmt: skip
    for name, own in times.items():
        ratios = [mine / eager for mine, eager in zip(own, times[EAGER], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        found = lost.get(name)
        psnr = f"{found.psnr:.1f} dB" if found and found.psnr is not None else ""
        target = f"{found.to_target[0]:.4f} -> {found.to_target[1]:.4f}" if found and found.to_target else ""
        table.add_row(name, f"{statistics.median(own):.1f}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}", psnr, target)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
