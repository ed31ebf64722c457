"""Datasets that are given in Python, against the folder that holds the same pictures."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.random.mtrand import get_bit_generator
from PIL import Image
from toys import draw_labelled, draw_pairs

from diptych.data import DataSettings, open_dataset
from diptych.data.augment import Augment
from diptych.data.given import Given, GivenSplits
from diptych.data.inventory import compared
from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Kind

SIZES: dict[str, Any] = {"load_size": 18, "crop_size": 16, "workers": 0}
OFF, MOVED = Augment(), Augment(flip_vertical=True, rotate=20, zoom=0.2, elastic=0.05)
Item = Callable[[int], Any]


class Items:
    """A dataset whose items a function makes."""

    def __init__(self, item: Item, count: int = 3) -> None:
        self.item, self.count = item, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.item(index)


def array(height: int = 20, width: int = 24, channels: int = 3, dtype: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 250, (height, width, channels)).astype(dtype)


def tensor(height: int = 16, width: int = 16, channels: int = 3) -> torch.Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def given(item: Item, train: bool = True, **settings: Any) -> Given:
    return Given(DataSettings(**{**SIZES, **settings}), Items(item), "dataset", train)


def test_tensors_come_as_they_are() -> None:
    source, target = tensor(), -tensor()
    found = given(lambda index: (source, target)).sample(0, np.random.default_rng(0))
    assert torch.equal(found[0], source)
    assert torch.equal(found[1], target)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(
    ("task", "augment"),
    [
        ("pairs", OFF),
        ("pairs", MOVED),
        ("pairs", Augment(colour=0.5)),
        ("pairs", replace(MOVED, colour=0.5)),
        ("labelled", OFF),
        ("labelled", MOVED),
        ("shrunk", OFF),
        ("colorization", OFF),
        ("colorization", MOVED),
    ],
)
def test_arrays_are_cut_as_those_of_a_folder(task: Any, augment: Augment, train: bool, tmp_path: Path) -> None:
    settings: dict[str, Any] = {**SIZES, "task": task, "augment": augment}
    if task == "labelled":
        folder = draw_labelled(tmp_path / "set", 20)
        settings |= {"source": Kind(colour="labels", classes=3, instances=True)}
    else:
        folder = draw_pairs(tmp_path / "set")
    stated: dict[str, Any] = {}
    if task == "shrunk":  # small pictures in files of their own
        folder, stated = with_small_ones(folder), {"source_folders": ("small",), "target_folder": "large"}
    own = open_dataset(DataSettings(folder=str(folder), **settings, **stated), "train", train=train)
    whole = open_dataset(DataSettings(folder=str(folder), **settings, **stated), "train", train=False, own=True)
    pairs = [whole.stored(index, np.random.default_rng(0)) for index in range(4)]
    mine = Given(DataSettings(**settings), pairs, "dataset", train)
    for index in range(4):
        draws = [np.random.default_rng([7, index]) for _ in range(2)]
        for found, expected in zip(mine.sample(index, draws[0]), own.sample(index, draws[1]), strict=True):
            assert torch.equal(found, expected)


def with_small_ones(folder: Path) -> Path:
    for place in ("small", "large"):
        (folder / place).mkdir()
    for path in sorted((folder / "train").glob("*.png")):
        picture = Image.open(path)
        picture.save(folder / "large" / path.name)
        picture.resize((10, 5)).save(folder / "small" / path.name)
    return folder


def test_sides_of_unpaired_items_are_cut_apart() -> None:
    ramp = np.arange(40 * 40, dtype=np.uint16).reshape(40, 40, 1)
    kind = Kind(colour="grey", depth="uint16")
    dataset = given(
        lambda index: (ramp, ramp[:30]), task="unpaired", fit="none", source=kind, target=kind, mirror=False
    )
    corners = set()
    for number in range(8):
        source, target = dataset.sample(0, np.random.default_rng(number))
        corners.add(float((source - target)[0, 0, 0]))
        assert torch.allclose(source.diff(dim=-1), target.diff(dim=-1), atol=1e-6)  # a crop of the ramp, each
    assert len(corners) > 4


def test_pictures_with_holes_keep_their_holes() -> None:
    picture = np.concatenate([array(20, 20), np.full((20, 20, 1), 255, np.uint8)], axis=2)
    picture[5:12, 5:12, 3] = 0
    dataset = given(lambda index: (picture, picture[..., :3]), task="holed", fit="none", load_size=16)
    source, target = dataset.sample(0, np.random.default_rng(0))
    assert set(source[3].unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(source[:3][:, source[3] < 0], target[:, source[3] < 0])
    with pytest.raises(UsageError, match=r"not resized; set data\.fit=none"):
        given(lambda index: (picture, picture[..., :3]), task="holed").sample(0, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("task", "augment"),
    [
        ("holed", Augment(rotate=5)),
        ("holed", Augment(zoom=0.1)),
        ("holed", Augment(elastic=0.02)),
    ],
)
def test_pictures_with_holes_are_not_mixed(task: Any, augment: Augment) -> None:
    settings: dict[str, Any] = {"fit": "none", "source": Kind(colour="holed"), "task": task}
    item = array(channels=4), array()
    with pytest.raises(
        UsageError, match=r"item 0 of the dataset has a hole, and of data\.augment .* flip_vertical alone"
    ):
        given(lambda index: item, augment=augment, **settings).sample(0, np.random.default_rng(0))
    given(lambda index: item, False, augment=augment, **settings).sample(0, np.random.default_rng(0))
    turned = given(lambda index: item, augment=Augment(flip_vertical=True), **settings)
    found = turned.stored(0, np.random.default_rng(0))
    assert found[0].shape == (16, 16, 4)


@pytest.mark.parametrize("augment", [Augment(flip_vertical=True), Augment(rotate=5), Augment(colour=0.1)])
def test_tensors_are_not_augmented(augment: Augment) -> None:
    item = tensor(), tensor()
    with pytest.raises(UsageError, match=r"item 0 .* are taken as they are; set data\.augment off or give arrays"):
        given(lambda index: item, augment=augment).sample(0, np.random.default_rng(0))
    found = given(lambda index: item, False, augment=augment).sample(0, np.random.default_rng(0))
    assert torch.equal(found[0], item[0])  # validation takes nothing of it


LABELS = Kind(colour="labels", classes=3)


@pytest.mark.parametrize(
    ("item", "settings", "words"),
    [
        (tensor(), {}, r"item 2 of the dataset is a torch\.Tensor; give \(source, target\)"),
        ({"source": 1}, {}, r"item 2 of the dataset is a dict; give \(source, target\)"),
        ((tensor(), tensor(), tensor()), {}, "item 2 of the dataset is a tuple of 3"),
        ((tensor(), array()), {}, "give two tensors"),
        (("a.png", "b.png"), {}, r"has a str and a str; give two tensors .* or two numpy arrays"),
        (
            (tensor(), tensor(18, 16)),
            {},
            r"the target of item 2 of the dataset is a tensor \(3, 18, 16\), and \(3, 16, 16\)",
        ),
        ((tensor(16, 16, 1), tensor()), {}, r"the source of item 2 .* \(1, 16, 16\), and \(3, 16, 16\) is needed"),
        (((tensor() * 127).byte(), tensor()), {}, r"a tensor of torch\.uint8; give floating point in \[-1, 1\]"),
        (
            (tensor() * 1.5, tensor()),
            {},
            r"holds values from -1\.\d+ to 1\.\d+, and must lie within -1 to 1; give 2 \* x - 1",
        ),
        ((tensor() * float("nan"), tensor()), {}, "holds values from nan"),
        ((tensor().to("meta"), tensor()), {}, "is on meta; give tensors on the processor"),
        ((array(), array(20, 23)), {}, "a source of 24x20 and a target of 23x20; both must be of one size"),
        ((array(), array(dtype=np.float64)), {}, r"the target of item 2 .* float64, and data\.target\.depth is uint8"),
        ((array()[..., 0], array()), {}, r"an array \(20, 24\); give \(height, width, channels\)"),
        ((array(channels=1), array()), {}, r"data\.source \(rgb\) has 3 channels"),
        ((array(), array()), {"task": "shrunk", "factor": 4}, r"and data\.factor is 4"),
        (
            (np.full((20, 24, 3), np.inf, np.float32), array()),
            {"source": Kind(depth="float32")},
            "holds values that are not finite",
        ),
        (
            (torch.full((1, 16, 16), 3), tensor()),
            {"task": "labelled", "source": LABELS},
            "holds values from 3 to 3, and must lie within 0 to 2",
        ),
        (
            (torch.zeros(1, 16, 16), tensor()),
            {"task": "labelled", "source": LABELS},
            r"a tensor of torch\.float32; class numbers are integers",
        ),
        (
            (np.full((20, 24, 1), 3, np.uint8), array()),
            {"task": "labelled", "source": LABELS},
            "the source of item 2 of the dataset holds the value 3 at row 0",
        ),
        (
            (torch.zeros(4, 16, 16), tensor()),
            {"task": "holed"},
            "other values than 1",
        ),
    ],
)
def test_what_is_wrong_with_an_item(item: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(DiptychError, match=words):
        given(lambda index: item, **settings).sample(2, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("items", "words"), [([], "empty"), (iter([1]), "is list_iterator; give something with __len__")]
)
def test_what_is_no_dataset(items: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Given(DataSettings(**SIZES), items, "dataset", True)


def test_an_error_of_the_dataset_stays_its_own_and_names_the_item() -> None:
    def item(index: int) -> Any:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost") as raised:
        given(item).sample(1, np.random.default_rng(0))
    assert raised.value.__notes__ == ["This came from item 1 of the dataset."]


def noisy(index: int) -> Any:
    """An item that draws from all three generators."""
    value = random.random() / 4 + float(np.random.default_rng(0).random()) / 4
    value += float(torch.rand(())) / 4 + legacy() / 4
    return torch.full((3, 16, 16), value), torch.full((3, 16, 16), value)


def legacy() -> float:
    """Of numpy's global generator, which transforms of other packages draw from."""
    return float(np.random.Generator(get_bit_generator()).random())


