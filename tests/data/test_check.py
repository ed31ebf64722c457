"""What ``diptych data check`` finds in folders that are well and in folders that are not."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from test_formats import huge_png

from diptych import cli
from diptych.data.check import Report, before_training, look_over
from diptych.errors import DiptychError
from diptych.recipe import read

RNG = np.random.default_rng(0)
Picture = np.ndarray


class Said(NamedTuple):
    """What the command left behind."""

    code: int
    out: str
    err: str


Typed = Callable[..., Said]


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    def answer(folder: Path, *words: str) -> Said:
        capsys.readouterr()
        code = cli.call(["data", "check", str(folder), *words])
        said = Said(code, *capsys.readouterr())
        assert "Traceback" not in said.out + said.err
        return said

    return answer


def blob(height: int = 24, width: int = 24) -> Picture:
    return RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8).repeat(height // 4, 0).repeat(width // 4, 1)


def save(path: Path, picture: Picture) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)
    return path


def beside(left: Picture, right: Picture) -> Picture:
    return np.concatenate([left, right], axis=1)


def label(colours: int = 3) -> Picture:
    """A picture of few flat colours, as labels are."""
    few = np.array([[0, 0, 255], [255, 0, 0], [0, 255, 0]], np.uint8)[:colours]
    return few[RNG.integers(0, colours, (4, 4))].repeat(6, 0).repeat(6, 1)


def photo() -> Picture:
    return RNG.integers(0, 256, (24, 24, 3), dtype=np.uint8)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Ten pairs to train and four to validate: label | photo."""
    for split, count in (("train", 10), ("val", 4)):
        for number in range(count):
            save(tmp_path / "pairs" / split / f"{number}.png", beside(label(), photo()))
    return tmp_path / "pairs"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """The same in the folders trainA, trainB, valA and valB."""
    for split, count in (("train", 10), ("val", 4)):
        for number in range(count):
            save(tmp_path / "folders" / f"{split}A" / f"{number}.png", label())
            save(tmp_path / "folders" / f"{split}B" / f"{number}.jpg", photo())
    return tmp_path / "folders"


def check(folder: Path, *words: str) -> Report:
    return look_over(read("pix2pix", [f"data.folder={folder}", *words]).data)


def found(report: Report) -> list[tuple[str, str, bool]]:
    """(sort, name of the file that the sentence begins with, whether it is fatal)."""
    return sorted((problem.sort, first_file(problem.words), problem.fatal) for problem in report.problems)


def first_file(words: str) -> str:
    path = Path(words.split()[0].rstrip(":"))
    return f"{path.parent.name}/{path.name}"


# What is well


def test_side_by_side(pairs: Path, typed: Typed) -> None:
    said = typed(pairs)
    assert said.code == 0
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[0] == f"{pairs}: side by side pictures (a|b): 10 train, 4 val."
    assert lines[1] == "Sizes: 48x24 (14). Files: 3 channels of uint8 (14)."
    assert "No problems found." in lines
    assert "10 training examples are few" in said.out


def test_folders(folders: Path, typed: Typed) -> None:
    said = typed(folders)
    assert (said.code, said.err) == (0, "")
    assert "folders matched by name (trainA and trainB, valA and valB): 10 train, 4 val." in said.out
    assert "Sizes: 24x24 (28)." in said.out


def test_unpaired_piles_are_seen_without_being_told(tmp_path: Path, typed: Typed) -> None:
    for number in range(5):
        save(tmp_path / "zoo" / "trainA" / f"horse{number}.png", blob())
        save(tmp_path / "zoo" / "trainB" / f"zebra{number}.png", blob(48, 24))
    said = typed(tmp_path / "zoo")
    assert said.code == 0, said
    assert "two piles" in said.out
    assert "second pile" in said.out
    assert "No problems found." in said.out


def test_derived_sources(tmp_path: Path, typed: Typed) -> None:
    for number in range(5):
        save(tmp_path / "photos" / f"{number}.png", blob())
    for task in ("greyscale", "colorization", "edges"):
        said = typed(tmp_path / "photos", "--task", task)
        assert said.code == 0, said
        assert f"from which the source is derived ({task})" in said.out


