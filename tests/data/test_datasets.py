"""Datasets: what comes out is what the files hold, aligned, in the Kinds that were asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from torch import Tensor

from diptych.data import Dataset, DataSettings, open_dataset, stream
from diptych.data.derived import converted
from diptych.data.pictures import Cache
from diptych.errors import DiptychError
from diptych.pictures.kinds import Kind

Pixels = npt.NDArray[Any]


def save(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path)


def noise(seed: int, height: int = 12, width: int = 12) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def opened(folder: Path, split: str = "train", train: bool = True, **values: Any) -> Dataset:
    sizes = {"load_size": 12, "crop_size": 12, "validation_share": 0.3, **values}
    return open_dataset(DataSettings(folder=str(folder), **sizes), split, train)


def first(dataset: Dataset, index: int = 0, seed: int = 0) -> tuple[Tensor, Tensor]:
    return dataset.sample(index, np.random.default_rng(seed))


def stored(tensor: Tensor) -> Pixels:
    return Kind().to_stored(tensor)


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """Side by side; the right half is the left one's negative."""
    for number in range(4):
        left = noise(number)
        save(tmp_path / "train" / f"{number}.png", np.concatenate([left, 255 - left], axis=1))
    save(tmp_path / "val" / "9.png", np.concatenate([noise(9), 255 - noise(9)], axis=1))
    return tmp_path


@pytest.fixture
def two_folders(tmp_path: Path) -> Path:
    for number in range(4):
        save(tmp_path / "A" / f"{number}.png", noise(number))
        save(tmp_path / "B" / f"{number}.png", 255 - noise(number))
    return tmp_path


def test_left_is_a_and_direction_swaps(halves: Path) -> None:
    source, target = first(opened(halves, "val", False))
    assert np.array_equal(stored(source), noise(9))
    assert np.array_equal(stored(target), 255 - noise(9))
    source, target = first(opened(halves, "val", False, direction="b-to-a"))
    assert np.array_equal(stored(target), noise(9))


@pytest.mark.parametrize("cache", [0.0, 1.0])
@pytest.mark.parametrize("layout", ["halves", "two_folders"])
def test_both_halves_get_the_same_jitter_and_mirroring(
    layout: str, cache: float, request: pytest.FixtureRequest
) -> None:
    dataset = opened(request.getfixturevalue(layout), load_size=15, cache_gib=cache)
    seen = []
    for seed in range(8):
        source, target = first(dataset, seed=seed)
        assert source.shape == target.shape == (3, 12, 12)
        assert (source + target).abs().max() <= 3 / 255  # negatives of each other, but for rounding
        seen.append(source)
    assert torch.equal(seen[0], first(dataset, seed=0)[0])
    assert not torch.equal(seen[0], seen[1])


def test_names_are_those_of_the_files(halves: Path) -> None:
    dataset = opened(halves)
    assert [dataset.name(index) for index in range(len(dataset))] == ["0", "1", "2", "3"]


def test_any_sizes_in_one_folder(tmp_path: Path) -> None:
    for number, (height, width) in enumerate([(5, 8), (40, 30), (1, 2), (12, 24)]):
        save(tmp_path / "train" / f"{number}.png", noise(number, height, width))
        save(tmp_path / "val" / f"v{number}.png", noise(number, height, width))
    for fit in ("stretch", "shorter-side", "none"):
        dataset = opened(tmp_path, load_size=14, crop_size=(12, 10), fit=fit)
        assert {tuple(first(dataset, index)[0].shape) for index in range(4)} == {(3, 12, 10)}


def test_an_odd_width_names_the_file(halves: Path) -> None:
    save(halves / "train" / "odd.png", noise(0, 12, 23))
    with pytest.raises(DiptychError, match=r"odd\.png is 23x12: .* even width"):
        first(opened(halves), 4)


def test_partners_of_two_sizes_name_the_files(two_folders: Path) -> None:
    save(two_folders / "B" / "2.png", noise(0, 12, 14))
    datasets = [opened(two_folders, split) for split in ("train", "val")]
    with pytest.raises(DiptychError, match=r"A/2\.png is 12x12 and its partner .*B/2\.png is 14x12"):
        [first(dataset, index) for dataset in datasets for index in range(len(dataset))]