def test_random_items_depend_on_their_address_alone() -> None:
    dataset = given(noisy)
    first = [float(dataset.sample(0, np.random.default_rng([5, position]))[0][0, 0, 0]) for position in range(4)]
    random.seed(1), torch.manual_seed(1)
    states = random.getstate(), torch.get_rng_state()
    again = [float(dataset.sample(0, np.random.default_rng([5, position]))[0][0, 0, 0]) for position in (3, 1, 2, 0)]
    assert again == [first[3], first[1], first[2], first[0]]
    assert len(set(first)) == 4
    assert random.getstate() == states[0]  # what draws elsewhere is not disturbed
    assert torch.equal(torch.get_rng_state(), states[1])


def test_with_threads_items_may_draw_nothing() -> None:
    splits = GivenSplits(DataSettings(**{**SIZES, "workers": 2}), Items(noisy))
    with pytest.raises(UsageError, match=r"item 0 of the dataset draws random numbers.*set data\.workers=0"):
        splits.inventory()
    assert GivenSplits(DataSettings(**{**SIZES, "workers": 2}), Items(lambda index: (tensor(), tensor()))).inventory()


def test_items_with_a_generator_of_their_own_are_refused() -> None:
    rng = np.random.default_rng(0)

    def item(index: int) -> Any:
        return torch.full((3, 16, 16), float(rng.random())), tensor()

    with pytest.raises(UsageError, match="item 0 of the dataset is another each time that it is read"):
        GivenSplits(DataSettings(**SIZES), Items(item)).inventory()


def test_what_a_run_knows_of_the_items() -> None:
    def splits(count: int, first: int = 0) -> GivenSplits:
        item = lambda index: (torch.full((3, 16, 16), (index + first) / 100), tensor())  # noqa: E731
        return GivenSplits(DataSettings(**SIZES), Items(item, count), Items(item, 2))

    held = splits(20).inventory()
    assert list(held["dataset"]) == [f"item {index}" for index in (0, 1, 2, 4, 8, 16, 19)]
    assert list(held["validation dataset"]) == ["item 0", "item 1"]
    assert not compared(held, splits(20).inventory())
    assert compared(held, splits(21).inventory()).summary() == "1 added, 1 removed, 8 as they were"
    assert compared(held, splits(20, 1).inventory()).same == 0


def test_values_in_zero_to_one_are_asked_about() -> None:
    def notes(item: Item) -> list[str]:
        return GivenSplits(DataSettings(**SIZES), Items(item)).notes()

    assert not any("below 0" in note for note in notes(lambda index: (tensor(), tensor())))
    assert any("below 0" in note for note in notes(lambda index: (tensor().abs(), tensor().abs())))
