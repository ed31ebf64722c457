"""What the documentation shows is so: its commands exist, its Python runs, its settings are read."""

import re
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from asking import Inverted, offer
from cyclopts import CycloptsError
from documents import PAGES, PAST, ROOT, after_name, blocks, commands, python_blocks, shell
from PIL import Image
from running import running
from toys import TINY, draw_pairs, run_to_end, tiny_recipe

import diptych
from diptych.cli import app, without_imports
from diptych.judging.ablate import read_study
from diptych.pictures.kinds import Batch, Kind
from diptych.recipe import Recipe, read
from diptych.recipe_files import spellings
from diptych.serving.service.app import Service
from diptych.systems.system import Domains

Told = dict[str, Any]
"""The names that the blocks of a page share."""
NOW = [page for page in PAGES if page not in PAST]
ELSEWHERE = {
    "docs/export.md": "tests/exporting/test_snippets.py",
    "docs/extend.md": "tests/test_extend.py",
    "docs/import.md": "tests/released/test_import.py",
}
"""Pages whose blocks need much, and the tests that run them."""


def settled(words: list[str]) -> list[str]:
    """Letters that stand for a number, replaced by one."""
    return ["1" if word == "N" else word for word in words]


@pytest.mark.parametrize("page", NOW)
def test_commands_in_blocks_are_understood(page: str) -> None:
    for words in commands(page):
        try:
            app.parse_args(without_imports(settled(words))[0], exit_on_error=False, print_error=False)
        except CycloptsError as problem:
            pytest.fail(f"{page}: diptych {' '.join(words)}: {problem}")


@pytest.mark.parametrize("page", NOW)
def test_commands_within_sentences_name_what_exists(page: str) -> None:
    for words in (without_imports(words)[0] for words in commands(page, inline=True)):
        command, names = app, {"--help", "--version", "--install-completion"}
        for word in words:
            if not word.startswith("-") and command.default_command is None and word.islower():
                assert word in command, f"{page}: diptych {' '.join(words)}"
                command = command[word]
        if command.default_command is not None:
            names |= {name for one in command.assemble_argument_collection() for name in one.names}
        unknown = {word for word in words if re.match(r"--?\w", word)} - names
        assert not unknown, f"{page}: diptych {' '.join(words)}"


@pytest.mark.parametrize("page", NOW)
def test_settings_of_trainings_are_read(page: str) -> None:
    for command, *words in [*commands(page), *commands(page, inline=True)]:
        if command != "train" or not words or without_imports(words)[1]:  # what is imported is not here
            continue
        _, bound, _ = app.parse_args([command, *words], exit_on_error=False, print_error=False)
        recipe, *overrides = bound.args
        if recipe in spellings():
            assert isinstance(read(recipe, overrides, bound.kwargs.get("profile", "")), Recipe)


@pytest.mark.parametrize("page", [page for page in NOW if page not in ELSEWHERE])
def test_tables_of_settings_are_read(page: str, tmp_path: Path) -> None:
    """A table with rows is a study, any other a recipe's."""
    for text in (text for language, text in blocks(page) if language == "toml"):
        table = tomllib.loads(text)
        if "rows" in table:
            (tmp_path / "study.toml").write_text(text)
            assert read_study(str(tmp_path / "study.toml")).rows
        else:
            Recipe.from_table({"training": {"steps": 1}} | table)


@pytest.mark.parametrize("page", NOW)
def test_every_block_is_of_a_kind_that_is_tested(page: str) -> None:
    """Indented blocks are commands. Fenced ones are run, read, made into a part of the site, or say that they are text."""
    tested = {"python", "toml", "text", *(["javascript"] if page in ELSEWHERE else [])}
    for language, text in blocks(page):
        assert language in tested or language.startswith("{"), f"{page}: ```{language}\n{text}"
    for words in shell(page):
        if not after_name(words):
            check_command(words, f"{page}: {' '.join(words)}")


def check_command(words: list[str], line: str) -> None:
    """What a command of another program names of ours is there: a target, an extra, a script and its options, a stage."""
    program, arguments = words[0].rpartition("/")[2], words[1:]
    if program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), line
    elif program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        named = [name for word in arguments if (found := re.search(r"\[(.*)\]", word)) for name in found[1].split(",")]
        assert set(named) <= extras.keys(), line
    elif program.startswith("python") and arguments[0].endswith(".py"):
        script = (ROOT / arguments[0]).read_text()
        assert all(word in script for word in arguments if word.startswith("--")), line
    elif program == "docker":
        stages = re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        assert "--target" not in arguments or arguments[arguments.index("--target") + 1] in stages, line
    else:
        assert program in ("python", "python3", "curl", "ffmpeg", "git", "mkdir", "cd"), line


def readme(folder: Path, _: pytest.MonkeyPatch) -> Callable[[Told], None]:
    run_to_end(tiny_recipe("pix2pix", draw_pairs(folder / "pairs"), "training.steps=1"), folder / "runs" / "my_pairs")
    Image.new("RGB", (31, 22), "white").save("drawing.png")

    def check(_: Told) -> None:
        with Image.open("photo.png") as photo:
            assert photo.size == (31, 22)

    return check


