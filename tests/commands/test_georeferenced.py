"""Satellite bands with pixels without data: from GeoTIFFs through training into GeoTIFFs, by rasterio's own reading."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from commanding import Typed
from rasterio import Affine
from toys import run_to_end, tiny_recipe

NODATA = -32768
PLACE = Affine(30, 0, 500_000, 0, -30, 4_100_000)
KINDS = [
    'data.source={colour="channels",channels=2,depth="int16",low=-500,high=3000,nodata=-32768}',
    'data.target={colour="rgb",depth="int16",low=0,high=1000,nodata=-32768}',
]


def write(path: Path, bands: Any) -> None:
    count, height, width = bands.shape
    shape = {"height": height, "width": width, "count": count, "dtype": "int16"}
    where = {"crs": "EPSG:32633", "transform": PLACE, "nodata": NODATA}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", driver="GTiff", compress="deflate", **shape, **where) as file:
        file.write(bands)


@pytest.fixture(scope="module")
def bands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two bands in and three out, and a run on it; each lacks a corner, and one band a further pixel."""
    place = tmp_path_factory.mktemp("bands")
    rng = np.random.default_rng(1)
    for number in range(6):
        source = rng.integers(-500, 3000, (2, 24, 20)).astype(np.int16)
        target = rng.integers(0, 1000, (3, 24, 20)).astype(np.int16)
        source[:, : 4 + number, :6] = NODATA
        source[1, 20, 10] = NODATA
        target[:, 12:, 15:] = NODATA
        write(place / "data" / "A" / f"{number}.tif", source)
        write(place / "data" / "B" / f"{number}.tif", target)
    recipe = tiny_recipe("pix2pix", place / "data", *KINDS, "training.validate_every=2")
    run_to_end(recipe, place / "run")
    return place


def test_results_have_the_place_and_the_gaps_of_their_sources(bands: Path, typed: Typed, tmp_path: Path) -> None:
    said = typed("translate", bands / "run", bands / "data" / "A", "--out", "out")
    assert (said.code, said.err) == (0, "")
    for path in sorted((bands / "data" / "A").iterdir()):
        with rasterio.open(path) as source, rasterio.open(tmp_path / "out" / path.name) as result:
            assert (result.count, set(result.dtypes), result.nodata) == (3, {"int16"}, NODATA)
            assert (result.crs, result.transform) == (source.crs, source.transform)
            gap = (source.read() == NODATA).any(axis=0)
            assert gap.sum() > 20
            np.testing.assert_array_equal(result.read_masks() == 0, np.broadcast_to(gap, (3, 24, 20)))
            values = result.read()[:, ~gap]
            assert 0 <= values.min() < values.max() <= 1000


def test_scores_are_finite(bands: Path, typed: Typed, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (bands / "run" / "scores.jsonl").read_text().splitlines()]
    assert all(np.isfinite([line["l1"], line["psnr"]]).all() for line in lines)
    said = typed("evaluate", bands / "run", "--metrics", "l1,psnr,ssim,sharpness", "--out", "judged")
    assert said.code == 0, said
    assert "have pixels without data: sharpness see" in said.out
    scores = {
        one["metric"]: one["value"] for one in json.loads((tmp_path / "judged" / "scores.json").read_text())["scores"]
    }
    assert 0 < scores["l1"] < 2
    assert np.isfinite(scores["psnr"])