def test_deep_pictures_are_mentioned(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / "deep").mkdir(exist_ok=True)
        array = RNG.integers(0, 65536, (24, 48), dtype=np.uint16)
        Image.fromarray(array).save(tmp_path / "deep" / f"{number}.png")
    assert any('data.source.depth="uint16"' in line for line in check(tmp_path / "deep").lines)


def test_an_estimate_for_a_recipe(pairs: Path, typed: Typed) -> None:
    words = "options.width=4 options.discriminator_width=4 options.discriminator_layers=1 data.load_size=18 data.crop_size=16"
    said = typed(pairs, "--recipe", "pix2pix", *words.split())
    assert said.code == 0
    assert "GiB of memory" in said.out
    assert "minutes for a thousand steps" in said.out


# What is not


def test_a_missing_partner(folders: Path, typed: Typed) -> None:
    (folders / "trainB" / "3.jpg").unlink()
    (folders / "trainA" / "5.png").unlink()
    report = check(folders)
    assert found(report) == [("no partner", "trainA/3.png", False), ("no partner", "trainB/5.jpg", False)]
    said = typed(folders)
    assert said.code == 0  # training would leave them out
    assert "trainA/3.png has no partner in" in said.out
    assert "8 train" in said.out


def test_no_partners_at_all(tmp_path: Path, typed: Typed) -> None:
    for name in ("one", "two"):
        save(tmp_path / "A" / f"{name}.png", blob())
        save(tmp_path / "B" / f"not{name}.png", blob())
    said = typed(tmp_path, "--task", "pairs")
    assert said.code == 1
    assert "no name in" in said.err


def test_partners_of_another_size(folders: Path, typed: Typed) -> None:
    save(folders / "trainA" / "3.png", blob(48, 24))
    report = check(folders)
    assert found(report) == [("cannot be used", "trainA/3.png", True)]
    assert "is 24x48 and its partner" in report.problems[0].words
    said = typed(folders)
    assert said.code == 1
    assert "PROBLEM (cannot be used)" in said.out


def test_an_odd_width_is_no_pair(pairs: Path) -> None:
    save(pairs / "train" / "3.png", blob(24, 48)[:, :47])
    report = check(pairs)
    assert found(report) == [("cannot be used", "train/3.png", True)]
    assert "must have an even width" in report.problems[0].words


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


BAD = {
    "empty.png": (b"", "is empty (0 bytes)"),
    "text.jpg": (b"dear diary, today", "is no picture that can be read"),
    "cut.jpg": (jpeg()[:900], "is truncated or damaged"),
    "hollow.png": (huge_png(48, 24), "is truncated or damaged"),
    "huge.png": (huge_png(20000, 20000), "larger than 89,478,485 pixels"),
    "page.png": (b"<!doctype html><html>404</html>", "is no picture that can be read"),
}


def test_every_bad_file_gets_its_sentence(pairs: Path, typed: Typed) -> None:
    for name, (data, _) in BAD.items():
        (pairs / "train" / name).write_bytes(data)
    report = check(pairs)
    assert found(report) == sorted(("cannot be used", f"train/{name}", True) for name in BAD)
    for problem in report.problems:
        assert BAD[Path(problem.words.split()[0]).name][1] in problem.words
        assert "\n" not in problem.words
    said = typed(pairs)
    assert said.code == 1
    assert said.err == ""
    assert said.out.count("PROBLEM") == len(BAD)
    with pytest.raises(DiptychError, match=r"6 of 20 examples cannot be trained on .*--no-check"):
        before_training(read("pix2pix", [f"data.folder={pairs}"]).data, lambda _: None)


def test_bad_files_in_either_folder_and_pile(folders: Path) -> None:
    (folders / "trainB" / "3.jpg").write_bytes(b"")
    (folders / "valA" / "1.png").write_bytes(b"dear diary")
    wanted = [("cannot be used", "trainB/3.jpg", True), ("cannot be used", "valA/1.png", True)]
    assert found(check(folders)) == wanted
    assert found(check(folders, "data.task=unpaired")) == wanted


