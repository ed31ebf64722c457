"""What `gpu.py` looks at, part by part: each tells what it finds as it goes."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from benchmarks.evaluation import examples
from benchmarks.throughput import draw_pairs
from benchmarks.throughput import recipe_of as recipe_of_files
from benchmarks.training_step import pictures, plain, recipe_of, timed
from diptych.data import open_dataset, stream
from diptych.evaluation.evaluate import TEXTURES, USUAL, evaluate
from diptych.evaluation.paired import ssim
from diptych.evaluation.requirements import Resources
from diptych.networks.blocks import reflect_side
from diptych.pictures.kinds import Batch
from diptych.recipe import Recipe, read
from diptych.systems import SYSTEMS
from diptych.training.accelerate.cuda_graph import WARM_UP, Captured
from diptych.training.loop import prepare
from diptych.training.processes import join
from diptych.training.setup.estimate import noise
from diptych.training.step import ApplyUpdate, Scalars
from diptych.training.trainer import Trainer

CASES = {"pix2pix b1": ("pix2pix", 1), "pix2pix b16": ("pix2pix", 16), "cyclegan b1": ("cyclegan", 1)}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "bfloat16, graph": ("bfloat16", {}),
    "bfloat16, graph, looked at in each step": ("bfloat16", {"reads_late": False}),
    "bfloat16, no graph": ("bfloat16", {"graph": False}),
    "tf32, graph": ("tf32", {}),
    "float32, graph": ("float32", {}),
}
"""Of a step: precision, and what else is set in the trainer."""
MIB = 2**20
SIDES = {"cpu": 32, "cuda": 256}
STEPS = {"cpu": 2, "cuda": 30}
Told = Iterator[tuple[str, str]]
"""What was measured, and the figure."""


def peak(device: torch.device) -> str:
    if device.type != "cuda":
        return ""
    held, used = torch.cuda.max_memory_reserved(device), torch.cuda.max_memory_allocated(device)
    return f", {used / MIB:.0f} MiB used, {held / MIB:.0f} held"


def fresh(device: torch.device) -> None:
    """Forget what memory was used."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def worded(function: Callable[[], str]) -> str:
    """What a function says, or in what it fails."""
    try:
        return function()
    except Exception as problem:
        return f"failed: {str(problem).partition(chr(10))[0][:100]}"


def trainer_of(recipe: Recipe, **settings: Any) -> Trainer:
    trainer = Trainer(recipe, join(recipe.training.device), pictures=1000)
    for name, value in settings.items():
        setattr(trainer, name, value)
    if settings:
        trainer.begin_anew()
    return trainer


def step_of(trainer: Trainer, batch: Batch) -> Callable[[], object]:
    count = iter(range(10**9))
    return lambda: trainer.advance(repeat(batch), next(count), faults=0)


def tiny(system: str, device: torch.device, *words: str) -> Recipe:
    """A system with its published loss network left out, small enough for seconds."""
    narrow = ["options.width=8", *([] if system == "travelgan" else ["options.discriminator_width=8"])]
    if system in ("pix2pixhd", "spade"):
        narrow += ["options.perceptual_network=none", "data.crop_size=128", "data.load_size=128"]
    narrow += ["options.content=mse"] if system == "srgan" else []
    known = ("training.steps=1000", "training.epochs=0", f"training.device={device}", "data.folder=none")
    sizes = ("data.crop_size=64", "data.load_size=64")
    return read(system, [*known, *sizes, *narrow, *words])


def capture(device: torch.device) -> Told:
    """Is every system's step recorded, and does training go on where that fails?"""
    for system in SYSTEMS:
        yield f"{system}: a step as a graph", worded(partial(recorded, system, device))
    yield "where recording fails", worded(partial(unrecorded, device))


def recorded(system: str, device: torch.device) -> str:
    said: list[str] = []
    trainer = trainer_of(tiny(system, device))
    trainer.tell = said.append
    step = step_of(trainer, noise(trainer.recipe))
    plainly = timed(step, device, WARM_UP)
    recording = timed(step, device, 1)
    done = isinstance(trainer.compute, Captured) and bool(trainer.compute.recorded)
    return (
        said[0] if said else f"{'recorded' if done else 'not asked for'} in {recording:.0f} ms (plain {plainly:.0f} ms)"
    )


