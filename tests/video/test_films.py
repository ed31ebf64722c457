"""A film through a translator: frames, times, sound, turning and colours are those of the source."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from filming import Negative, difference, film, job_of, panned, plain, seen, seen_by_opencv

from diptych.errors import DiptychError, UsageError
from diptych.pictures.kinds import Kind
from diptych.translator.many.films import FilmOptions, translate_moving
from diptych.video.films import Film

VP9 = FilmOptions("vp9", 10)
UNEVEN = [0, 1, 2, 7, 8, 30, 31, 45]


def test_frames_are_translated_and_shown_at_their_times(tmp_path: Path) -> None:
    frames = panned(8)
    film(tmp_path / "a.mp4", frames, UNEVEN, Fraction(1, 90))
    assert translate_moving(job_of(Negative()), Film(tmp_path / "a.mp4", Kind()), tmp_path / "b.mp4", VP9) == 0
    before, after = seen(tmp_path / "a.mp4"), seen(tmp_path / "b.mp4")
    assert after.seconds == before.seconds == [Fraction(time, 90) for time in UNEVEN]
    assert after.end == Fraction(46, 90)  # as long as a frame, after the last
    for source, result in zip(frames, after.frames, strict=True):
        assert difference(255 - source, result) < 3
    for source, result in zip(frames, seen_by_opencv(tmp_path / "b.mp4"), strict=True):
        assert difference(255 - source, result) < 3


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("codec", ["av1", "vp9"])
def test_both_codecs_go_into_every_container_at_a_broken_rate(codec: str, ending: str, tmp_path: Path) -> None:
    base = Fraction(1001, 30000)
    film(tmp_path / "a.mp4", panned(70), time_base=base)
    out = tmp_path / f"b{ending}"
    assert translate_moving(job_of(), Film(tmp_path / "a.mp4", Kind()), out, FilmOptions(codec)) == 0
    found = seen(out)
    assert len(found.frames) == 70  # more than a segment
    exact = ending == ".mp4"  # the others count milliseconds
    error = max(abs(time - number * base) for number, time in enumerate(found.seconds))
    assert error == 0 if exact else error <= Fraction(1, 1000)
    assert max(map(difference, found.frames, panned(70))) < 6


def test_sound_is_copied_or_becomes_opus(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", panned(25), sound="aac", seconds=1.0)
    before = seen(tmp_path / "a.mp4")
    for ending, codec in ((".mp4", "aac"), (".mkv", "aac"), (".webm", "libopus")):
        out = tmp_path / f"b{ending}"
        assert translate_moving(job_of(), Film(tmp_path / "a.mp4", Kind()), out, FilmOptions()) == 0
        after = seen(out)
        assert after.codecs[1] in (codec, codec.removeprefix("lib"))
        if codec == "aac":
            lead = len(after.sound) - len(
                before.sound
            )  # Matroska shows what AAC's encoder puts in front, and begins later
            assert np.array_equal(after.sound[lead + 2048 :], before.sound[2048:])
            late = after.sound_start + Fraction(lead, 48_000) - after.seconds[0]
            assert abs(late - before.sound_start + before.seconds[0]) <= Fraction(1, 500)
            assert lead == 0 or ending == ".mkv"
        else:
            assert abs(len(after.sound) - 48_000) < 2000
            crossings = np.count_nonzero(np.diff(np.signbit(after.sound[4800:43_200])))
            assert abs(crossings - 2 * 440 * 0.8) <= 4


def test_a_film_with_flac_goes_into_webm_and_without_sound_has_none(tmp_path: Path) -> None:
    film(tmp_path / "a.mkv", panned(10), sound="flac")
    assert translate_moving(job_of(), Film(tmp_path / "a.mkv", Kind()), tmp_path / "b.webm", VP9) == 0
    assert len(seen(tmp_path / "b.webm").codecs) == 2
    film(tmp_path / "c.mp4", panned(3))
    assert translate_moving(job_of(), Film(tmp_path / "c.mp4", Kind()), tmp_path / "d.mp4", VP9) == 0
    assert len(seen(tmp_path / "d.mp4").codecs) == 1


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_film_is_translated_upright_and_shown_so(rotation: int, tmp_path: Path) -> None:
    frames = panned(2, 48, 64)
    film(tmp_path / "a.mp4", frames, rotation=rotation)
    upright = np.rot90(frames[0], rotation // 90)
    source = Film(tmp_path / "a.mp4", Kind())
    assert (source.facts.height, source.facts.width) == upright.shape[:2]
    assert difference(next(iter(source.frames())).picture, upright) < 3
    for name in ("b.mp4", "b.webm"):
        assert translate_moving(job_of(), source, tmp_path / name, FilmOptions("vp9", 4)) == 0
    kept = seen(tmp_path / "b.mp4")
    assert kept.rotation % 360 == rotation
    assert difference(kept.frames[0], frames[0]) < 4  # as it is stored
    assert difference(seen_by_opencv(tmp_path / "b.mp4")[0], upright) < 4
    other = seen(tmp_path / "b.webm")
    assert other.rotation == 0
    assert difference(other.frames[0], upright) < 4


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("codec", ["av1", "vp9", "h264"])
def test_colours_and_their_tags_are_kept(codec: str, matrix: int, full: bool, tmp_path: Path) -> None:
    colour = (200, 60, 20)
    film(tmp_path / "a.mp4", plain(colour), full=full, matrix=matrix)
    assert translate_moving(job_of(), Film(tmp_path / "a.mp4", Kind()), tmp_path / "b.mp4", FilmOptions(codec, 4)) == 0
    found = seen(tmp_path / "b.mp4")
    assert found.tags == (2 if full else 1, matrix, matrix, matrix)
    assert np.abs(found.frames[1][36, 48].astype(int) - colour).max() <= 3


def test_an_untagged_film_is_taken_as_players_take_it_and_tagged(tmp_path: Path) -> None:
    for height, matrix in ((72, 6), (720, 1)):
        name = tmp_path / f"{height}.mp4"
        film(name, plain((200, 60, 20), 2, height, 128), matrix=2)  # which the scaler makes by BT.601
        source = Film(name, Kind())
        assert source.facts.colours == (1, matrix, matrix, matrix)
        pixel = next(iter(source.frames())).picture[9, 9].astype(int)
        wanted = (
            (200, 60, 20) if matrix == 6 else (213, 71, 16)
        )  # by hand, BT.601 read as BT.709; Chromium shows 213 72 20
        assert np.abs(pixel - wanted).max() <= 3
        assert translate_moving(job_of(), source, tmp_path / "b.mp4", FilmOptions("vp9", 4)) == 0
        found = seen(tmp_path / "b.mp4")
        assert found.tags == (1, matrix, matrix, matrix)
        assert np.abs(found.frames[1][9, 9].astype(int) - wanted).max() <= 4
        (tmp_path / "b.mp4").unlink()


def test_odd_and_small_frames_are_vp9(tmp_path: Path) -> None:
    for height, width in ((33, 95), (16, 18)):
        frames = panned(3, height - height % 2 + 8, width - width % 2 + 8)
        frames = [frame[:height, :width].copy() for frame in frames]
        path = film(tmp_path / "a.mkv", frames, codec="ffv1")
        assert translate_moving(job_of(overwrite=True), Film(path, Kind()), tmp_path / "b.mp4", FilmOptions()) == 0
        found = seen(tmp_path / "b.mp4")
        assert "vp9" in found.codecs[0]
        assert [frame.shape for frame in found.frames] == [(height, width, 3)] * 3
        with pytest.raises(UsageError, match="give --codec vp9"):
            translate_moving(job_of(), Film(path, Kind()), tmp_path / "c.mp4", FilmOptions("av1"))


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    film(tmp_path / "a.mp4", panned(2))
    (tmp_path / "b.mp4").write_bytes(b"mine")
    with pytest.raises(DiptychError, match="exists; give --overwrite"):
        translate_moving(job_of(), Film(tmp_path / "a.mp4", Kind()), tmp_path / "b.mp4", VP9)
    assert (tmp_path / "b.mp4").read_bytes() == b"mine"
    with pytest.raises(UsageError, match=r"h264 does not go into a \.webm file"):
        translate_moving(job_of(), Film(tmp_path / "a.mp4", Kind()), tmp_path / "c.webm", FilmOptions("h264"))
    with pytest.raises(UsageError, match='no codec "av2"'):
        translate_moving(job_of(), Film(tmp_path / "a.mp4", Kind()), tmp_path / "c.webm", FilmOptions("av2"))
    for name, data in (("text.mp4", b"no film at all"), ("empty.mp4", b"")):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DiptychError, match=f"{name} is no film"):
            Film(tmp_path / name, Kind())
    with pytest.raises(DiptychError, match="is not there"):
        Film(tmp_path / "none.mp4", Kind())
