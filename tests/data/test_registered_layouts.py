"""Layouts that users register say what belongs together."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from diptych import DiptychError, UsageError, register
from diptych.data import DataSettings
from diptych.data.entries import Entry, Layout
from diptych.data.layouts import discover

pytestmark = pytest.mark.usefixtures("own_code")


TEXT: Any = "a.png"


def suffixes(folder: Path) -> dict[str, list[Entry]]:
    names = sorted(path.name.removesuffix("_in.png") for path in folder.glob("*_in.png"))
    return {"train": [Entry(name, (folder / f"{name}_in.png",), folder / f"{name}_out.png") for name in names]}


def found_by(folder: Path, function: Any, **data: Any) -> Layout:
    function.__qualname__, function.__module__ = "one", "a module"
    register.layout("own")(function)
    return discover(DataSettings(folder=str(folder), layout="own", **data))


@pytest.fixture
def suffixed(tmp_path: Path) -> Path:
    folder = tmp_path / "suffixed"
    folder.mkdir()
    for number in range(6):
        for side in ("in", "out"):
            Image.new("RGB", (20, 20), (40 * number, 0, 0 if side == "in" else 255)).save(
                folder / f"{number}_{side}.png"
            )
    return folder


def test_a_layout_says_what_belongs_together(suffixed: Path) -> None:
    register.layout("suffixes")(suffixes)
    layout = discover(DataSettings(folder=str(suffixed), layout="suffixes"))
    assert (layout.kind, layout.held_out) == ("folders", True)
    assert sum(map(len, layout.splits.values())) == 6
    entry = layout.splits["train"][0]
    assert (entry.a, entry.b) == ((suffixed / f"{entry.name}_in.png",), suffixed / f"{entry.name}_out.png")
    piles = discover(DataSettings(folder=str(suffixed), layout="suffixes", task="unpaired"))
    assert piles.kind == "unpaired"
    assert {Path(str(one.a[0])).name for pile in piles.others.values() for one in pile} == {
        f"{n}_out.png" for n in range(6)
    }
    single = found_by(suffixed, lambda place: {"": [Entry(one.stem, (one,)) for one in place.iterdir()]}, task="edges")
    assert single.kind == "single"
    with pytest.raises(UsageError, match=r'data\.target_folder does not go with data\.layout = "suffixes"'):
        DataSettings(layout="suffixes", task="edges", target_folder="x")


def test_layouts_that_say_nothing_clear_are_refused(suffixed: Path) -> None:
    first, second = suffixed / "0_in.png", suffixed / "0_out.png"
    for found, words in (
        (None, "gives no examples by split (train, val, test)"),
        ({"trian": []}, "gives no examples by split"),
        ({"train": []}, "gives no example; correct its function"),
        ({"train": [("a", first)]}, "which is no Entry(name, (source,), target) of Paths"),
        ({"train": [Entry("a", (TEXT,))]}, "which is no Entry"),
        ({"train": [Entry("a", (first,)), Entry("a", (second,))]}, "gives two examples in train one name"),
        ({"train": [Entry("a", (first,), second), Entry("b", (first,))]}, "gives one file of some examples and two of"),
        (
            {"train": [Entry("a", (first,))] * 1, "val": [Entry("a", (first,))]},
            "are one file; remove it from one split",
        ),
    ):
        with pytest.raises(DiptychError) as refusal:
            found_by(suffixed, lambda folder, found=found: found)
        assert words in str(refusal.value)


def test_pictures_are_read_by_a_layout_anew(suffixed: Path) -> None:
    """What was found once is not taken for what is there now: such a function may look anywhere."""
    register.layout("suffixes")(suffixes)
    settings = DataSettings(folder=str(suffixed), layout="suffixes")
    before = discover(settings)
    for side in ("in", "out"):
        shutil.copy(suffixed / f"0_{side}.png", suffixed / f"new_{side}.png")
    after = discover(settings)
    assert sum(map(len, after.splits.values())) == sum(map(len, before.splits.values())) + 1