def test_a_folder_of_nothing_but_rubbish(tmp_path: Path, typed: Typed) -> None:
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(b"")
    said = typed(tmp_path)
    assert said.code == 1
    assert said.out.count("is empty (0 bytes)") == 4


def test_an_empty_folder_and_one_without_pictures(tmp_path: Path, typed: Typed) -> None:
    said = typed(tmp_path)
    assert said.code == 1
    assert "there is no picture in" in said.err
    (tmp_path / "notes.txt").write_text("x")
    assert typed(tmp_path).code == 1
    save(tmp_path / "alone.png", blob(24, 48))
    said = typed(tmp_path)
    assert said.code == 1
    assert "has only alone to train and validate on" in said.err
    assert "is a file; give the folder" in typed(tmp_path / "alone.png").err


@pytest.mark.parametrize("colour", [(0, 0, 0), (128, 128, 128), (250, 20, 20), (0, 0, 255)], ids=str)
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_constant_half(side: str, colour: tuple[int, int, int], pairs: Path) -> None:
    flat = np.full((24, 24, 3), colour, np.uint8)
    save(pairs / "train" / "3.png", beside(flat, photo()) if side == "source" else beside(label(), flat))
    report = check(pairs)
    assert [problem.words for problem in report.problems if problem.sort == "constant"] == [
        f"{pairs}/train/3.png: its {side} is one colour only; remove it, unless that is meant."
    ]
    assert not report.fatal


def test_an_animation_and_a_file_that_is_no_picture_are_told(pairs: Path) -> None:
    frames = [Image.fromarray(beside(label(), photo())) for _ in range(3)]
    (pairs / "train" / "3.png").unlink()
    frames[0].save(pairs / "train" / "3.webp", save_all=True, append_images=frames[1:], lossless=True)
    (pairs / "train" / "notes.txt").write_text("x")
    report = check(pairs)
    assert found(report) == [("animated", "train/3.webp", False)]
    assert "3 frames" in report.problems[0].words
    assert "Passed over (no picture by the ending): notes.txt." in report.lines


def test_a_constant_picture_of_an_unpaired_pile(folders: Path) -> None:
    save(folders / "trainB" / "3.jpg", np.full((24, 24, 3), 90, np.uint8))
    report = check(folders, "data.task=unpaired")
    assert found(report) == [("constant", "trainB/3.jpg", False)]


def test_identical_halves(pairs: Path) -> None:
    picture = photo()
    save(pairs / "train" / "3.png", beside(picture, picture))
    assert ("halves identical", "train/3.png", False) in found(check(pairs))


def test_swapped_halves(pairs: Path) -> None:
    save(pairs / "train" / "3.png", beside(photo(), label()))
    assert found(check(pairs)) == [("halves swapped", "train/3.png", False)]
    assert found(check(pairs, "data.direction=b-to-a")) == [("halves swapped", "train/3.png", False)]


def test_all_halves_swapped_is_a_direction_not_a_mistake(pairs: Path) -> None:
    assert check(pairs, "data.direction=b-to-a").problems == []


def test_the_same_bytes_in_train_and_val(pairs: Path) -> None:
    (pairs / "val" / "1.png").write_bytes((pairs / "train" / "3.png").read_bytes())
    report = check(pairs)
    assert found(report) == [("in two splits", "val/1.png", False)]
    assert "is byte for byte" in report.problems[0].words
    assert str(pairs / "train" / "3.png") in report.problems[0].words


