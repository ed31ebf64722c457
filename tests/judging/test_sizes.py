"""Pictures larger than those of training: evaluating says of a run what its translated files show."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from commanding import Typed, refused
from PIL import Image
from toys import run_to_end, tiny_recipe

METRICS = "l1,psnr,ssim,lab,sharpness"


@pytest.fixture(params=["stretch", "shorter-side"])
def trained(request: pytest.FixtureRequest, toy_pairs: Path, tmp_path: Path) -> Path:
    run_to_end(tiny_recipe("pix2pix", toy_pairs, f"data.fit={request.param}"), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def enlarged(toy_pairs: Path, tmp_path: Path) -> Path:
    """The held-out pairs four and three times as large, as a data set, and each half in a folder of its own."""
    for file in sorted((toy_pairs / "val").iterdir()):
        with Image.open(file) as pair:
            width, height = pair.size
            halves = [pair.crop((left, 0, left + width // 2, height)) for left in (0, width // 2)]
        large = [half.resize((3 * half.width, 4 * half.height), Image.Resampling.BICUBIC) for half in halves]
        for folder, half in zip(("sources", "targets"), large, strict=True):
            (tmp_path / folder).mkdir(exist_ok=True)
            half.save(tmp_path / folder / f"{file.stem}.png")
        for split in ("train", "val"):
            (tmp_path / "large" / split).mkdir(parents=True, exist_ok=True)
            both = np.concatenate([np.asarray(half) for half in large], axis=1)
            Image.fromarray(both).save(tmp_path / "large" / split / f"{file.stem}.png")
    return tmp_path


def scores(folder: Path) -> tuple[dict[str, float], list[list[str]]]:
    found = json.loads((folder / "scores.json").read_text())["scores"]
    with open(folder / "pictures.csv", newline="") as file:
        return {one["metric"]: one["value"] for one in found}, list(csv.reader(file))


@pytest.mark.parametrize("size", ["training", "own", "24", "32x20"])
def test_a_run_is_judged_by_what_it_writes(size: str, trained: Path, enlarged: Path, typed: Typed) -> None:
    asked = [] if size == "training" else ["--size", size]  # as is written by default
    assert typed("translate", trained, "sources", "--out", "made", *asked).code == 0
    words = ["--outputs", "made", "--targets", "targets", "--metrics", METRICS, "--out", "of-files"]
    assert typed("evaluate", *words).code == 0
    words = [str(trained), "--data", "large", "--split", "val", "--metrics", METRICS, "--out", "of-run"]
    assert typed("evaluate", *words, "--size", size).code == 0
    assert scores(enlarged / "of-files") == scores(enlarged / "of-run")


def test_by_default_a_run_is_judged_at_the_scale_of_training(trained: Path, enlarged: Path, typed: Typed) -> None:
    """Written files have been there and back, so they come near and no more."""
    assert typed("translate", trained, "sources", "--out", "made").code == 0
    data = ["--data", "large", "--split", "val", "--metrics", METRICS]
    assert typed("evaluate", trained, *data, "--out", "of-run").code == 0
    said = typed("evaluate", "--outputs", "made", "--recipe", trained / "recipe.toml", *data, "--out", "of-files")
    assert said.code == 0, said.err
    run, files = (scores(enlarged / name)[0] for name in ("of-run", "of-files"))
    assert abs(run["l1"] - files["l1"]) < 0.01
    protocols = [
        json.loads((enlarged / name / "scores.json").read_text())["protocol"] for name in ("of-run", "of-files")
    ]
    assert protocols[0] == protocols[1]
    assert protocols[0]["size"] == "16x16"
    words = ["--outputs", "made", "--targets", "targets", "--metrics", METRICS, "--out", "of-folders", "--size", "16"]
    assert typed("evaluate", *words).code == 0
    if protocols[0]["resize"].startswith("stretch"):
        assert scores(enlarged / "of-folders")[0] == pytest.approx(files, abs=1e-9)


def test_rules_of_size_are_not_compared_with_one_another(trained: Path, enlarged: Path, typed: Typed) -> None:
    folders = []
    for size in ("", "training", "own", "24"):
        folders.append(f"by-{size}")
        words = [trained, "--metrics", "l1", "--out", folders[-1]]
        assert typed("evaluate", *words, *(["--size", size] if size else [])).code == 0
    for other in folders[1:]:
        refused(typed("compare", folders[0], other, "--metrics", "l1"), 2, "were measured differently")
    refused(typed("compare", *folders[1:3], "--metrics", "l1"), 2, "translated at is 'training")
    assert typed("compare", trained, trained, "--metrics", "l1", "--size", "own").code == 0


def test_sizes_that_cannot_be_judged(trained: Path, enlarged: Path, typed: Typed) -> None:
    words = ["--outputs", "sources", "--targets", "targets", "--size", "training"]
    refused(typed("evaluate", *words), 2, "only a recipe says what the scale of training is")
    refused(typed("evaluate", trained, "--metrics", "fcn", "--size", "own"), 2, "leave --size away")
    refused(typed("evaluate", trained, "--size", "huge"), 2, "give own, training")
