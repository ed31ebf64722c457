"""What is passed over in a folder is said."""

import os
from pathlib import Path

import pytest
from PIL import Image

from diptych.cli import call
from diptych.pictures.passed_over import ignored_files, pictures_within

WHITE = Image.new("RGB", (16, 16), "white")


def test_pipes_hidden_pictures_and_other_files_are_counted(tmp_path: Path) -> None:
    (tmp_path / "within").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("a.png", ".b.png", "within/c.png", ".hidden/d.png"):
        WHITE.save(tmp_path / name)
    assert ignored_files(tmp_path) == f"Passed over in {tmp_path}: hidden pictures (1)."
    assert pictures_within(tmp_path) == 1
    os.mkfifo(tmp_path / "within" / "pipe.png")
    (tmp_path / "gone.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("notes")
    assert ignored_files(tmp_path) == (
        f"Passed over in {tmp_path}: notes.txt (no picture by the ending), and hidden pictures (1), and pipes, devices or "
        f"dangling links (2)."
    )
    assert pictures_within(tmp_path) == 1


def test_outputs_of_several_sizes_and_in_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side in ("made", "real"):
        (tmp_path / side / "deep").mkdir(parents=True)
        for name, size in (("a", 16), ("b", 24)):
            WHITE.resize((size, size)).save(tmp_path / side / f"{name}.png")
    WHITE.save(tmp_path / "made" / "deep" / "c.png")
    words = ["--outputs", str(tmp_path / "made"), "--targets", str(tmp_path / "real"), "--metrics", "l1"]
    assert call(["evaluate", *words, "--out", str(tmp_path / "judged")]) == 0
    said = capsys.readouterr().out
    assert f"Pictures in folders within {tmp_path / 'made'} are not judged (1)." in said
    assert "2 pictures of 2 sizes" in said


def test_a_profile_for_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["data", "check", str(tmp_path), "--profile", "small"]) == 2
    assert "--profile small is laid over a recipe; name one with --recipe." in capsys.readouterr().err
    assert call(["data", "check", str(tmp_path), "--recipe", "pix2pix", "--profile", "smal"]) == 2
    assert 'pix2pix has no profile "smal" (did you mean "small"?)' in capsys.readouterr().err


def test_a_file_where_a_folder_is_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert call(["train", "pix2pix", f"data.folder={tmp_path}", "--out", str(tmp_path / "file")]) == 1
    assert "there is a file where a folder is needed" in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"