@pytest.mark.parametrize("how", ["jpeg", "resized", "brighter"])
def test_a_picture_that_looks_like_one_in_train(how: str, tmp_path: Path) -> None:
    calm = [Image.fromarray(96 + blob() // 4) for _ in range(12)]  # JPEG spoils only colours that no photo has
    smooth = [np.asarray(picture.resize((96, 96), Image.Resampling.BICUBIC)) for picture in calm]
    for number, picture in enumerate(smooth):
        save(tmp_path / ("train" if number < 8 else "val") / f"{number}.png", beside(255 - picture, picture))
    twin = Image.fromarray(beside(255 - smooth[3], smooth[3]))
    if how == "jpeg":
        twin.save(tmp_path / "val" / "twin.jpg", quality=90)
    elif how == "resized":
        twin.resize((96, 48), Image.Resampling.BICUBIC).save(tmp_path / "val" / "twin.png")
    else:
        Image.fromarray(np.clip(np.asarray(twin).astype(int) + 1, 0, 255).astype(np.uint8)).save(
            tmp_path / "val" / "twin.png"
        )
    report = check(tmp_path)
    assert [problem.sort for problem in report.problems] == ["in two splits"]
    assert "looks like" in report.problems[0].words
    assert "train/3.png" in report.problems[0].words


def test_test_pictures_are_compared_too_and_folders(folders: Path) -> None:
    for number in range(3):
        save(folders / "testA" / f"{number}.png", label())
        save(folders / "testB" / f"{number}.png", photo())
    (folders / "testA" / "1.png").write_bytes((folders / "trainA" / "4.png").read_bytes())
    (folders / "testB" / "1.png").unlink()
    (folders / "testB" / "1.jpg").write_bytes((folders / "trainB" / "4.jpg").read_bytes())
    assert found(check(folders)) == [("in two splits", "testA/1.png", False)]


@pytest.mark.parametrize("pile", ["A", "B"])
def test_either_unpaired_pile_is_compared(pile: str, folders: Path) -> None:
    ending = "png" if pile == "A" else "jpg"
    (folders / f"val{pile}" / f"1.{ending}").write_bytes((folders / f"train{pile}" / f"4.{ending}").read_bytes())
    assert found(check(folders, "data.task=unpaired")) == [("in two splits", f"val{pile}/1.{ending}", False)]


def test_one_file_linked_into_two_splits(pairs: Path, typed: Typed) -> None:
    (pairs / "val" / "linked.png").symlink_to(pairs / "train" / "3.png")
    said = typed(pairs)
    assert said.code == 1
    assert "are one file; remove it from one split" in said.err


def test_label_colours_that_no_palette_holds(pairs: Path) -> None:
    odd = label()
    odd[(odd == (255, 0, 0)).all(axis=2)] = (200, 120, 40)
    odd[:18] = (200, 120, 40)
    save(pairs / "train" / "3.png", beside(odd, photo()))
    known = "data.palette=[[0,0,255],[255,0,0],[0,255,0]]"
    report = check(pairs, known)
    assert found(report) == [("colours of no class", "train/3.png", False)]
    assert "data.palette (mostly near (200, 120, 40))" in report.problems[0].words
    assert check(pairs).problems == []
    assert len(check(pairs, known, "data.direction=b-to-a").problems) == 14  # photos are no labels


def test_most_of_a_sort_are_counted(pairs: Path, typed: Typed) -> None:
    for number in range(30):
        (pairs / "train" / f"bad{number}.png").write_bytes(b"")
    said = typed(pairs)
    assert said.out.count("PROBLEM (cannot be used)") == 20
    assert "... and 10 more of: cannot be used" in said.out


def test_before_training_there_is_a_time_limit_that_is_said(pairs: Path) -> None:
    report = look_over(read("pix2pix", [f"data.folder={pairs}"]).data, seconds=-1)
    assert report.looked_at == 0
    assert "Looked closely at 0 of 14 examples; `diptych data check` takes all." in report.lines


def test_a_limited_look_does_not_claim_that_all_is_well(pairs: Path) -> None:
    (pairs / "train" / "3.png").write_bytes(b"")
    report = look_over(read("pix2pix", [f"data.folder={pairs}"]).data, seconds=-1)
    assert "No problems found." not in report.lines


def test_progress_is_told(pairs: Path) -> None:
    told: list[tuple[int, int]] = []
    look_over(read("pix2pix", [f"data.folder={pairs}"]).data, progress=lambda *counts: told.append(counts))
    assert told == [(14, 14)]
