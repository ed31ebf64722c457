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
from documents import PAGES, PAST, blocks, commands, python_blocks
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


def test_tables_of_settings_are_read(tmp_path: Path) -> None:
    ((_, data),) = blocks("docs/data.md")
    (study,) = (text for language, text in blocks("docs/evaluation.md") if language == "toml")
    assert Recipe.from_table({"system": "spade", "training": {"steps": 1}} | tomllib.loads(data)).data.source.names
    (tmp_path / "width.toml").write_text(study)
    assert [row.name for row in read_study(str(tmp_path / "width.toml")).rows] == ["narrow", "wide"]


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


PREPARE = {
    "README.md": readme,
    "docs/add-a-system.md": system,
    "docs/evaluation.md": evaluation,
    "docs/python-training.md": own_training,
    "docs/serving.md": service,
}
GIVEN = {"docs/evaluation.md": ("outputs", "targets")}
"""Names that a page's blocks take for granted: lists of pictures."""


@pytest.mark.parametrize("page", [page for page in PAGES if python_blocks(page) and page not in ELSEWHERE])
def test_the_python_of_a_page_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    check = PREPARE[page](tmp_path, monkeypatch)
    told: Told = {name: list(rng.integers(0, 256, (3, 32, 32, 3), np.uint8)) for name in GIVEN.get(page, ())}
    told["__name__"] = "a_page"
    for text in python_blocks(page):
        exec(compile(text, page, "exec", dont_inherit=True), told)
    check(told)


def test_the_reference_of_python_has_every_public_name() -> None:
    named = re.findall(r"^\.\. auto\w+:: diptych\.(\w+)$", PAGES["docs/python.md"], re.MULTILINE)
    assert sorted(named) == sorted(set(diptych.__all__) - {"__version__"})
