"""``diptych translate`` on moving pictures, as it is typed."""

from fractions import Fraction
from pathlib import Path

import pytest
from commanding import Typed, refused, save
from filming import film, panned, seen
from PIL import Image


def test_a_film_becomes_a_film(run: Path, typed: Typed, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", panned(5), time_base=Fraction(1, 30), sound="aac")
    said = typed("translate", run, "a.mp4", "--out", "out/b.webm")
    assert (said.code, said.err) == (0, "")
    assert "5 frames" in said.out
    assert "translated into out/b.webm." in said.out
    found = seen(tmp_path / "out" / "b.webm")
    assert len(found.frames) == 5
    assert found.frames[0].shape == (72, 96, 3)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.webm"]
    refused(typed("translate", run, "a.mp4", "--out", "out/b.webm"), 1, "out/b.webm exists; give --overwrite")
    assert typed("translate", run, "a.mp4", "--out", "out/b.webm", "--overwrite", "--crf", "60").code == 0


def test_a_folder_and_a_gif_become_films_and_animations(run: Path, typed: Typed, tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "in" / f"{number}.png", 32, 48)
    assert typed("translate", run, "in", "--out", "a.mp4", "--rate", "12.5").code == 0
    assert seen(tmp_path / "a.mp4").seconds == [0, Fraction(2, 25), Fraction(4, 25)]
    assert typed("translate", run, "in", "--out", "a.gif", "--grid").code == 0
    assert typed("translate", run, "a.gif", "--out", "b.webp").code == 0
    with Image.open(tmp_path / "b.webp") as picture:
        assert (picture.n_frames, picture.size) == (3, (96, 32))  # type: ignore[attr-defined]
    said = typed("translate", run, "a.gif", "--out", "still.png")
    assert said.code == 0
    assert "a.gif has 3 frames; the first was translated" in said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("a.mp4 b.mp4 --out c.mp4", "films are translated one by one"),
        ("a.mp4 --out c.avi", "films are written as .mp4 .mkv .webm .gif .webp"),
        ("a.mp4 --out c.png", "films are written as"),
        ("a.mp4 --out c.mp4 --mask m.png", "--mask is for pictures"),
        ("a.mp4 --out c.mp4 --rate 25", "--rate is for folders of frames"),
        ("a.mp4 --out c.gif --codec av1", "--codec and --crf are for .mp4 .mkv .webm"),
        ("a.mp4 --out c.mp4 --crf 64", "--crf is 64; for av1 it lies between 0, the best, and 63"),
        ("a.mp4 --out c.mp4 --temporal-smoothing 1", "--temporal-smoothing is 1.0; it must be at least 0 and below 1"),
        ("in --out c.mp4 --rate fast", '--rate is "fast"; give frames a second'),
        ("in/0.png --out o --codec av1", "--rate, --codec and --crf are for films"),
        ("none.mp4 --out c.mp4", "none.mp4 is not there"),
    ],
)
def test_wrong_words_are_one_sentence(words: str, sentence: str, run: Path, typed: Typed, tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", panned(2))
    save(tmp_path / "in" / "0.png")
    said = typed("translate", run, *words.split())
    assert said.code in (1, 2)
    refused(said._replace(err=said.err.splitlines()[-1]), said.code, sentence)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("c.")]
