"""``diptych translate`` over many pictures: stopped and gone on, on other engines, in tiles, on Ray; what files keep."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from commanding import Typed, refused, save
from PIL import Image
from toys import run_to_end, tiny_recipe

from diptych.translator.many import Job
from diptych.translator.many.record import RECORD_NAME


def results(folder: Path) -> dict[str, bytes]:
    """Every file but the record; halves too."""
    return (
        {path.name: path.read_bytes() for path in folder.iterdir() if path.name != RECORD_NAME}
        if folder.is_dir()
        else {}
    )


def count(folder: Path) -> int:
    return len([name for name in os.listdir(folder) if not name.startswith(".")]) if folder.is_dir() else 0


def begin(*words: str | Path) -> "subprocess.Popen[str]":
    """The command in a process of its own."""
    line = [sys.executable, "-m", "diptych", "translate", *map(str, words)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until(folder: Path, least: int, process: "subprocess.Popen[str]") -> None:
    """Until so many results are there; a command that ends first has failed the test."""
    while count(folder) < least:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_all_files_are_whole(run: Path, typed: Typed, tmp_path: Path) -> None:
    for number in range(150):
        save(tmp_path / "in" / f"{number}.png", 120, 120)
    assert typed("translate", run, "in", "--out", "undisturbed", "--engine", "torch").code == 0
    for least in (5, 60):
        process = begin(run, "in", "--out", "out", "--engine", "torch")
        wait_until(tmp_path / "out", least, process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    there = count(tmp_path / "out")
    assert 60 <= there < 150
    said = typed("translate", run, "in", "--out", "out", "--engine", "torch")
    assert (said.code, said.err) == (0, "")
    assert f"already there  {there}\n" in said.out
    assert f"{150 - there} of 150 pictures translated" in said.out
    assert results(tmp_path / "out") == results(tmp_path / "undisturbed")


def test_interrupted_it_says_so_and_goes_on(
    run: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        save(tmp_path / "in" / f"{number}.png")
    translate, count = Job.translate, 0

    def interrupted(self: Job, pictures: list[Any]) -> list[Any]:
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return translate(self, pictures)

    monkeypatch.setattr(Job, "translate", interrupted)
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 130
    assert said.err == "interrupted; the same command goes on where this one stopped.\n"
    assert len(results(tmp_path / "out")) == 3
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 0
    assert "already there  3" in said.out
    assert len(results(tmp_path / "out")) == 8


def test_given_again_there_is_nothing_to_do(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "in" / f"{name}.png")
    assert typed("translate", run, "in", "--out", "out").code == 0
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 0
    assert "0 of 2 pictures translated" in said.out
    save(tmp_path / "in" / "c.png")
    assert "1 of 3 pictures translated" in typed("translate", run, "in", "--out", "out").out
    other = typed("translate", run, "in", "--out", "out", "--seed", "5")
    assert other.code == 1
    assert other.err.count("give --overwrite to replace it") == 3


def test_results_in_an_input_folder_are_no_inputs(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a.png", "deep/b.png"):
        save(tmp_path / "in" / name)
    assert typed("translate", run, "in", "--out", "in/out").code == 0
    for given in ("in", "in/**/*.png"):
        said = typed("translate", run, given, "--out", "in/out", "--overwrite")
        assert (said.code, said.err) == (0, "passed over in in/out, where the results go: 2 of the pictures.\n"), given
        assert "2 of 2 pictures translated" in said.out
    refused(typed("translate", run, "in/out/*.png", "--out", "in/out"), 2, "would be replaced by its own result")
    refused(typed("translate", run, "in/out", "--out", "in/out"), 2, "would be replaced by its own result")


def test_a_picture_too_small_for_the_network_leaves_the_others_done(typed: Typed, tmp_path: Path) -> None:
    """Reflection needs a picture wider than its border."""
    for number in range(4):
        save(tmp_path / "pairs" / "train" / f"{number}.png", 20, 40)
    save(tmp_path / "pairs" / "val" / "0.png", 20, 40)
    made = run_to_end(tiny_recipe("cyclegan", tmp_path / "pairs"), tmp_path / "run")[0].folder
    save(tmp_path / "in" / "dot.png", 1, 1)
    save(tmp_path / "in" / "whole.png")
    said = typed("translate", made, "in", "--out", "out", "--engine", "torch", "--size", "own")
    assert said.code == 1
    assert said.err == "not done: in/dot.png: too small for this network; give another --size.\n"
    assert list(results(tmp_path / "out")) == ["whole.png"]


# Engines and tiles


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["onnx", "openvino", "openvino-bfloat16"])
def test_a_named_engine_gives_the_same_pictures(engine: str, run: Path, typed: Typed, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime" if engine == "onnx" else "openvino")
    save(tmp_path / "in" / "a.png", 30, 22)
    assert typed("translate", run, "in", "--out", "torch", "--engine", "torch").code == 0
    said = typed("translate", run, "in", "--out", "other", "--engine", engine)
    assert said.code == 0
    assert [line for line in said.out.splitlines() if line.startswith(f"Engine: {engine}, within ")]
    with Image.open(tmp_path / "torch" / "a.png") as one, Image.open(tmp_path / "other" / "a.png") as other:
        most = 5 if engine == "openvino-bfloat16" else 1  # it says so of itself
        assert np.abs(np.asarray(one).astype(int) - np.asarray(other)).max() <= most


@pytest.mark.slow
def test_the_fastest_engine_is_sought_for_many_pictures_alone(run: Path, typed: Typed, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnxscript")
    for number in range(64):
        save(tmp_path / "in" / f"{number}.png", 16, 16)
    said = typed("translate", run, "in", "--out", "many")
    assert "engine         openvino, float32" in said.out
    (tmp_path / "in" / "0.png").unlink()
    assert "engine         torch, float32" in typed("translate", run, "in", "--out", "few").out


def test_engines_that_cannot_be_had(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    refused(typed("translate", run, "a.png", "--out", "out", "--engine", "onx"), 2, 'did you mean "onnx"?')
    refused(typed("translate", run, "a.png", "--out", "out", "--tile", "-1"), 2, "--tile")
    refused(typed("translate", run, "a.png", "--out", "out", "--ray", "-1"), 2, "--ray")


def test_tiles_are_as_large_as_asked(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.png", 300, 420)
    for place, words in (("whole", ["--tile", "0", "--size", "own"]), ("tiles", ["--tile", "288"])):
        assert typed("translate", run, "a.png", "--out", place, *words).code == 0
    with Image.open(tmp_path / "whole" / "a.png") as whole, Image.open(tmp_path / "tiles" / "a.png") as tiles:
        assert tiles.size == (420, 300)
        assert np.abs(np.asarray(whole).astype(int) - np.asarray(tiles)).mean() < 1
    said = typed("translate", run, "a.png", "--out", "small", "--tile", "16")
    assert said.code == 2
    assert "give 256 or more" in said.err


# What files keep


def test_a_geotiff_comes_out_as_one(run: Path, typed: Typed, tmp_path: Path) -> None:
    keys = (1, 1, 0, 2, 1025, 0, 1, 1, 3072, 0, 1, 32633)
    extra = [(33550, 12, 3, (30.0, 30.0, 0.0), True), (33922, 12, 6, (0.0, 0.0, 0.0, 5e5, 4e6, 0.0), True)]
    picture = np.random.default_rng(0).integers(0, 65536, (24, 20, 3)).astype(np.uint16)
    (tmp_path / "in").mkdir()
    tifffile.imwrite(
        tmp_path / "in" / "a.tif", picture, photometric="rgb", extratags=[*extra, (34735, 3, 12, keys, True)]
    )
    assert typed("translate", run, "in", "--out", "out").code == 0
    with tifffile.TiffFile(tmp_path / "out" / "a.tif") as file:
        page: Any = file.pages[0]
        assert page.shape == (24, 20, 3)
        assert page.tags[33550].value == (30.0, 30.0, 0.0)
        assert page.tags[34735].value == keys
    said = typed("translate", run, "in", "--out", "png", "--format", "png")
    assert said.code == 0
    assert said.err == "png/a.png cannot say where on earth it lies; give --format tif to keep that.\n"


# Ray


def descendants(process: int) -> dict[int, str]:
    """The processes that it began, and those that these did, with their command lines."""
    parents: dict[int, int] = {}
    lines: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                lines[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
    found = {process}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {child: lines[child] for child in found - {process} if child in lines}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the workers in /proc")
def test_on_ray_the_files_are_the_same_and_a_killed_worker_loses_nothing(
    run: Path, typed: Typed, tmp_path: Path, shared_data: Path
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'diptych[ray]'")
    inputs = shared_data / "facades" / "val"
    assert typed("translate", run, inputs, "--out", "here", "--format", "png", "--engine", "torch").code == 0
    process = begin(run, inputs, "--out", "there", "--format", "png", "--engine", "torch", "--ray", "2")
    wait_until(tmp_path / "there", 3, process)
    family = descendants(process.pid)
    workers = [child for child, line in family.items() if line.startswith("ray::") and "Worker" in line]
    assert len(workers) == 2, family
    os.kill(workers[0], signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert "not done" not in err
    assert "100 of 100 pictures translated" in out
    assert "2 workers on Ray" in out
    assert {name: data for name, data in results(tmp_path / "there").items() if name[0] != "."} == results(
        tmp_path / "here"
    )
    deadline = time.monotonic() + 60
    while still := [child for child in family if Path(f"/proc/{child}").exists()]:
        assert time.monotonic() < deadline, f"Ray left processes behind: {still}"
        time.sleep(0.1)


def test_without_ray_it_says_how_to_get_it(
    run: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    save(tmp_path / "in" / "a.png")
    refused(typed("translate", run, "in", "--out", "out", "--ray", "2"), 1, "pip install 'diptych[ray]'")
