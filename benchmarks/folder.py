"""A folder of many small pictures through ``diptych translate``: killed and gone on, memory as it goes, beside a plain loop.

Usage: python benchmarks/folder.py [--pictures FOLDER] [--count 10000] [--engine torch] [--batch 1] [--kill-at 500] [--rounds 2]

The pictures are crops of 64 to 128 pixels a side of those in the folder; the network is a ResNet of width 8 with random
weights, so that what is measured is the folder's work rather than the network's. The plain loop is what one
writes by oneself: open a picture, translate, save, the next; both are whole commands, with their start, and take turns over the
same pictures.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table

from diptych import checkpoints
from diptych.machine.threads import SPINS
from diptych.networks import NetworkSpec
from diptych.pictures.formats import list_pictures
from diptych.pictures.kinds import Kind
from diptych.translator.card import Card, write_cards
from diptych.translator.translator import Translator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._data import DATA
from benchmarks._turns import Compared

POLL = 0.2
MARKS = (0.1, 0.5, 0.9, 1.0)
"""Shares of the folder at which memory is noted."""


def write_model(folder: Path) -> Path:
    torch.manual_seed(0)
    arguments = {"channels_in": 3, "channels_out": 3, "width": 8, "blocks": 2, "norm": "instance"}
    card = Card("a-to-b", "generator", "resnet", arguments, Kind(), Kind(), 4, (64, 64))
    network = NetworkSpec("resnet", arguments).build()
    folder.mkdir()
    (folder / "card.json").write_text(write_cards([card]))
    weights = {f"system.generator.{name}": tensor for name, tensor in network.state_dict().items()}
    checkpoints.save(folder / "weights.safetensors", weights, {})
    return folder


def write_crops(sources: list[Path], folder: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    folder.mkdir()
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sources[:50]]
    for number in range(count):
        whole = pictures[number % len(pictures)]
        height, width = rng.integers(64, 129, 2)
        top, left = rng.integers(0, whole.shape[0] - height), rng.integers(0, whole.shape[1] - width)
        crop = Image.fromarray(whole[top : top + height, left : left + width])
        crop.save(folder / f"{number:05}.{'png' if number % 2 else 'jpg'}")


def count(folder: Path) -> int:
    try:
        return sum(not name.startswith(".") for name in os.listdir(folder))
    except FileNotFoundError:
        return 0


def resident(process: int, field: str = "VmRSS") -> float:
    """MiB."""
    with open(f"/proc/{process}/status", encoding="ascii") as file:
        return next((int(line.split()[1]) / 1024 for line in file if line.startswith(field)), 0.0)


def loop(model: Path, inputs: Path, out: Path) -> None:
    """In a process of its own: one picture after the other by torch and Pillow, at sides that the network takes."""
    network = Translator.load(model).engine
    out.mkdir()
    for path in sorted(inputs.iterdir()):
        picture = Image.open(path).convert("RGB")
        width, height = (side // 4 * 4 for side in picture.size)
        values = torch.from_numpy(np.asarray(picture.crop((0, 0, width, height)), dtype=np.float32) / 127.5 - 1)
        result = network(values.permute(2, 0, 1)[None], 0)[0].permute(1, 2, 0)
        pixels = ((result + 1) * 127.5).round().clamp(0, 255).byte().numpy()
        Image.fromarray(pixels).save(out / f"{path.stem}.png")


def against_loop(ours: list[str], model: Path, inputs: Path, rounds: int) -> Table:
    """Both whole commands in turn, ours with the threads that it has on a quiet machine."""
    taken = []
    for number in range(rounds):
        commands = {"loop": [sys.executable, __file__, "--loop", str(model), str(inputs)], "ours": ours}
        seconds = []
        for name, command in commands.items():
            place = inputs.parent / f"{name}-{number}"
            began = time.perf_counter()
            surroundings = {**os.environ, **(SPINS if name == "ours" else {})}
            words = [*command, "--out", str(place)]
            subprocess.run(words, stdout=subprocess.DEVNULL, check=True, env=surroundings)
            seconds.append(time.perf_counter() - began)
        taken.append(tuple(seconds))
    total, found = count(inputs), Compared.of(taken)
    table = Table("pictures", "plain loop, s", "ours, s", "pictures/s", "of the loop's time", "least and greatest")
    figures = (
        f"{found.first:.1f}",
        f"{found.second:.1f}",
        f"{total / found.second:.1f}",
        f"{found.ratio:.2f}",
        found.span,
    )
    table.add_row(str(total), *figures)
    return table


def watched(words: list[str], out: Path, total: int, kill_at: int | None) -> tuple[str, dict[int, float], float]:
    """(what the command said, MiB at numbers of results, seconds); killed once there are ``kill_at`` results."""
    marks = [round(share * total) for share in MARKS if share * total > count(out)]
    noted: dict[int, float] = {}
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "diptych", *words], stdout=subprocess.PIPE, text=True)
    while process.poll() is None:
        done, now = count(out), resident(process.pid)
        if marks and done >= marks[0] and now:
            noted[marks.pop(0)] = now
        if kill_at is not None and done >= kill_at:
            process.kill()
        time.sleep(POLL)
    said, _ = process.communicate()
    return said, noted, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, default=DATA / "kodak")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--engine", default="torch")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--ray", type=int, default=0)
    parser.add_argument("--kill-at", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2, help="beside the plain loop; 0 leaves it out")
    parser.add_argument("--loop", type=Path, nargs=2, help="for the process of the plain loop: a model and a folder")
    parser.add_argument("--out", type=Path, help="for the process of the plain loop")
    parser.add_argument("--device", default="cpu", help="taken so that all benchmarks can be called alike")
    arguments = parser.parse_args()
    if arguments.loop:
        model, inputs = arguments.loop
        loop(model, inputs, arguments.out)
        return
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        write_crops(list_pictures(arguments.pictures), place / "in", arguments.count)
        run, inputs, out = write_model(place / "model"), place / "in", place / "out"
        words = ["translate", str(run), str(inputs), "--engine", arguments.engine]
        words += ["--batch", str(arguments.batch), "--ray", str(arguments.ray)]
        table = Table("command", "seconds", "results", *(f"MiB at {round(share * arguments.count)}" for share in MARKS))
        for title, kill_at in (("killed", arguments.kill_at), ("the same again", None), ("and again", None)):
            said, noted, seconds = watched([*words, "--out", str(out)], out, arguments.count, kill_at)
            memory = [noted.get(round(share * arguments.count)) for share in MARKS]
            shown = ["" if value is None else f"{value:.0f}" for value in memory]
            table.add_row(title, f"{seconds:.1f}", str(count(out)), *shown)
            print(said)
        Console(width=110).print(table)
        if arguments.rounds:
            ours = [sys.executable, "-m", "diptych", *words]
            Console(width=110).print(against_loop(ours, run, inputs, arguments.rounds))


if __name__ == "__main__":
    main()