def system(_: Path, __: pytest.MonkeyPatch) -> Callable[[Told], None]:
    def check(told: Told) -> None:
        made = told["Mine"](told["MineOptions"](width=4), Domains(Kind(), Kind(), (16, 16)))
        (losses,) = made.losses(Batch(torch.zeros(1, 3, 16, 16), torch.ones(1, 3, 16, 16)), 0)
        assert losses.trains == "generator"
        assert losses.terms["l1"].requires_grad

    return check


def evaluation(_: Path, __: pytest.MonkeyPatch) -> Callable[[Told], None]:
    def check(told: Told) -> None:
        assert [score.metric for score in told["verdict"].scores] == ["l1", "ssim", "frechet"]

    return check


def styles(folder: Path, _: pytest.MonkeyPatch) -> Callable[[Told], None]:
    """The blocks load a run of many steps; here it has two."""
    recipe = tiny_recipe("bicyclegan", draw_pairs(folder / "pairs"), "options.style=8", "training.steps=2")
    run_to_end(recipe, folder / "runs" / "bicyclegan-facades")

    def check(told: Told) -> None:
        assert told["one"].shape == told["other"].shape == (8,)
        assert told["between"].shape == PICTURES[0].shape

    return check


def service(_: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Told], None]:
    """The block asks a service at its usual port; here it has another."""
    Image.new("RGB", (16, 16), "white").save("drawing.png")
    ask = httpx.post

    def post(address: str, **more: Any) -> httpx.Response:
        with running(Service([offer("openmoji", Inverted())])) as place:
            return ask(address.replace("http://127.0.0.1:8000/", place), timeout=20, trust_env=False, **more)

    monkeypatch.setattr(httpx, "post", post)

    def check(told: Told) -> None:
        assert told["answer"].headers["content-type"] == "image/png"

    return check


def own_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Told], None]:
    """The blocks train for thousands of steps; here for a few, and with small networks."""
    draw_pairs(folder / "my_pairs")

    def quick(name: str, overrides: Sequence[str] = (), profile: str = "") -> Recipe:
        words = [*TINY["pix2pix"], "training.steps=2", "training.batch_size=1", "training.report=false"]
        return read(name, [*overrides, *words], profile)

    monkeypatch.setattr("diptych.training.setup.start.read", quick)
    monkeypatch.setattr(diptych, "read", quick, raising=False)

    def check(told: Told) -> None:
        assert told["translate"](Image.new("RGB", (31, 22))).size == (31, 22)
        assert len(told["patience"].losses) == 2
        assert Path("grid-2.png").is_file()
        assert told["run"].entries("log.jsonl")[0]["generator.darkness"] >= 0
        assert told["fake"].shape == (1, 3, 64, 64)
        assert Path("fake.png").is_file()

    return check


def gallery(folder: Path, _: pytest.MonkeyPatch) -> Callable[[Told], None]:
    (folder / "data/openmoji-143/train").mkdir(parents=True)
    Image.new("RGB", (40, 20)).save(folder / "data/openmoji-143/train/1.png")

    def check(_: Told) -> None:
        with Image.open(folder / "drawings/train/1.png") as drawing:
            assert drawing.size == (20, 20)

    return check


def slices(folder: Path, _: pytest.MonkeyPatch) -> Callable[[Told], None]:
    def check(_: Told) -> None:
        saved = sorted((folder / "scans/train/mr").iterdir())
        assert [path.name for path in saved] == ["patient07-000.npy", "patient07-001.npy", "patient07-002.npy"]
        assert np.load(saved[0]).shape == (32, 32)

    return check


PICTURES = list(np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8))
SLICES = np.zeros((3, 32, 32), np.float32)
PREPARE = {
    "README.md": readme,
    "docs/bicyclegan.md": styles,
    "docs/add-a-system.md": system,
    "docs/evaluation.md": evaluation,
    "docs/python-training.md": own_training,
    "docs/gallery.md": gallery,
    "docs/guides/medical.md": slices,
    "docs/serving.md": service,
}
GIVEN: dict[str, Told] = {
    "docs/bicyclegan.md": {"picture": PICTURES[0]},
    "docs/evaluation.md": {"outputs": PICTURES, "targets": PICTURES[::-1]},
    "docs/guides/medical.md": {"volume": SLICES},
}
"""What a page's blocks take for granted."""


@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page) and page not in ELSEWHERE])
def test_the_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check = PREPARE[page](tmp_path, monkeypatch)
    told: Told = {"__name__": "a_page", **GIVEN.get(page, {})}
    for text in python_blocks(page):
        exec(compile(text, page, "exec", dont_inherit=True), told)
    check(told)


def test_the_reference_of_python_has_every_public_name() -> None:
    named = re.findall(r"^\.\. auto\w+:: diptych\.(\w+)$", PAGES["docs/python.md"], re.MULTILINE)
    assert sorted(named) == sorted(set(diptych.__all__) - {"__version__"})
