"""What ``diptych data check`` finds in files: without a partner, unreadable, of another size."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from checking import RNG, blob, check, found, save
from commanding import Typed
from damaged import huge_png
from PIL import Image

from diptych.data.checks.check import before_training, look_over
from diptych.errors import DiptychError
from diptych.recipe import read


def test_a_missing_partner(folders: Path, checked: Typed) -> None:
    (folders / "trainB" / "3.jpg").unlink()
    (folders / "trainA" / "5.png").unlink()
    report = check(folders)
    assert found(report) == [("no partner", "trainA/3.png", False), ("no partner", "trainB/5.jpg", False)]
    said = checked(folders)
    assert said.code == 0  # training would leave them out
    assert "trainA/3.png has no partner in" in said.out
    assert "8 train" in said.out


def test_no_partners_at_all(tmp_path: Path, checked: Typed) -> None:
    for name in ("one", "two"):
        save(tmp_path / "A" / f"{name}.png", blob())
        save(tmp_path / "B" / f"not{name}.png", blob())
    said = checked(tmp_path, "--task", "pairs")
    assert said.code == 1
    assert "no name in" in said.err


def test_partners_of_another_size(folders: Path, checked: Typed) -> None:
    save(folders / "trainA" / "3.png", blob(48, 24))
    report = check(folders)
    assert found(report) == [("cannot be used", "trainA/3.png", True)]
    assert "is 24x48 and its partner" in report.findings[0].message
    said = checked(folders)
    assert said.code == 1
    assert "PROBLEM (cannot be used)" in said.out


def test_an_odd_width_is_no_pair(pairs: Path) -> None:
    save(pairs / "train" / "3.png", blob(24, 48)[:, :47])
    report = check(pairs)
    assert found(report) == [("cannot be used", "train/3.png", True)]
    assert "must have an even width" in report.findings[0].message


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


def test_every_bad_file_gets_its_sentence(pairs: Path, checked: Typed) -> None:
    for name, (data, _) in BAD.items():
        (pairs / "train" / name).write_bytes(data)
    report = check(pairs)
    assert found(report) == sorted(("cannot be used", f"train/{name}", True) for name in BAD)
    for finding in report.findings:
        assert BAD[Path(finding.message.split()[0]).name][1] in finding.message
        assert "\n" not in finding.message
    said = checked(pairs)
    assert said.code == 1
    assert said.err == ""
    assert said.out.count("PROBLEM") == len(BAD) - 1  # two of them are the same
    with pytest.raises(DiptychError, match=r"6 of 20 examples cannot be trained on .*--no-check"):
        before_training(read("pix2pix", [f"data.folder={pairs}"]).data, lambda _: None)


def test_bad_files_in_either_folder_and_pile(folders: Path) -> None:
    (folders / "trainB" / "3.jpg").write_bytes(b"")
    (folders / "valA" / "1.png").write_bytes(b"dear diary")
    wanted = [("cannot be used", "trainB/3.jpg", True), ("cannot be used", "valA/1.png", True)]
    assert found(check(folders)) == wanted
    assert found(check(folders, "data.task=unpaired")) == wanted


def test_a_set_that_cannot_be_looked_over_in_time_is_left_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        save(tmp_path / f"{number}.png", blob(8, 16))
    clock = itertools.count()
    monkeypatch.setattr("diptych.data.checks.check.time.perf_counter", lambda: float(next(clock)))
    settings = read("pix2pix", [f"data.folder={tmp_path}"]).data
    assert look_over(settings, seconds=40.0).looked_at == 200  # a second for sixteen is fast enough
    assert look_over(settings, seconds=10.0).looked_at == 16  # but not here
    assert look_over(settings, seconds=0.5).looked_at == 0


def test_a_folder_of_nothing_but_rubbish(tmp_path: Path, checked: Typed) -> None:
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(b"")
    said = checked(tmp_path)
    assert said.code == 1
    assert "0.png is empty (0 bytes); remove it or copy it again. The same of 3 others: 1.png" in said.out


def test_an_empty_folder_and_one_without_pictures(tmp_path: Path, checked: Typed) -> None:
    said = checked(tmp_path)
    assert said.code == 1
    assert "there is no picture in" in said.err
    (tmp_path / "notes.txt").write_text("x")
    assert checked(tmp_path).code == 1
    save(tmp_path / "alone.png", blob(24, 48))
    said = checked(tmp_path)
    assert said.code == 1
    assert "has one example only (alone)" in said.err
    assert "is a file; give the folder" in checked(tmp_path / "alone.png").err
