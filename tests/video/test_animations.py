"""Animated pictures and folders of frames: all frames, for as long as they were shown."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filming import Negative, Rgb, difference, job_of, panned, seen
from PIL import Image, ImageSequence

from diptych.errors import DiptychError
from diptych.pictures.kinds import Kind
from diptych.translator.many.films import FilmOptions, translate_moving
from diptych.video.animations import Animation, Folder
from diptych.video.films import Film

DURATIONS = [100, 40, 250, 100, 60]


def animate(path: Path, frames: list[Rgb], durations: list[int]) -> Path:
    first, *rest = [Image.fromarray(frame) for frame in frames]
    lossless: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=rest, duration=durations, loop=0, **lossless)
    return path


def shown(path: Path) -> tuple[list[Rgb], list[int]]:
    with Image.open(path) as picture:
        found = [
            (np.array(one.convert("RGB")), one.info["duration"]) for one in map(loaded, ImageSequence.Iterator(picture))
        ]
    return [rgb for rgb, _ in found], [round(duration) for _, duration in found]


def loaded(frame: Image.Image) -> Image.Image:
    frame.load()  # after which a WebP says its duration
    return frame


@pytest.mark.parametrize("into", [".gif", ".webp"])
@pytest.mark.parametrize("ending", [".gif", ".webp"])
def test_all_frames_for_as_long_as_they_were_shown(ending: str, into: str, tmp_path: Path) -> None:
    path = animate(tmp_path / f"a{ending}", panned(5, step=4), DURATIONS)
    out = tmp_path / f"b{into}"
    assert translate_moving(job_of(Negative()), Animation(path, Kind()), out, FilmOptions()) == 0
    (before, _), (after, durations) = shown(path), shown(out)
    assert durations == DURATIONS
    for source, result in zip(before, after, strict=True):
        assert difference(255 - source, result) < 5  # a GIF has 256 colours


def test_see_through_frames_are_laid_on_the_background(tmp_path: Path) -> None:
    one, two = np.zeros((16, 16, 4), np.uint8), np.zeros((16, 16, 4), np.uint8)
    one[:8], two[:, :8] = (255, 0, 0, 255), (0, 0, 255, 255)
    Image.fromarray(one).save(
        tmp_path / "a.gif", save_all=True, append_images=[Image.fromarray(two)], duration=50, disposal=2
    )
    frames = [frame.picture for frame in Animation(tmp_path / "a.gif", Kind()).frames()]
    assert [tuple(frame[12, 12]) for frame in frames] == [(255, 255, 255)] * 2
    assert (tuple(frames[0][2, 12]), tuple(frames[1][2, 2])) == ((255, 0, 0), (0, 0, 255))


def test_between_films_animations_and_folders(tmp_path: Path) -> None:
    frames = panned(6)
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(frames, 7):  # 10 comes after 9
        Image.fromarray(frame).save(tmp_path / "frames" / f"{number}.png")
    vp9 = FilmOptions("vp9", 4)
    folder = Folder(tmp_path / "frames", Kind(), Fraction(30000, 1001))
    assert translate_moving(job_of(), folder, tmp_path / "a.mp4", vp9) == 0
    found = seen(tmp_path / "a.mp4")
    assert found.seconds == [number * Fraction(1001, 30000) for number in range(6)]
    assert max(map(difference, found.frames, frames)) < 4
    assert translate_moving(job_of(), Film(tmp_path / "a.mp4", Kind()), tmp_path / "a.gif", FilmOptions()) == 0
    assert shown(tmp_path / "a.gif")[1] == [30, 40, 30, 30, 40, 30]  # hundredths of a second, without drift
    assert translate_moving(job_of(), Animation(tmp_path / "a.gif", Kind()), tmp_path / "b.mp4", vp9) == 0
    assert seen(tmp_path / "b.mp4").seconds[-1] == Fraction(170, 1000)
    assert translate_moving(job_of(), Film(tmp_path / "a.mp4", Kind()), tmp_path / "out", FilmOptions()) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{one:06}.png" for one in range(6)]


def test_what_is_no_animation_is_said(tmp_path: Path) -> None:
    Image.fromarray(panned(1)[0]).save(tmp_path / "a.gif")
    with pytest.raises(DiptychError, match="has one frame"):
        Animation(tmp_path / "a.gif", Kind())
    path = animate(tmp_path / "b.gif", panned(5), DURATIONS)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with pytest.raises(DiptychError, match=r"b\.gif is truncated"):
        translate_moving(job_of(), Animation(path, Kind()), tmp_path / "c.gif", FilmOptions())
    assert not (tmp_path / "c.gif").exists()
    folder = tmp_path / "frames"
    folder.mkdir()
    for size in (16, 20):
        Image.new("RGB", (size, size)).save(folder / f"{size}.png")
    with pytest.raises(DiptychError, match=r"20\.png is 20x20 and .*16\.png is 16x16"):
        translate_moving(job_of(), Folder(folder, Kind(), Fraction(25)), tmp_path / "c.mp4", FilmOptions())
    assert not (tmp_path / "c.mp4").exists()
