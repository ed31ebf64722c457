"""Pictures a second from disk to batch: by decoder, by number of workers, from shards; and the start of 100,000 files.

Usage: python benchmarks/data.py [--pairs 20000] [--folder FOLDER] [--files 100000]. Without a folder, copies of the facades
under DIPTYCH_DATA are taken, else pictures are made; the system's memory of files is asked to drop them before each first
epoch.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from importlib import import_module
from itertools import cycle, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from diptych.data import DataSettings, listings, open_dataset, stream
from diptych.data.shards.packing import pack
from diptych.data.stream import chosen_workers
from diptych.errors import DiptychError
from diptych.pictures.formats import list_pictures, read
from diptych.pictures.kinds import Kind

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._data import DATA
from benchmarks._turns import Compared

BATCH = 4
DECODED = 300  # pictures for the table of decoders
STEP = 0.005  # seconds of a fast trainer's step at batch 1
CORES = 16
ROUNDS = 3


class Pace(NamedTuple):
    """Pairs a second of wall time, and processor seconds for a pair, of all threads together."""

    pairs: float
    seconds: float


def make_pairs(folder: Path, count: int) -> str:
    """Side-by-side JPEGs of 512 x 256, each a file of its own; says what they are."""
    (folder / "train").mkdir()
    try:
        found = list_pictures(DATA / "facades" / "train")
    except DiptychError:
        found = []
    for number, path in enumerate(islice(cycle(found), count)):
        shutil.copyfile(path, folder / "train" / f"{number}{path.suffix}")
    if found:
        return "facades"
    rng = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (16, 32, 3), dtype=np.uint8)).resize((512, 256))
        noise = rng.normal(0, 12, (256, 512, 3))
        picture = np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / "train" / f"{number}.jpg", quality=90)
    return "made pictures"


def forget_files(folder: Path) -> None:
    """Ask the system to drop what it holds of the files; where it cannot be asked, they stay warm."""
    if not hasattr(os, "posix_fadvise"):
        return
    for path in folder.rglob("*.*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def decoders(folder: Path) -> Table:
    """Decoding alone, on one core, from memory; all in turn, round by round."""
    data = [path.read_bytes() for path in list_pictures(folder / "train")[:DECODED]]
    ways: dict[str, Callable[[bytes], Any]] = {"Pillow, as diptych reads": lambda item: read(item, Kind())}
    with suppress(ImportError):
        ways["simplejpeg (bare)"] = import_module("simplejpeg").decode_jpeg
    with suppress(ImportError):
        opencv = import_module("cv2")
        ways["OpenCV (bare)"] = lambda item: opencv.imdecode(np.frombuffer(item, np.uint8), opencv.IMREAD_COLOR)
        opencv.setNumThreads(1)
    rounds = [tuple(decoded(way, data) for way in ways.values()) for _ in range(ROUNDS)]
    table = Table(
        "decoder", "pictures a second", "of Pillow's", "worst and best round", title="Decoding 512x256 on one core"
    )
    for place, name in enumerate(ways):
        found = Compared.of(rounds, 0, place)
        table.add_row(name, f"{found.second:.0f}", f"{found.ratio:.2f}", found.span)
    return table


def decoded(way: Callable[[bytes], Any], data: list[bytes]) -> float:
    """Pictures a second of one core."""
    began = time.process_time()
    for item in data:
        way(item)
    return len(data) / (time.process_time() - began)


def pace(folder: Path, workers: int) -> tuple[Pace, Pace]:
    """Of the first epoch, which reads and decodes, and of the second, from the pictures in memory."""
    dataset = open_dataset(DataSettings(folder=str(folder), cache_gib=4.0), "train", train=True)
    forget_files(folder)
    batches = len(dataset) // BATCH
    paces = []
    with closing(stream(dataset, BATCH, seed=0, workers=workers)) as source:
        for _ in range(2):
            began, spent = time.perf_counter(), time.process_time()
            for _ in range(batches):
                next(source)
            wall, processor = time.perf_counter() - began, time.process_time() - spent
            paces.append(Pace(batches * BATCH / wall, processor / (batches * BATCH)))
    return paces[0], paces[1]


def reading(folder: Path, shards: Path, what: str, rounds: int, counts: list[int]) -> Table:
    """All numbers of workers in turn, round by round, and shards with the default; ratios are to the first."""
    usual = chosen_workers() if chosen_workers() in counts else counts[-1]
    places = [*((folder, workers) for workers in counts), (shards, usual)]
    paces = [[pace(*place) for place in places] for _ in range(rounds)]
    ways = ("pairs a second", "of the first row", "worst and best", "ms of one core a pair")
    columns = [f"{epoch}: {way}" for epoch in ("first epoch", "later") for way in ways]
    title = f"Reading ({what}), 512x256 JPEG to 256x256 batches; {os.cpu_count()} cores"
    table = Table("workers", *columns, title=title)
    for number, (place, workers) in enumerate(places):
        cells = []
        for epoch in range(2):
            found = Compared.of([tuple(one[epoch].pairs for one in taken) for taken in paces], 0, number)
            spent = statistics.median(taken[number][epoch].seconds for taken in paces)
            cells += [f"{found.second:.0f}", f"{found.ratio:.2f}", found.span, f"{1000 * spent:.1f}"]
        table.add_row(f"{workers}, from shards" if place == shards else str(workers), *cells)
    own = counts.index(usual)
    mine = [statistics.median(taken[own][epoch].seconds for taken in paces) for epoch in range(2)]
    fed = [min(chosen_workers(CORES), CORES) / seconds for seconds in mine]
    table.caption = (
        f"On paper, by the row of {usual} workers, {CORES} cores with {chosen_workers(CORES)} workers decode "
        f"{fed[0]:.0f} pairs a second in the first epoch and {fed[1]:.0f} in later ones; a trainer of {1000 * STEP:.0f} ms a step "
        f"at batch 1 takes {1 / STEP:.0f}."
    )
    return table


def many_files(folder: Path, files: int) -> None:
    """Hard links to few pictures."""
    (folder / "train").mkdir(parents=True)
    first = folder / "train" / "0.jpg"
    for number in range(files):
        if number % 10_000 == 0:  # a file has only so many names
            first = folder / "train" / f"{number}.jpg"
            Image.new("RGB", (64, 32)).save(first)
        else:
            os.link(first, folder / "train" / f"{number}.jpg")
    time.sleep(listings.SETTLED / 1e9 + 0.5)  # a folder that was just changed is not remembered


def started(folder: Path, run: Path) -> float:
    """Seconds of `diptych train`, as typed, until its first step; of a small network, whose first step is short."""
    small = ["load_size=18", "crop_size=16"]
    words = [f"data.folder={folder}", *(f"data.{word}" for word in small), "training.steps=1", "training.report=false"]
    words += ["options.width=4", "options.discriminator_width=4", "options.discriminator_layers=1"]
    command = [sys.executable, "-m", "diptych", "train", "pix2pix-small", *words, "--out", str(run)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (run / "events.jsonl").exists():  # it records its start just before the first step
            if process.poll() is not None:
                raise SystemExit("training ended before it began; run the same command by hand to see why.")
            time.sleep(0.01)
        taken = time.perf_counter() - began
        process.wait()
    return taken


def start(folder: Path, files: int) -> Table:
    """Of a run on very many files, and on few."""
    few, many = folder / "few", folder / "many"
    many_files(few, 100)
    many_files(many, files)
    table = Table(
        "files",
        "seconds",
        "of the first row",
        "best and worst",
        title="`diptych train`, as typed, until its first step",
    )
    rounds = [
        tuple(started(place, folder / f"run-{count}-{turn}") for place, count in ((few, 100), (many, files)))
        for turn in range(ROUNDS)
    ]
    for place, count in enumerate((100, files)):
        found = Compared.of(rounds, 0, place)
        table.add_row(f"{count:,}", f"{found.second:.1f}", f"{found.ratio:.2f}", found.span)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="", help="with the folder train in it")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of reading")
    parser.add_argument("--workers", type=int, nargs="+", default=sorted({0, 1, 4, chosen_workers()}))
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--device", default="cpu", help="taken for the sake of make bench-gpu; reading needs none")
    arguments = parser.parse_args()
    console = Console(width=150)
    with tempfile.TemporaryDirectory() as place:
        os.environ["DIPTYCH_CACHE"] = f"{place}/cache"
        folder, what = Path(arguments.folder), arguments.folder
        if not arguments.folder:
            folder = Path(place) / "pairs"
            folder.mkdir()
            what = f"{make_pairs(folder, arguments.pairs)}, {arguments.pairs:,}"
        shards = Path(place) / "shards"
        pack(DataSettings(folder=str(folder)), shards)
        console.print(decoders(folder))
        console.print(reading(folder, shards, what, arguments.rounds, arguments.workers))
        console.print(start(Path(place), arguments.files))


if __name__ == "__main__":
    main()