class Asking:
    """A step that asks the device for a number in its midst, which no graph can hold."""

    def __init__(self, update: ApplyUpdate) -> None:
        self.update = update

    def __call__(self, batches: list[Batch], step: int, only_discriminators: bool) -> Scalars:
        found = self.update(batches, step, only_discriminators)
        next(iter(found.values.values())).item()
        return found


def unrecorded(device: torch.device) -> str:
    """The same losses as without graphs, random draws included."""
    torch.manual_seed(0)
    batch = noise(tiny("pix2pix", device))
    losses, said = list[list[float]](), list[str]()
    for graph in ("true", "false"):
        trainer = trainer_of(tiny("pix2pix", device, f"training.graph={graph}"))
        trainer.tell = said.append
        if isinstance(trainer.compute, Captured):
            trainer.compute.update = Asking(trainer.update)
        batches = repeat(batch)
        entries = [trainer.advance(batches, step, faults=0) for step in range(WARM_UP + 3)]
        losses.append([entry["generator.l1"] for entry in entries])
    alike = "alike" if losses[0] == losses[1] else f"differ: {losses}"
    return f"said: {' '.join(said) or 'nothing'} Losses {alike}"


def steps(device: torch.device) -> Told:
    """Milliseconds and memory against the plain eager float32 step, case by case."""
    side, repeats = SIDES[device.type], STEPS[device.type]
    for name, (system, count) in CASES.items():
        batch = pictures(side, count)
        reference = plain(recipe_of(system, side, count, "float32", str(device)), device)
        moved = Batch(*(tensor.to(device) for tensor in batch))
        timed(partial(reference.step, moved), device, 3)
        fresh(device)
        before = timed(partial(reference.step, moved), device, repeats)
        yield f"{name}: plain eager float32", f"{before:.2f} ms{peak(device)}"
        del reference
        for variant, (precision, settings) in VARIANTS.items():
            usable = precision != "tf32" or device.type == "cuda"
            if usable:
                recipe = recipe_of(system, side, count, precision, str(device))
                found = worded(partial(one_variant, recipe, settings, batch, device, repeats, before))
                yield f"{name}: {variant}", found


def one_variant(
    recipe: Recipe, settings: dict[str, Any], batch: Batch, device: torch.device, repeats: int, reference: float
) -> str:
    fresh(device)
    step = step_of(trainer_of(recipe, **settings), batch)
    timed(step, device, WARM_UP + 3)
    taken = timed(step, device, repeats)
    return f"{taken:.2f} ms, {reference / taken:.2f} times as fast{peak(device)}"


def compiled(device: torch.device) -> Told:
    """Networks under torch.compile, without graphs of ours, beside the same left as they are."""
    side, repeats = SIDES[device.type], STEPS[device.type]
    batch, ratios = pictures(side, 1), {}
    for name in ("as they are", "compiled"):
        trainer = trainer_of(recipe_of("pix2pix", side, 1, "bfloat16", str(device)), graph=False)
        if name == "compiled":
            for path in trainer.state.sides:
                trainer.state.system.get_submodule(path).compile()
        step = step_of(trainer, batch)
        began = time.perf_counter()
        timed(step, device, WARM_UP + 3)
        first = time.perf_counter() - began
        ratios[name] = timed(step, device, repeats)
        yield f"pix2pix b1, no graph, networks {name}", f"{ratios[name]:.2f} ms (first steps {first:.1f} s)"


