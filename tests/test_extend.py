"""docs/extend.md, followed: its files are written, its commands typed, in small; and the same as a package."""

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from building import batch_of, build
from commanding import Typed
from documents import ROOT, blocks, commands, files, python_blocks
from PIL import Image
from toys import assert_equal, weights

from diptych.cli import without_imports
from diptych.errors import DiptychError
from diptych.exporting.offers import offers_of
from diptych.recipe import read
from diptych.registry import import_code
from diptych.training.run import Run, read_recipe
from diptych.training.terms import Term, extra_terms

PAGE = "docs/extend.md"
SMALL = [
    "options.width=4",
    "data.load_size=36",
    "data.crop_size=32",
    "training.epochs=0",
    "training.log_every=1",
    "training.validate_every=3",
    "training.checkpoint_every=3",
    "training.precision=float32",
]


@pytest.fixture
def user(own_code: Path) -> Path:
    """A user's folder: the page's files, and pictures as its layout has them."""
    for name, text in files(PAGE).items():
        (own_code / name).write_text(text)
    rng = np.random.default_rng(0)
    (own_code / "my_pairs").mkdir()
    for number in range(1, 9):
        picture = rng.integers(0, 256, (4, 4, 3), np.uint8).repeat(10, 0).repeat(10, 1)
        Image.fromarray(picture).save(own_code / "my_pairs" / f"{number}_in.png")
        Image.fromarray(255 - picture).save(own_code / "my_pairs" / f"{number}_out.png")
    return own_code


def in_small(words: list[str]) -> list[str]:
    """The command with a length and sizes that take no time; one that says a length goes on for longer."""
    if words[0] != "train":
        return words
    longer = any(word.startswith("training.steps=") for word in words)
    return [*words, *SMALL, f"training.steps={6 if longer else 3}"]


def test_every_block_is_of_a_file_or_tried_here() -> None:
    bare = [text for _, text in blocks(PAGE) if not text.startswith("# ")]
    assert bare == python_blocks(PAGE)[-1:]
    assert [*files(PAGE)] == ["mine.py", "mine.toml", "passed-on.toml", "pyproject.toml"]


def test_the_page_followed(user: Path, typed: Typed) -> None:
    with pytest.raises(DiptychError, match=r'the recipe "passed-on" needs the system "mine", which mine\.py had'):
        read("passed-on.toml")
    said = {}
    for words in commands(PAGE):
        if words[0] == "serve":  # which would not end
            (offer,), _ = offers_of([Path(words[1])], "latest", "cpu", "torch", browser=False)
            assert (offer.entry(None)["system"], offer.entry(None)["network"]) == ("mine", "plain")
            continue
        answer = typed(*in_small(words))
        assert answer.code == 0, (words, answer)
        said[" ".join(words)] = answer.out
    assert "weight of the L1 term" in said["options mine --import mine.py"]
    assert "Train with: diptych train my_pairs data.layout=suffixes --import mine.py" in next(
        text for words, text in said.items() if words.startswith("data check")
    )
    going_on = next(text for words, text in said.items() if words.endswith("training.steps=4000"))
    assert "Resumed at step 3 of 6." in going_on
    assert "Translate with: diptych translate runs/mine --import mine.py PICTURES" in going_on
    assert "brightness" in (user / "judged" / "scores.json").read_text()
    assert read_recipe(Path("runs/plain")).options.generator == "plain"
    assert read("passed-on.toml").system == "mine"
    one, other = (np.asarray(Image.open(name), int) for name in ("result.png", "again.png"))
    assert np.abs(one - other).max() <= 1
    told: dict[str, Any] = {"picture": Image.open("my_pairs/1_in.png")}
    exec(compile(python_blocks(PAGE)[-1], PAGE, "exec", dont_inherit=True), told)
    np.testing.assert_array_equal(np.asarray(told["result"]), one)


def sharp() -> str:
    """The system that a notebook writes."""
    cells = nbformat.read(ROOT / "examples" / "own_system.ipynb", as_version=4).cells
    (text,) = (cell.source for cell in cells if cell.source.startswith("%%writefile sharp.py\n"))
    return str(text.partition("\n")[2])


@pytest.mark.parametrize(("name", "text"), [("mine", files(PAGE)["mine.py"]), ("sharp", sharp())])
def test_its_system_takes_extra_terms(name: str, text: str, own_code: Path) -> None:
    (own_code / f"{name}.py").write_text(text)
    import_code(f"{name}.py")
    term = Term(3.0, lambda source, target, fake: (source + 2 * target + 4 * fake).mean())
    system, batch = build(name), batch_of()
    *_, update = system.losses(batch, 0)
    fake = system.get_submodule("generator")(batch.source)
    terms = extra_terms({"own": term}, update, "generator")
    torch.testing.assert_close(terms["own"], 3 * (batch.source + 2 * batch.target + 4 * fake).mean())