def test_a_file_that_vanishes_or_breaks_is_named(two_folders: Path) -> None:
    dataset = opened(two_folders, cache_gib=0.0)
    gone = two_folders / "B" / f"{dataset.name(0)}.png"
    gone.unlink()
    with pytest.raises(DiptychError, match=rf"B/{dataset.name(0)}\.png is not there"):
        first(dataset)
    save(gone, noise(0))
    (two_folders / "A" / f"{dataset.name(1)}.png").write_bytes(b"no picture")
    with pytest.raises(DiptychError, match=rf"A/{dataset.name(1)}\.png"):
        list(zip(range(9), stream(dataset, 1, 0, workers=2), strict=False))


def test_what_is_cached_outlives_its_file(two_folders: Path) -> None:
    dataset = opened(two_folders)
    before = first(dataset)
    (two_folders / "A" / f"{dataset.name(0)}.png").unlink()
    assert torch.equal(first(dataset)[0], before[0])


def test_the_cache_keeps_to_its_budget(two_folders: Path) -> None:
    cache = Cache(2.5 * noise(0).nbytes / 2**30)
    pictures = [cache.read(two_folders / "A" / f"{number}.png", Kind()) for number in range(4)]
    assert len(cache.held) == 2
    assert cache.room >= 0
    assert cache.read(two_folders / "A" / "0.png", Kind()) is pictures[0]
    assert np.array_equal(cache.read(two_folders / "A" / "3.png", Kind()), pictures[3])
    with pytest.raises(ValueError, match="read-only"):
        pictures[0][0, 0, 0] = 1


@pytest.mark.parametrize("side", [("grey", "float32", ".npy"), ("rgb", "float32", ".npy"), ("grey", "uint16", ".npy")])
def test_cached_pictures_of_every_depth_stay_as_they_are(tmp_path: Path, side: tuple[Any, Any, str]) -> None:
    colour, depth, ending = side
    top = 1.0 if depth == "float32" else 65535
    for number in range(3):
        for folder in "AB":
            pixels = np.random.default_rng(number).random((12, 12, 1 if colour == "grey" else 3)) * top
            save(tmp_path / folder / f"{number}{ending}", pixels.astype(depth))
    kind = Kind(colour, depth)
    dataset = opened(tmp_path, source=kind, target=kind, mirror=False)
    once, again = first(dataset), first(dataset)
    assert torch.equal(once[0], again[0])
    assert torch.equal(once[0], once[1])


def test_kinds_of_source_and_target_are_independent(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "A" / f"{number}.npy", np.random.default_rng(number).random((12, 12, 5)).astype(np.float32))
        save(tmp_path / "B" / f"{number}.png", noise(number))
    source, target = first(opened(tmp_path, source=Kind("channels", "float32", 5), load_size=14))
    assert (source.shape[0], target.shape[0]) == (5, 3)


class TestStacks:
    """Several source folders as the channels of one picture."""

    def folder(self, place: Path) -> Path:
        for number in range(3):
            save(place / "photo" / f"{number}.png", noise(number))
            save(place / "depth" / f"{number}.png", noise(number)[..., 0])
            save(place / "target" / f"{number}.png", noise(number))
        return place

    def test_an_rgb_and_a_grey_one_make_four_channels(self, tmp_path: Path) -> None:
        names = ("photo", "depth")
        kind = Kind("channels", channels=4)
        source, target = first(opened(self.folder(tmp_path), source_folders=names, target_folder="target", source=kind))
        assert source.shape == (4, 12, 12)
        assert torch.equal(source[:3], target)
        assert torch.equal(source[3], target[0])

    def test_where_the_channels_do_not_add_up_all_are_grey_or_all_rgb(self, tmp_path: Path) -> None:
        folder, names = self.folder(tmp_path), ("photo", "depth")
        for channels in (2, 6):
            kind = Kind("channels", channels=channels)
            dataset = opened(folder, source_folders=names, target_folder="target", source=kind)
            assert first(dataset)[0].shape[0] == channels

    def test_other_numbers_are_refused_with_what_was_found(self, tmp_path: Path) -> None:
        with pytest.raises(DiptychError, match="channels = 4"):
            opened(
                self.folder(tmp_path),
                source_folders=("photo", "depth"),
                target_folder="target",
                source=Kind("channels", channels=5),
            )


def test_unpaired_sources_by_index_and_targets_drawn(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "trainA" / f"{number}.png", np.full((12, 12, 3), number, np.uint8))
    for number in range(7):
        save(tmp_path / "trainB" / f"{number}.png", np.full((12, 12, 3), 100 + number, np.uint8))
    for folder in ("testA", "testB", "valA", "valB"):
        save(tmp_path / folder / "1.png", noise(1))
    dataset = opened(tmp_path, task="unpaired")
    assert len(dataset) == 7
    drawn = [
        tuple(int(stored(side)[0, 0, 0]) for side in first(dataset, index, seed))
        for index in range(7)
        for seed in range(20)
    ]
    assert [pair[0] for pair in drawn[::20]] == [0, 1, 2, 0, 1, 2, 0]
    assert {pair[1] for pair in drawn} == set(range(100, 107))
    back = opened(tmp_path, task="unpaired", direction="b-to-a")
    assert int(stored(first(back)[0])[0, 0, 0]) == 100


