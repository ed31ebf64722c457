"""What ``diptych data check`` finds in pictures: constant, identical, swapped, in two splits; and how it tells it."""

from pathlib import Path

import numpy as np
import pytest
from checking import beside, blob, check, found, label, photo, save
from commanding import Typed
from PIL import Image

from diptych.data.checks.check import look_over
from diptych.recipe import read


@pytest.mark.parametrize("colour", [(0, 0, 0), (128, 128, 128), (250, 20, 20), (0, 0, 255)], ids=str)
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_constant_half(side: str, colour: tuple[int, int, int], pairs: Path) -> None:
    flat = np.full((24, 24, 3), colour, np.uint8)
    save(pairs / "train" / "3.png", beside(flat, photo()) if side == "source" else beside(label(), flat))
    report = check(pairs)
    assert [finding.message for finding in report.findings if finding.category == "constant"] == [
        f"{pairs}/train/3.png: its {side} is one colour only; remove it, unless that is meant."
    ]
    assert not report.fatal


def test_an_animation_and_a_file_that_is_no_picture_are_told(pairs: Path) -> None:
    frames = [Image.fromarray(beside(label(), photo())) for _ in range(3)]
    (pairs / "train" / "3.png").unlink()
    frames[0].save(pairs / "train" / "3.webp", save_all=True, append_images=frames[1:], lossless=True)
    (pairs / "train" / "notes.txt").write_text("x")
    for name in (".hidden.png", "._3.webp", ".3.webp.1.part.webp"):
        (pairs / "train" / name).write_bytes(b"")
    report = check(pairs)
    assert found(report) == [("animated", "train/3.webp", False)]
    assert "3 frames" in report.findings[0].message
    assert f"Passed over in {pairs}: notes.txt (no picture by the ending), and hidden pictures (2)." in report.lines


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
    assert check(pairs, "data.direction=b-to-a").findings == []


def test_the_same_bytes_in_train_and_val(pairs: Path) -> None:
    (pairs / "val" / "1.png").write_bytes((pairs / "train" / "3.png").read_bytes())
    report = check(pairs)
    assert found(report) == [("in two splits", "val/1.png", False)]
    assert "is byte for byte" in report.findings[0].message
    assert str(pairs / "train" / "3.png") in report.findings[0].message


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
    assert [finding.category for finding in report.findings] == ["in two splits"]
    assert "looks like" in report.findings[0].message
    assert "train/3.png" in report.findings[0].message


def test_maps_of_class_numbers_are_not_taken_for_each_other(tmp_path: Path) -> None:
    """Nearly black, they all look alike; the photos tell the examples apart."""
    for number in range(12):
        photograph = np.asarray(Image.fromarray(blob()).resize((96, 96)))
        numbers = np.repeat((photograph[..., :1] // 24), 3, axis=2)
        save(tmp_path / ("train" if number < 8 else "val") / f"{number}.png", beside(photograph, numbers))
    assert "in two splits" not in {finding.category for finding in check(tmp_path).findings}
    (tmp_path / "val" / "twin.png").write_bytes((tmp_path / "train" / "3.png").read_bytes())
    assert "in two splits" in {finding.category for finding in check(tmp_path).findings}


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


def test_one_file_linked_into_two_splits(pairs: Path, checked: Typed) -> None:
    (pairs / "val" / "linked.png").symlink_to(pairs / "train" / "3.png")
    said = checked(pairs)
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
    assert "data.palette (mostly near (200, 120, 40))" in report.findings[0].message
    assert check(pairs).findings == []
    assert len(check(pairs, known, "data.direction=b-to-a").findings) == 14  # photos are no labels


def test_most_of_a_sort_are_counted(pairs: Path, checked: Typed) -> None:
    for number in range(30):
        save(pairs / "train" / f"bad{number}.png", np.zeros((24, 2 * number + 1, 3), np.uint8))
    said = checked(pairs)
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


def test_what_is_the_same_of_many_files_is_said_once(pairs: Path, checked: Typed) -> None:
    for number in (10, 9, 11):
        (pairs / "train" / f"bad{number}.png").write_bytes(b"")
    lines = [line for line in checked(pairs).out.splitlines() if line.startswith("PROBLEM")]
    first = f"{pairs}/train/bad9.png is empty (0 bytes); remove it or copy it again."
    assert lines == [f"PROBLEM (cannot be used): {first} The same of 2 others: bad10.png, bad11.png."]