@pytest.fixture
def trained(user: Path, typed: Typed) -> Path:
    assert typed(*in_small(["train", "mine.toml", "--import", "mine.py"])).code == 0
    return user / "runs" / "mine"


def diptych(*words: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command in a process of its own, which has imported nothing."""
    line = [sys.executable, "-m", "diptych", *map(str, words)]
    return subprocess.run(line, env={**os.environ, **environment}, capture_output=True, text=True)


@pytest.mark.slow
def test_without_the_code_each_command_says_what_it_needs(trained: Path, typed: Typed) -> None:
    """A run names its code, which is not run for that; nor is that of a model folder."""
    assert typed("export", trained, "--import", "mine.py", "--to", "model", "--out", "model").code == 0
    remedy = "which mine.py had registered; add --import mine.py"
    for words, needed in (
        (["train", trained], 'the system "mine"'),
        (["evaluate", trained, "--out", "out"], 'the network "plain"'),
        (["translate", trained, "my_pairs/1_in.png", "--out", "out.png"], 'the network "plain"'),
        (["translate", "model", "my_pairs/1_in.png", "--out", "out.png"], 'the network "plain"'),
        (["export", trained, "--to", "onnx", "--out", "out.onnx"], 'the network "plain"'),
    ):
        said = diptych(*words)
        assert said.returncode == 1
        assert needed in said.stderr
        assert remedy in said.stderr
        assert len(said.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_bitwise(user: Path) -> None:
    words = ["train", "mine.toml", "--import", "mine.py", *SMALL, "training.steps=60", "--no-check"]
    assert diptych(*words, "--out", "straight").returncode == 0
    line = [sys.executable, "-m", "diptych", *words, "--out", "broken"]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for text in process.stdout:
        if text.startswith("step 10/60"):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    said = diptych("train", "broken", "--import", "mine.py")
    assert "Resumed at step" in said.stdout, said
    import_it = {"registered": read_table("straight")["registered"]}
    assert import_it == {"registered": read_table("broken")["registered"]}
    straight, broken = (weights_of(Path(name)) for name in ("straight", "broken"))
    assert_equal(straight, broken)


def read_table(folder: str) -> dict[str, Any]:
    return tomllib.loads((Path(folder) / "recipe.toml").read_text())


def weights_of(folder: Path) -> dict[str, Any]:
    from diptych.registry import import_code

    import_code("mine.py")
    return weights(Run(folder, read_recipe(folder)))


@pytest.mark.slow
def test_other_processes_import_it_too(trained: Path, typed: Typed) -> None:
    """Those that measure memory, and Ray's workers; a file is found there by its whole path."""
    said = typed("data", "check", "my_pairs", "--recipe", "mine.toml", "--import", "mine.py", *SMALL[:3])
    assert said.code == 0, said
    assert "minutes for a thousand steps" in said.out
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'diptych[ray]'")
    words = ["translate", trained, "my_pairs", "--import", "mine.py", "--out", "out", "--engine", "torch", "--ray", "1"]
    assert diptych(*words).returncode == 0
    assert len([*Path("out").glob("*.png")]) == 16


@pytest.mark.slow
def test_the_same_as_a_package(user: Path) -> None:
    """Installed as pip leaves it, it needs no --import; when it is gone, the sentence names it."""
    project = tomllib.loads(files(PAGE)["pyproject.toml"])["project"]
    ((point, module),) = project["entry-points"]["diptych.plugins"].items()
    name = module.partition(".")[0]
    site = user / "site"
    (site / name).mkdir(parents=True)
    (site / name / "__init__.py").write_text("")
    (user / "mine.py").rename(site / name / "mine.py")
    information = site / f"{name}-{project['version']}.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[diptych.plugins]\n{point} = {module}\n")
    place = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(site)]))
    for command in (
        ["options", "mine"],
        ["train", "mine.toml", *SMALL, "training.steps=3"],
        ["train", "runs/mine", "training.steps=6"],
        ["translate", "runs/mine", "my_pairs/1_in.png", "--out", "result.png"],
    ):
        said = diptych(*command, PYTHONPATH=place)
        assert said.returncode == 0, said
    assert read_table("runs/mine")["registered"]["metric"] == {"brightness": "package:my-package"}
    gone = diptych("train", "runs/mine")
    assert (
        'runs/mine needs the system "mine", which the package my-package had registered; pip install my-package'
        in gone.stderr
    )


def test_import_is_taken_by_every_command_at_any_place() -> None:
    words = ["--import", "a.py", "train", "x", "--import=b.c", "data.folder=y"]
    assert without_imports(words) == (["train", "x", "data.folder=y"], ["a.py", "b.c"])
