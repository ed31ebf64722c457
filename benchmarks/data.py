"""Pictures a second from disk to batch: the first epoch, which decodes, and later ones, from the cache; by worker.

Usage: python benchmarks/data.py [--folder FOLDER] [--device cpu]. Without a folder the pictures are made on the way.
"""

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from diptych.data import DataSettings, open_dataset, stream

PAIRS = 200
BATCH = 4


def make_pairs(folder: Path) -> None:
    """Side-by-side JPEGs of 512 x 256 with the frequencies of photographs."""
    rng = np.random.default_rng(0)
    (folder / "train").mkdir()
    for number in range(PAIRS):
        coarse = Image.fromarray(rng.integers(0, 256, (16, 32, 3), dtype=np.uint8)).resize((512, 256))
        noise = rng.normal(0, 12, (256, 512, 3))
        picture = np.clip(np.asarray(coarse) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / "train" / f"{number}.jpg", quality=90)


def pace(folder: str, workers: int, cache_gib: float) -> tuple[float, float]:
    """Pairs a second in the first epoch and in the second."""
    settings = DataSettings(folder=folder, cache_gib=cache_gib)
    dataset = open_dataset(settings, "train", train=True)
    batches = len(dataset) // BATCH
    paces = []
    with closing(stream(dataset, BATCH, seed=0, workers=workers)) as source:
        for _ in range(2):
            began = time.perf_counter()
            for _ in range(batches):
                next(source)
            paces.append(batches * BATCH / (time.perf_counter() - began))
    return paces[0], paces[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default="")
    parser.add_argument("--device", default="cpu", help="taken for the sake of make bench-gpu; reading needs none")
    arguments = parser.parse_args()
    table = Table(
        "workers",
        "first epoch",
        "later epochs",
        "without a cache",
        title="Pairs a second, 512x256 JPEG to 256x256 batches",
    )
    with tempfile.TemporaryDirectory() as place:
        folder = arguments.folder
        if not folder:
            make_pairs(Path(place))
            folder = place
        for workers in (0, 1, 2, 4):
            first, later = pace(folder, workers, 2.0)
            _, uncached = pace(folder, workers, 0.0)
            table.add_row(str(workers), f"{first:.0f}", f"{later:.0f}", f"{uncached:.0f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
