"""Listings are remembered, and only as long as they hold."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.data import DataSettings, layouts, listings
from diptych.data.layouts import discover
from diptych.data.listings import Listing, file_of, listing
from diptych.errors import DiptychError
from diptych.pictures.formats import list_pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve files called pictures, one of them a link, and what is none."""
    place = tmp_path / "pictures"
    (place / "inside").mkdir(parents=True)
    for number in range(11):
        (place / f"{number}.png").write_bytes(b"")
    (place / "11.PNG").symlink_to(place / "3.png")
    (place / "loop.png").symlink_to(place / "loop.png")
    for name in (".hidden.png", "notes.txt"):
        (place / name).write_text("")
    (place / "__MACOSX").mkdir()
    return place


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders that were really read; every stamp is taken for settled, every listing for long."""
    seen: list[str] = []
    real = listings.scan

    def scan(place: str) -> Listing:
        seen.append(place)
        return real(place)

    monkeypatch.setattr(listings, "scan", scan)
    monkeypatch.setattr(listings, "settled", lambda stamp: True)
    monkeypatch.setattr(listings, "KEPT_FROM", 1)
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    return seen


def forget() -> None:
    """As another process begins."""
    listings.remembered.clear()
    layouts.remembered.cache_clear()


def touch(folder: Path) -> None:
    """The clock of a file system may not have ticked since the last change."""
    found = folder.stat()
    os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns + 1_000_000))


def test_what_a_listing_holds(folder: Path) -> None:
    found = listing(folder)
    assert found.pictures == (*[f"{number}.png" for number in range(11)], "11.PNG")
    assert found.links == {"11.PNG"}
    assert found.folders == ("inside",)
    assert [path.name for path in list_pictures(folder)] == list(found.pictures)


def test_a_folder_is_read_once_and_again_after_a_change(folder: Path, scans: list[str]) -> None:
    first = listing(folder)
    assert listing(folder) is first
    forget()
    assert listing(folder) == first
    assert len(scans) == 1
    (folder / "12.png").write_bytes(b"")
    touch(folder)
    assert listing(folder).pictures[-1] == "12.png"
    forget()
    assert listing(folder).pictures[-1] == "12.png"
    (folder / "12.png").rename(folder / "13.png")
    touch(folder)
    assert listing(folder).pictures[-1] == "13.png"
    assert len(scans) == 3


def test_a_folder_that_was_just_changed_is_read_each_time(folder: Path, tmp_path: Path) -> None:
    listing(folder)
    (folder / "12.png").write_bytes(b"")
    assert listing(folder).pictures[-1] == "12.png"
    assert str(folder) not in listings.remembered


def cut(path: Path) -> None:
    path.write_text(path.read_text()[:-20])


def alter(path: Path) -> None:
    path.write_text(path.read_text().replace("3.png", "4.png"))


def swap_version(path: Path) -> None:
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))


def swap_folder(path: Path) -> None:
    path.write_text(path.read_text().replace("/pictures", "/others"))


def empty(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")


@pytest.mark.parametrize("harm", [cut, alter, swap_version, swap_folder, empty, Path.unlink])
def test_a_damaged_or_foreign_file_is_passed_over(harm: Callable[[Path], None], folder: Path, scans: list[str]) -> None:
    first = listing(folder)
    harm(file_of(str(folder)))
    forget()
    assert listing(folder) == first
    assert len(scans) == 2
    forget()
    assert listing(folder) == first  # mended
    assert len(scans) == 2


def test_nothing_is_written_to_the_folder_and_the_cache_need_not_be_writable(
    folder: Path, scans: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blocked").write_text("a file")
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "blocked"))
    before = sorted(path.name for path in folder.iterdir())
    listing(folder)
    forget()
    listing(folder)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert len(scans) == 2


def test_a_layout_is_recognised_once(folder: Path, scans: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = DataSettings(folder=str(folder))
    first = discover(settings)
    assert discover(settings) is first
    assert discover(DataSettings(folder=str(folder), validation_share=0.5)) is not first
    (folder / "val").mkdir()
    touch(folder)
    with pytest.raises(DiptychError, match="there is no picture in"):
        discover(settings)
    (folder / "val" / "1.png").write_bytes(b"")
    touch(folder / "val")
    with pytest.raises(DiptychError, match="none to train on"):
        discover(settings)
    (folder / "val" / "1.png").unlink()
    (folder / "val").rmdir()
    touch(folder)
    assert discover(settings).splits == first.splits


def test_a_line_says_how_far_a_long_listing_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    listing(folder)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(listings, "PROGRESS_EACH", 5)
    listing(folder)
    said = capsys.readouterr().err
    assert f"listing {folder}: 5 files" in said
    assert said.endswith(f"listed {folder}: 12 pictures\n")
