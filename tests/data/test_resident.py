"""Pictures that stay on the device give bitwise the batches that are cut on the processor."""

import io
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from icc import ADOBE, GREY_18
from packed import packed
from PIL import Image, ImageCms
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych.data import DataSettings, open_dataset
from diptych.data.resident import Resident, resident
from diptych.data.stream import stream
from diptych.errors import UsageError
from diptych.pictures.kinds import Kind, Stored

CPU = torch.device("cpu")
PLENTY = 2.0**40


def draw_photos(folder: Path, count: int, size: tuple[int, int], mode: str = "RGB") -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(len(str(folder)) + count)
    for number in range(count):
        values = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(values).convert(mode).save(folder / f"{number}.png")


@pytest.fixture
def two_folders(tmp_path: Path) -> Path:
    """Grey sources and RGB targets of 30 x 26."""
    for split in ("train", "val"):
        draw_photos(tmp_path / split / "A", 5, (26, 30), "L")
        draw_photos(tmp_path / split / "B", 5, (26, 30))
    return tmp_path


@pytest.fixture
def piles(tmp_path: Path) -> Path:
    for name, count in (("trainA", 5), ("trainB", 7), ("testA", 2), ("testB", 2)):
        draw_photos(tmp_path / name, count, (21 + count, 24))
    return tmp_path


def same_batches(settings: DataSettings, batch: int = 3, count: int = 8) -> None:
    dataset = open_dataset(settings, "train", train=True)
    kept = resident(dataset, settings, CPU, PLENTY, "on")
    assert kept is not None
    plain = islice(stream(dataset, batch, seed=5, start=1, workers=2), count)
    places = islice(stream(kept, batch, seed=5, start=1, workers=2), count)
    for expected, chosen in zip(plain, places, strict=True):
        found = kept.pictures(chosen)
        for one, other in zip(expected, found, strict=True):
            assert one.dtype == other.dtype
            assert torch.equal(one, other)
            assert other.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("direction", ["a-to-b", "b-to-a"])
def test_pairs_side_by_side(direction: str, toy_pairs: Path) -> None:
    same_batches(DataSettings(folder=str(toy_pairs), load_size=18, crop_size=(16, 12), direction=direction))  # type: ignore[arg-type]  # one of the two


def test_pairs_in_two_folders_of_other_kinds(two_folders: Path) -> None:
    kind = Kind(colour="grey", low=10, high=200)  # values beyond are clipped
    same_batches(DataSettings(folder=str(two_folders), load_size=(20, 24), crop_size=(16, 16), source=kind))


def test_colour_profiles_are_applied_wherever_pictures_are_read(two_folders: Path, tmp_path: Path) -> None:
    """As files, from shards and from a device, samples are those of pictures that Pillow brought to sRGB before."""
    before = tmp_path / "before"
    for path in sorted(two_folders.rglob("*.png")):
        with Image.open(path) as opened:
            opened.load()
            profile = GREY_18 if opened.mode == "L" else ADOBE
            plain = ImageCms.profileToProfile(
                opened, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        assert plain is not None
        place = before / path.relative_to(two_folders)
        place.parent.mkdir(parents=True, exist_ok=True)
        (plain.getchannel("G") if opened.mode == "L" else plain).save(place, icc_profile=None)
        opened.save(path, icc_profile=profile)
    packed(two_folders, tmp_path / "shards", task="pairs", layout="folders")
    kinds: dict[str, Any] = {"source": Kind("grey"), "target": Kind(), "load_size": (22, 24), "crop_size": (18, 20)}
    folders = [before, two_folders, tmp_path / "shards"]
    found = [open_dataset(DataSettings(folder=str(folder), **kinds), "train", train=True) for folder in folders]
    for index in range(5):
        wanted, *others = (dataset.sample(index, np.random.default_rng(index)) for dataset in found)
        for other in others:
            assert all(torch.equal(one, two) for one, two in zip(wanted, other, strict=True))
    same_batches(DataSettings(folder=str(two_folders), **kinds))


def test_two_piles_of_different_lengths(piles: Path) -> None:
    same_batches(DataSettings(folder=str(piles), task="unpaired", load_size=20, crop_size=16))


def test_without_mirroring(toy_pairs: Path) -> None:
    same_batches(DataSettings(folder=str(toy_pairs), load_size=18, crop_size=16, mirror=False))


def test_each_picture_is_read_once(toy_pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = DataSettings(folder=str(toy_pairs), load_size=18, crop_size=16)
    kept = resident(open_dataset(settings, "train", train=True), settings, CPU, PLENTY, "on")
    assert kept is not None
    read: list[tuple[int, int]] = []
    whole = kept.dataset.picture

    def noted(side: int, number: int) -> Stored:
        read.append((side, number))
        return whole(side, number)

    monkeypatch.setattr(kept.dataset, "picture", noted)
    for _ in islice(stream(kept, 4, seed=0, workers=2), 9):
        pass
    assert sorted(read) == [(side, number) for side in (0, 1) for number in range(12)]


@pytest.mark.parametrize(
    ("change", "free", "why"),
    [
        ({}, 1000.0, "more than a quarter of what is free"),
        ({"fit": "shorter-side"}, PLENTY, "not brought to one size"),
        ({"task": "edges"}, PLENTY, 'data.task = "edges"'),
        ({"target": Kind(depth="uint16"), "source": Kind(depth="uint16")}, PLENTY, "made of something else"),
    ],
    ids=str,
)
def test_what_cannot_stay(change: dict[str, object], free: float, why: str, toy_pairs: Path) -> None:
    settings = DataSettings(folder=str(toy_pairs), load_size=18, crop_size=16, **change)  # type: ignore[arg-type]  # of several types
    dataset = open_dataset(settings, "train", train=True)
    with pytest.raises(UsageError, match=f"data.resident=on is not possible here: .*{why}"):
        resident(dataset, settings, CPU, free, "on")
    assert resident(dataset, settings, torch.device("cuda"), free, "auto") is None


@pytest.mark.parametrize("wanted", ["auto", "off"])
def test_on_a_processor_they_stay_only_when_told(wanted: Literal["auto", "off"], toy_pairs: Path) -> None:
    settings = DataSettings(folder=str(toy_pairs), load_size=18, crop_size=16)
    assert resident(open_dataset(settings, "train", train=True), settings, CPU, PLENTY, wanted) is None


@pytest.mark.parametrize("more", ["training.channels_last=true", "training.channels_last=false"])
@pytest.mark.parametrize("system", ["pix2pix", "cyclegan"])
def test_a_training_is_bitwise_the_same(system: str, more: str, toy_pairs: Path, tmp_path: Path) -> None:
    found = {}
    for wanted in ("on", "off"):
        recipe = tiny_recipe(system, toy_pairs, f"data.resident={wanted}", more)
        run, said = run_to_end(recipe, tmp_path / wanted)
        found[wanted] = weights(run)
        assert any("stay on the device" in line for line in said) == (wanted == "on")
    assert_equal(found["on"], found["off"])


def test_it_is_a_dataset_with_the_same_names(toy_pairs: Path) -> None:
    settings = DataSettings(folder=str(toy_pairs), load_size=18, crop_size=16)
    dataset = open_dataset(settings, "train", train=True)
    kept = resident(dataset, settings, CPU, PLENTY, "on")
    assert isinstance(kept, Resident)
    assert [kept.name(index) for index in range(len(kept))] == [dataset.name(index) for index in range(len(dataset))]
