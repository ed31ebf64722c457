"""Films that are stopped, cut off, damaged or long."""

import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from filming import Negative, film, job_of, panned, seen
from torch import Tensor

from diptych.errors import DiptychError
from diptych.pictures.kinds import Kind
from diptych.translator.many.films import FilmOptions, translate_moving
from diptych.video.films import Film
from diptych.video.segments import LENGTH, Segments

VP9 = FilmOptions("vp9")
SMOOTHED = FilmOptions("vp9", smoothing=0.5)


class Stopping(Negative):
    """The negative of so many frames, then the end: an interrupt, or a signal that cannot be caught."""

    def __init__(self, frames: int, kill: bool = False) -> None:
        super().__init__()
        self.left, self.kill, self.asked = frames, kill, 0

    def forward(self, source: Tensor) -> Tensor:
        self.asked += 1
        self.left -= 1
        if self.left < 0:
            if self.kill:
                os.kill(os.getpid(), signal.SIGKILL)
            raise KeyboardInterrupt
        return super().forward(source)


def run_film(network: Stopping, source: Path, out: Path, options: FilmOptions) -> int:
    return translate_moving(job_of(network), Film(source, Kind()), out, options)


@pytest.mark.parametrize("options", [VP9, SMOOTHED])
def test_stopped_twice_it_goes_on_and_ends_with_the_same_bytes(options: FilmOptions, tmp_path: Path) -> None:
    source = film(tmp_path / "a.mp4", panned(2 * LENGTH + 9, 32, 48), sound="aac")
    assert run_film(Stopping(999), source, tmp_path / "whole.mp4", options) == 0
    out = tmp_path / "b.mp4"
    assert run_film(Stopping(LENGTH + 20), source, out, options) == 130
    assert not out.exists()
    assert run_film(Stopping(3), source, out, options) == 130
    last = Stopping(999)
    assert run_film(last, source, out, options) == 0
    assert last.asked == LENGTH + 9  # the first segment was there
    assert out.read_bytes() == (tmp_path / "whole.mp4").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "whole.mp4"]


@pytest.mark.slow
def test_killed_it_goes_on(tmp_path: Path) -> None:
    source = film(tmp_path / "a.webm", panned(LENGTH + 9, 32, 48), codec="libvpx-vp9")
    code = (
        "from pathlib import Path; from test_resuming import *; "
        f"run_film(Stopping({LENGTH + 4}, kill=True), Path({str(source)!r}), Path({str(tmp_path / 'b.mp4')!r}), VP9)"
    )
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1]), *sys.path])
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": paths}, check=False)
    assert done.returncode == -signal.SIGKILL
    last = Stopping(999)
    assert run_film(last, source, tmp_path / "b.mp4", VP9) == 0
    assert last.asked == 9
    assert len(seen(tmp_path / "b.mp4").frames) == LENGTH + 9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.webm", "b.mp4"]


def test_another_job_or_source_begins_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = film(tmp_path / "a.mp4", panned(LENGTH + 2, 32, 48)), tmp_path / "b.mp4"
    assert run_film(Stopping(LENGTH + 1), source, out, VP9) == 130
    film(source, panned(LENGTH + 3, 32, 48))
    last = Stopping(999)
    assert run_film(last, source, out, VP9) == 0
    assert last.asked == LENGTH + 3
    assert "was of another job; it is begun anew" in capsys.readouterr().out


def test_two_commands_do_not_write_one_film(tmp_path: Path) -> None:
    source, out = film(tmp_path / "a.mp4", panned(2, 32, 48)), tmp_path / "b.mp4"
    with Segments(out, "one").taken(), pytest.raises(DiptychError, match="another command is translating into"):
        run_film(Stopping(9), source, out, VP9)


@pytest.mark.parametrize("ending", [".webm", ".mkv"])
def test_a_film_that_breaks_off_is_translated_and_said(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec = "libvpx-vp9" if ending == ".webm" else "libx264"
    source = film(tmp_path / f"a{ending}", panned(75, 32, 48), codec=codec)
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    assert run_film(Stopping(999), source, tmp_path / "b.mp4", VP9) == 1
    said = capsys.readouterr().err
    assert f"not done: {source} breaks off at " in said
    assert " of 3.0 s; what there is was translated" in said
    assert 9 < len(seen(tmp_path / "b.mp4").frames) < 75


def test_a_cut_mp4_is_one_sentence_and_a_damaged_one_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = film(tmp_path / "a.mp4", panned(75, 32, 48))
    data = source.read_bytes()
    source.write_bytes(data[: len(data) // 2])
    with pytest.raises(DiptychError, match=r"a\.mp4 is no film, or truncated or damaged"):
        run_film(Stopping(999), source, tmp_path / "b.mp4", VP9)
    middle = np.frombuffer(data, np.uint8).copy()
    start = len(data) // 3
    middle[start : start + 2000] = 0
    source.write_bytes(middle.tobytes())
    code = run_film(Stopping(999), source, tmp_path / "b.mp4", VP9)
    said = capsys.readouterr().err
    assert code == 1
    assert f"{source} is damaged at " in said
    assert len(seen(tmp_path / "b.mp4").frames) > 40


@pytest.mark.slow
def test_memory_does_not_grow_with_the_film(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        source = film(tmp_path / f"{count}.mp4", panned(count, 96, 96))
        tracemalloc.start()
        try:
            run_film(Stopping(9999), source, tmp_path / f"out{count}.mp4", SMOOTHED)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    short, long, frame = peak(30), peak(110), 96 * 96 * 3
    assert long - short < 8 * frame  # of 80 more
