"""Satellite pictures with clouds: int16 GeoTIFFs of two bands and three, whose training pictures lack data under clouds.

Sources are two reliefs of the earth, targets the Blue Marble. Each has clouds of its own, as of two days, which hold the value for
no data. Validation pictures have none, so a score there says what training on clouds cost. Usage, with the earth maps of ``shared/data``:

    python benchmarks/clouded.py EARTH_MAPS OUT --share 0.4
    diptych train pix2pix data.folder=OUT ...
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from diptych.pictures import formats
from diptych.pictures.metadata import GEO_KEYS, PIXEL_SCALE, TIEPOINTS, Metadata
from diptych.pictures.values.missing import Missing

NODATA = -32768
SIDE = 256
DEGREES = 360 / 5400  # of a pixel of the Blue Marble
STEPS = 39  # of a stored value for one of 8 bits, so that white is 9945
WGS84 = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326)


def clouds(rng: np.random.Generator, share: float) -> Missing:
    """(SIDE, SIDE): smooth blobs over that share of the picture."""
    knots = Image.fromarray(rng.normal(size=(8, 8)).astype(np.float32))
    field = np.asarray(knots.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    covered: Missing = field > np.quantile(field, 1 - share)
    return covered


def place_of(left: int, top: int) -> Metadata:
    ties = (0.0, 0.0, 0.0, -180 + left * DEGREES, 90 - top * DEGREES, 0.0)
    return Metadata(place={PIXEL_SCALE: (DEGREES, DEGREES, 0.0), TIEPOINTS: ties, GEO_KEYS: WGS84}, nodata=NODATA)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", type=Path, help="a folder with bmng.jpg, etopo1.jpg, shadedrelief.jpg and tiles.csv")
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.4, help="of each training picture under clouds")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    whole: dict[str, npt.NDArray[np.uint8]] = {}
    for name, mode in (("bmng", "RGB"), ("etopo1", "L"), ("shadedrelief", "L")):
        with Image.open(arguments.maps / f"{name}.jpg") as opened:
            whole[name] = np.atleast_3d(np.asarray(opened.convert(mode).resize((5400, 2700), Image.Resampling.BOX)))
    rng = np.random.default_rng(arguments.seed)
    for tile in csv.DictReader((arguments.maps / "tiles.csv").read_text().splitlines()):
        left, top, split = int(tile["x"]), int(tile["y"]), tile["split"]
        parts = {name: picture[top : top + SIDE, left : left + SIDE] for name, picture in whole.items()}
        sides = {"A": np.concatenate([parts["etopo1"], parts["shadedrelief"]], axis=2), "B": parts["bmng"]}
        for side, picture in sides.items():
            values = picture.astype(np.int16) * STEPS
            covered = clouds(rng, arguments.share)
            if split == "train":
                values[covered] = NODATA
            folder = arguments.out / split / side
            folder.mkdir(parents=True, exist_ok=True)
            formats.write(folder / f"{left}_{top}.tif", values, metadata=place_of(left, top))


if __name__ == "__main__":
    main()
