"""Side-by-side pairs, source left and target right, of what lies in DIPTYCH_DATA: for ``learning_curves.py``.

Relief to Blue Marble, CamVid's class colours to photos, grey to colour and edges to photos of BSDS500; edges2handbags is one already. Usage:

    python benchmarks/pairs_of_five.py OUT
    python benchmarks/learning_curves.py --data OUT/relief --minutes 30 --no-ours --out CURVES
    python benchmarks/learning_curves.py --data OUT/relief --minutes 10 --marks 2 4 6 --no-reference --out CURVES
"""

import argparse
import csv
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.feature import canny

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts beside this one
from benchmarks._data import DATA

SIDE = 256
CAMVID = [
    (0, 0, 0), (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222),
    (128, 128, 0), (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
]  # fmt: skip
"""Colours for classes 0 to 11; which they are does not matter."""


def save(source: Image.Image, target: Image.Image, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    pair = Image.new("RGB", (2 * SIDE, SIDE))
    pair.paste(source, (0, 0))
    pair.paste(target, (SIDE, 0))
    pair.save(place)


def relief(out: Path) -> None:
    """The tiles of tiles.csv: 247 to train, 18 to validate."""
    Image.MAX_IMAGE_PIXELS = None
    source, target = (Image.open(DATA / "earth_maps" / name).convert("RGB") for name in ("etopo1.jpg", "bmng.jpg"))
    with open(DATA / "earth_maps" / "tiles.csv", newline="") as rows:
        for row in csv.DictReader(rows):
            x, y = int(row["x"]), int(row["y"])
            split = "train" if row["split"] == "train" else "val"
            box = (x, y, x + SIDE, y + SIDE)
            save(source.crop(box), target.crop(box), out / split / f"{x:05d}_{y:05d}.png")


def camvid(out: Path) -> None:
    """Two squares of each picture: 72 to train, 24 to validate."""
    for split in ("train", "val"):
        for place in sorted((DATA / "camvid" / split).glob("*.png")):
            photo = Image.open(place).convert("RGB")
            classes = np.array(Image.open(DATA / "camvid" / f"{split}annot" / place.name)).clip(0, len(CAMVID) - 1)
            colours = Image.fromarray(np.array(CAMVID, dtype=np.uint8)[classes])
            for number, left in enumerate((0, photo.width - photo.height)):
                box = (left, 0, left + photo.height, photo.height)
                source = colours.crop(box).resize((SIDE, SIDE), Image.Resampling.NEAREST)
                target = photo.crop(box).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
                save(source, target, out / split / f"{place.stem}_{number}.png")


def squares() -> Iterator[tuple[Path, Image.Image]]:
    """The middle squares of BSDS500's photos, 160 to train and 40 to validate, with the place of each below a set's folder."""
    places = sorted((DATA / "bsds500" / "train").iterdir())
    random.Random(0).shuffle(places)
    for number, place in enumerate(places):
        photo = Image.open(place).convert("RGB")
        side = min(photo.size)
        left, top = ((length - side) // 2 for length in photo.size)
        square = photo.crop((left, top, left + side, top + side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        yield Path("train" if number < 160 else "val") / f"{place.stem}.png", square


def grey(out: Path) -> None:
    for name, square in squares():
        save(square.convert("L").convert("RGB"), square, out / name)


def edges(out: Path) -> None:
    """Black edges by Canny on white, to photos: no setting was chosen on this set."""
    for name, square in squares():
        found = canny(np.asarray(square.convert("L")) / 255.0, sigma=1.5)
        save(Image.fromarray(np.where(found, 0, 255).astype(np.uint8)).convert("RGB"), square, out / name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    for make in (relief, camvid, grey, edges):
        make(out / make.__name__)


if __name__ == "__main__":
    main()