def test_unpaired_halves_of_side_by_side_pictures(halves: Path) -> None:
    source, target = first(opened(halves, "val", False, task="unpaired", direction="b-to-a"))
    assert np.array_equal(stored(source), 255 - noise(9))
    assert np.array_equal(stored(target), noise(9))


class TestDerived:
    """The source is made from the target after the crop."""

    def folder(self, place: Path) -> Path:
        for number in range(4):
            pixels = np.full((24, 24, 3), 40, np.uint8)
            pixels[6:18, 6 + number : 18, 1] = 220
            save(place / f"{number}.png", pixels)
        return place

    def test_edges_are_black_on_white(self, tmp_path: Path) -> None:
        pytest.importorskip("cv2", reason="needs diptych[edges]")
        source, target = first(opened(self.folder(tmp_path), task="edges", load_size=24, crop_size=24))
        assert (source.shape, target.shape) == ((1, 24, 24), (3, 24, 24))
        assert set(source.flatten().tolist()) == {-1.0, 1.0}
        assert 0.02 < (source < 0).float().mean() < 0.3

    def test_edges_do_not_depend_on_the_depth(self, tmp_path: Path) -> None:
        pytest.importorskip("cv2", reason="needs diptych[edges]")
        values: dict[str, Any] = {"task": "edges", "load_size": 24, "crop_size": 24, "mirror": False}
        folder = self.folder(tmp_path)
        wanted = first(opened(folder, **values))[0]
        deep = Kind(depth="float32", low=-3.0, high=5.0)
        assert torch.equal(wanted, first(opened(folder, **values, target=deep))[0])

    def test_greyscale_is_luma(self, tmp_path: Path) -> None:
        source, target = first(opened(self.folder(tmp_path), task="greyscale", load_size=26, crop_size=24))
        luma = (target * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(0)
        assert (source[0] - luma).abs().max() < 2 / 255

    def test_colorization_halves_make_the_picture_again(self, tmp_path: Path) -> None:
        dataset = opened(self.folder(tmp_path), "val", False, task="colorization", load_size=24, crop_size=24)
        source, target = first(dataset)
        assert (source.shape[0], target.shape[0]) == (1, 2)
        with Image.open(tmp_path / f"{dataset.name(0)}.png") as file:
            original = np.asarray(file)
        again = Kind("chroma").to_stored(target, original)
        assert np.abs(again.astype(int) - original).max() <= 1


def test_converted_keeps_the_share_of_the_range() -> None:
    pixels = np.array([[[0], [128], [255]]], dtype=np.uint8)
    deep = Kind("grey", "uint16")
    floats = Kind("grey", "float32", low=-1, high=1)
    assert converted(pixels, Kind("grey"), deep).ravel().tolist() == [0, 128 * 257, 65535]
    there = converted(pixels, Kind("grey"), floats)
    assert there.ravel().tolist() == pytest.approx([-1, 128 / 127.5 - 1, 1])
    assert np.array_equal(converted(there, floats, Kind("grey")), pixels)


def test_a_split_that_is_not_there_is_named(halves: Path) -> None:
    with pytest.raises(DiptychError, match='no split "test"; it has train, val'):
        opened(halves, "test")


def test_real_facades(shared_data: Path) -> None:
    """Labels (right) to photos (left): the labels' blue background fills much of the source."""
    settings = DataSettings(folder=str(shared_data / "facades"), direction="b-to-a")
    dataset = open_dataset(settings, "train", train=True)
    assert len(dataset) == 400
    streams = [stream(dataset, 2, 0, start=3, workers=workers) for workers in (0, 1, 4)]
    batches = [next(one) for one in streams]
    for one in streams:
        one.close()
    assert batches[0].source.shape == (2, 3, 256, 256)
    for batch in batches[1:]:
        assert torch.equal(batch.source, batches[0].source)
        assert torch.equal(batch.target, batches[0].target)
    blue = [(dataset.sample(index, np.random.default_rng(0))[0][2] > 0.5).float().mean() for index in range(8)]
    assert torch.stack(blue).mean() > 0.3
