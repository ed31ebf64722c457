"""Labelled, holed and shrunk data: what is read, what is refused and with which words, and what `look_over` says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from diptych.data import DataSettings, open_dataset
from diptych.data.checks.check import look_over
from diptych.data.holes import HOLES
from diptych.errors import DiptychError, UsageError
from diptych.pictures.formats import read
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.resizing import resize

RNG = np.random.default_rng(0)
LABELS = Kind(colour="labels", classes=3, unknown=255, names=("sky", "tree", "road"))
OBJECTS = Kind(colour="labels", classes=3, instances=True)


def save(path: Path, array: Stored) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def photo(side: int = 32, seed: int = 0) -> Stored:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def numbers(side: int = 32) -> Stored:
    """Blocks of class 0, 1 and 2."""
    return (np.arange(side)[:, None] // 8 % 3 + np.zeros((1, side))).astype(np.uint8)


def labelled(folder: Path, count: int = 4) -> Path:
    for split in ("train", "val"):
        for number in range(count):
            save(folder / f"{split}_label" / f"{number}.png", numbers())
            save(folder / f"{split}_inst" / f"{number}.png", numbers().astype(np.uint16) * 1000 + 33)
            save(folder / f"{split}_img" / f"{number}.png", photo(seed=number + (split == "val") * 100))
    return folder


def small(folder: Path, **more: object) -> DataSettings:
    values: dict[str, object] = {"folder": str(folder), "load_size": 32, "crop_size": 16, "mirror": True} | more
    return DataSettings(**values)  # type: ignore[arg-type]  # a table of several types


def test_labels_and_instances_become_whole_numbers(tmp_path: Path) -> None:
    settings = small(labelled(tmp_path), task="labelled", source=OBJECTS)
    dataset = open_dataset(settings, "train", train=True)
    source, target = dataset.sample(0, np.random.default_rng(1))
    assert source.dtype == torch.int32
    assert source.shape == (2, 16, 16)
    assert target.shape == (3, 16, 16)
    assert set(source[0].unique().tolist()) <= {0, 1, 2}  # nearest: nothing between the classes
    assert set(source[1].unique().tolist()) <= {0, 1, 2}  # renumbered from 33, 1033, 2033
    assert torch.equal(source[0], source[1])


@pytest.mark.parametrize("form", ["8 bit", "16 bit", "palette picture", "colours", "npy"])
def test_every_encoding_of_class_maps(form: str, tmp_path: Path) -> None:
    ids, kind = numbers(), LABELS
    palette = ((10, 0, 0), (0, 200, 0), (0, 0, 90))
    path = tmp_path / ("x.npy" if form == "npy" else "x.png")
    if form == "npy":
        np.save(path, ids[..., None])
    elif form == "palette picture":
        picture = Image.fromarray(ids).convert("P")
        picture.putdata(ids.ravel().tolist())
        picture.putpalette([value for colour in palette for value in colour])
        picture.save(path)
    elif form == "colours":
        kind = Kind(colour="labels", palette=palette)
        Image.fromarray(np.array(palette, dtype=np.uint8)[ids]).save(path)
    else:
        Image.fromarray(ids.astype(np.uint16 if form == "16 bit" else np.uint8)).save(path)
    assert np.array_equal(read(path, kind)[..., 0], ids)


@pytest.mark.parametrize("form", ["8 bit", "16 bit", "colours"])
def test_every_encoding_of_instance_maps(form: str, tmp_path: Path) -> None:
    ids = numbers()
    path = tmp_path / "x.png"
    if form == "colours":
        Image.fromarray(np.stack([ids, 255 - ids, ids * 9], axis=2)).save(path)
    else:
        Image.fromarray(ids.astype(np.uint16) * 9000 if form == "16 bit" else ids * 90).save(path)
    found = read(path, Kind(colour="instances", depth="uint16"))[..., 0]
    assert np.array_equal(found, ids)


def test_a_number_out_of_range_names_file_value_place_and_classes(tmp_path: Path) -> None:
    ids = numbers()
    ids[5, 7] = 4
    path = save(tmp_path / "odd.png", ids)
    with pytest.raises(DiptychError, match=r"odd\.png holds the value 4 at row 5, column 7.*3 classes \(0 sky, 1 tree"):
        read(path, LABELS)
    ids[5, 7] = 3  # just past the last, which is where the unknown ones go
    save(path, ids)
    with pytest.raises(DiptychError, match="holds the value 3"):
        read(path, LABELS)
    ids[5, 7] = 255
    save(path, ids)
    assert read(path, LABELS)[5, 7, 0] == 3


def test_a_photo_is_no_class_map(tmp_path: Path) -> None:
    with pytest.raises(DiptychError, match=r"is an RGB picture: state the colours.*diptych data palette"):
        read(save(tmp_path / "photo.png", photo()), LABELS)


def test_the_check_counts_classes_and_finds_the_wrong_one(tmp_path: Path) -> None:
    settings = small(labelled(tmp_path), task="labelled", source=OBJECTS)
    report = look_over(settings)
    assert any("Classes: 0 " in line for line in report.lines)
    assert not report.findings
    ids = numbers()
    ids[0, 0] = 77
    save(tmp_path / "train_label" / "2.png", ids)
    report = look_over(settings)
    assert [finding.message.split(" holds")[0] for finding in report.fatal] == [str(tmp_path / "train_label" / "2.png")]


def test_side_by_side_colours_are_labels_too(tmp_path: Path) -> None:
    palette = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    for number in range(4):
        coloured = np.array(palette, dtype=np.uint8)[numbers()]
        save(tmp_path / "train" / f"{number}.png", np.concatenate([photo(seed=number), coloured], axis=1))
    settings = small(tmp_path, task="labelled", direction="b-to-a", palette=palette)
    source, _ = open_dataset(settings, "val", train=False).sample(0, RNG)
    assert settings.source.classes == 3
    assert source.shape == (1, 16, 16)
    assert source.unique().tolist() == [0, 1, 2]


def test_labelled_settings_are_checked() -> None:
    with pytest.raises(UsageError, match="go together"):
        DataSettings(task="labelled")
    with pytest.raises(UsageError, match="go together"):
        DataSettings(source=LABELS)
    with pytest.raises(UsageError, match="must say how many classes"):
        Kind(colour="labels")
    with pytest.raises(UsageError, match="2 names"):
        Kind(colour="labels", classes=3, names=("a", "b"))
    with pytest.raises(UsageError, match='need colour = "labels"'):
        Kind(classes=3)


@pytest.mark.parametrize("hole", HOLES)
def test_holes(hole: str) -> None:
    shares = []
    for seed in range(30):
        mask = HOLES[hole]((96, 128), 0.25, np.random.default_rng(seed))
        assert mask.shape == (96, 128)
        assert mask.dtype == bool
        shares.append(mask.mean())
        assert np.array_equal(mask, HOLES[hole]((96, 128), 0.25, np.random.default_rng(seed)))
    assert 0.15 < np.mean(shares) < 0.4
    if hole == "centre":
        assert mask[24:72, 32:96].all()
        assert mask.mean() == 0.25


def test_the_hole_is_filled_and_its_mask_is_a_channel(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.png", photo(seed=number))
    source_kind = Kind(colour="holed", background=(0, 0, 0))
    settings = small(tmp_path, task="holed", source=source_kind)
    source, target = open_dataset(settings, "train", train=True).sample(0, RNG)
    assert source.shape == (4, 16, 16)
    hole = source[3] > 0
    assert hole[4:12, 4:12].all()
    assert hole.float().mean() == 0.25
    assert (source[:3, hole] == -1).all()
    assert torch.equal(source[:3, ~hole], target[:, ~hole])
    translucent = np.concatenate([photo(), np.full((32, 32, 1), 255, dtype=np.uint8)], axis=2)
    translucent[:4, :, 3] = 0
    found = read(save(tmp_path / "hole" / "x.png", translucent), source_kind)
    assert (found[:4] == 0).all()
    assert (found[4:, :, 3] == 255).all()


def test_masks_from_files(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / "pictures" / f"{number}.png", photo(seed=number))
    mask = np.zeros((10, 10), dtype=np.uint8)
    mask[:5] = 255
    save(tmp_path / "masks" / "upper.png", mask)
    settings = small(tmp_path / "pictures", task="holed", hole="files", mask_folder=str(tmp_path / "masks"))
    source, _ = open_dataset(settings, "val", train=False).sample(0, RNG)
    assert (source[3, :8] == 1).all()
    assert (source[3, 8:] == -1).all()
    with pytest.raises(UsageError, match="go together"):
        DataSettings(task="holed", hole="files")


def test_small_pictures_are_made_by_bicubic_or_taken_from_files(tmp_path: Path) -> None:
    for number in range(4):
        save(tmp_path / "plain" / f"{number}.png", photo(50, number))
    settings = small(tmp_path / "plain", task="shrunk", factor=4, mirror=False)
    source, target = open_dataset(settings, "train", train=True).sample(0, RNG)
    assert (source.shape, target.shape) == ((3, 4, 4), (3, 16, 16))
    source, target = open_dataset(settings, "val", train=False).sample(0, RNG)
    assert (source.shape, target.shape) == ((3, 12, 12), (3, 48, 48))  # whole, but for two rows and columns
    stored = settings.target.to_stored(target)
    assert np.array_equal(settings.source.to_stored(source), resize(stored, 12, 12))
    for number in range(4):
        save(tmp_path / "sized" / f"img_{number}_HR.png", photo(64, number))
        save(tmp_path / "sized" / f"img_{number}_LR.png", photo(16, number + 50))
    settings = small(tmp_path / "sized", task="shrunk", factor=4)
    dataset = open_dataset(settings, "all", train=False)
    assert len(dataset) == 4
    for index in range(4):
        source, target = dataset.sample(index, RNG)
        number = int(dataset.name(index).removeprefix("img_"))
        assert np.array_equal(settings.source.to_stored(source), photo(16, number + 50))
        assert np.array_equal(settings.target.to_stored(target), photo(64, number))
    cropped, _ = open_dataset(settings, "train", train=True).sample(0, RNG)
    assert cropped.shape == (3, 4, 4)


def test_crops_of_large_and_small_show_the_same(tmp_path: Path) -> None:
    ramp = np.arange(64, dtype=np.uint8)
    for number in range(3):
        large = np.stack([np.add.outer(ramp, ramp)] * 3, axis=2)
        save(tmp_path / f"{number}_HR.png", large)
        save(tmp_path / f"{number}_LR.png", large[::4, ::4])
    dataset = open_dataset(small(tmp_path, task="shrunk", factor=4), "train", train=True)
    for seed in range(8):
        source, target = dataset.sample(0, np.random.default_rng(seed))
        mirrored = bool(target[0, 0, 0] > target[0, 0, 1])
        assert torch.equal(source, target[:, ::4, 3::4] if mirrored else target[:, ::4, ::4])


def test_sizes_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}_HR.png", photo(64))
        save(tmp_path / f"{number}_LR.png", photo(20))
    report = look_over(small(tmp_path, task="shrunk", factor=4))
    assert "0_HR.png is 64x64" in report.fatal[0].message
    assert len(report.fatal) == 3
    with pytest.raises(UsageError, match=r"divisible by data\.factor"):
        DataSettings(task="shrunk", factor=3, crop_size=16, load_size=16)


def test_class_maps_given_as_targets_are_told_in_one_sentence(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "trainA" / f"{number}.png", photo(seed=number))
        save(tmp_path / "trainB" / f"{number}.png", numbers())
    wrong = small(tmp_path, task="labelled", source=LABELS)
    assert [line for line in look_over(wrong).messages() if "PROBLEM" in line] == [
        (
            f"PROBLEM (cannot be used): {tmp_path}/trainA/0.png is no class map, and its partner is one; "
            "set data.direction=b-to-a. The same of 2 others: 1.png, 2.png."
        )
    ]
    turned = look_over(small(tmp_path, task="labelled", source=LABELS, direction="b-to-a"))
    assert not turned.fatal
    save(tmp_path / "trainB" / "1.png", numbers() + 9)  # no class map either way
    told = [finding.message for finding in look_over(wrong).fatal if "1.png is" in finding.message]
    assert "1.png is an RGB picture" in told[0]


@pytest.mark.parametrize("task", ["pairs", "unpaired"])
def test_a_hole_is_no_colour_of_other_tasks(task: Any) -> None:
    with pytest.raises(UsageError, match=f'with a hole, which data.task = "{task}" would resize like a colour'):
        DataSettings(task=task, source=Kind(colour="holed"))