def data(device: torch.device) -> Told:
    """The share of time that is spent waiting for pictures that stay on the device, and for others."""
    repeats = 20 * STEPS[device.type] if device.type == "cuda" else 3
    with tempfile.TemporaryDirectory() as place:
        draw_pairs(Path(place), SIDES[device.type])
        for resident in ("auto", "off"):
            table = recipe_of_files("pix2pix", 16, SIDES[device.type], Path(place), str(device), "auto").to_table()
            recipe = Recipe.from_table(table | {"data": table["data"] | {"resident": resident}})
            dataset, trainer = prepare(open_dataset(recipe.data, "train", train=True), recipe, join(str(device)))
            batches, count, waited = stream(dataset, 16, 0, device=device), iter(range(10**9)), [0.0]

            def step(
                trainer: Trainer = trainer,
                batches: Iterator[Batch] = batches,
                count: Iterator[int] = count,
                waited: list[float] = waited,
            ) -> None:
                waited[0] += trainer.advance(batches, next(count), faults=0)["waited"]

            timed(step, device, repeats)
            waited[0] = 0.0
            taken = timed(step, device, repeats) * repeats / 1000
            figures = f"{100 * waited[0] / taken:.1f} % waited, {16 * repeats / taken:.0f} pictures/s"
            yield f"pix2pix b16, data.resident={resident}", figures
            batches.close()


def forward_and_backward(make: Callable[[], torch.Tensor]) -> None:
    make().sum().backward()


def determinism(device: torch.device) -> Told:
    """Two runs of each system, weights compared bitwise; what it costs; reflected borders both ways."""
    maps = torch.randn(4, 64, SIDES[device.type], SIDES[device.type], device=device).requires_grad_()
    maps = maps.to(memory_format=torch.channels_last)
    ways: dict[str, Callable[[], torch.Tensor]] = {
        "torch's": lambda: functional.pad(maps, (3, 3, 3, 3), mode="reflect"),
        "of copies": lambda: reflect_side(reflect_side(maps, 3, 3, 3), 2, 3, 3),
    }
    for name, way in ways.items():
        timed(partial(forward_and_backward, way), device, 3)
        taken = timed(partial(forward_and_backward, way), device, STEPS[device.type])
        yield f"reflected borders {name}, forward and backward", f"{taken:.2f} ms"
    for system in SYSTEMS:
        yield f"{system}: two deterministic runs", worded(partial(twice, system, device))


def twice(system: str, device: torch.device) -> str:
    found: list[dict[str, torch.Tensor]] = []
    times = {}
    for deterministic in ("false", "true", "true"):
        torch.use_deterministic_algorithms(False)
        trainer = trainer_of(tiny(system, device, f"training.deterministic={deterministic}"))
        torch.manual_seed(0)
        step = step_of(trainer, noise(trainer.recipe))
        timed(step, device, WARM_UP + 3)
        times[deterministic] = timed(step, device, 5)
        found.append({name: value.cpu() for name, value in trainer.state.tensors().items()})
    torch.use_deterministic_algorithms(False)
    apart = [name for name, value in found[1].items() if not torch.equal(value, found[2][name])]
    words = f"{len(apart)} tensors differ, first {apart[0]}" if apart else "bitwise the same"
    return f"{words}; {times['true'] / times['false']:.2f} of the time otherwise"


def judging(device: torch.device) -> Told:
    """Seconds for 20 pictures of 256x256 there and on the processor, and how far structural similarity is off."""
    metrics = [*USUAL, *TEXTURES]
    for place in dict.fromkeys((device, torch.device("cpu"))):
        evaluate(examples(6), metrics, Resources(device=place))
        began = time.perf_counter()
        evaluate(examples(20), metrics, Resources(device=place))
        yield f"20 pictures by the usual metrics on {place}", f"{time.perf_counter() - began:.1f} s"
    one, other = pictures(256, 1)
    off = (ssim(one, other) - ssim(one.to(device), other.to(device)).cpu()).abs().max()
    yield "structural similarity is off by", f"{off:.0e}"


def tests(device: torch.device) -> Told:
    """`pytest -m gpu`; what has failed, by name."""
    del device
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "--tb=line", "-p", "no:cacheprovider"]
    place = Path(__file__).resolve().parent.parent
    done = subprocess.run([*command, "tests/training/test_gpu.py"], cwd=place, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    for line in lines:
        if line.startswith(("FAILED", "ERROR")):
            yield "a test", line[:150]
    yield "pytest -m gpu", lines[-1] if lines else done.stderr[-150:]
