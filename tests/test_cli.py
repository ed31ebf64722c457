"""The commands as they are typed: what they do, what they say, and with which code they leave."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image
from test_formats import huge_png
from toys import TINY, assert_equal, run_to_end, tiny_recipe, weights

from diptych import cli, formats
from diptych.commands.recipes import files
from diptych.data import datasets
from diptych.recipe import read
from diptych.training.run import Run

RNG = np.random.default_rng(0)
COMMANDS = [
    [],
    ["train"],
    ["translate"],
    ["recipes"],
    ["recipes", "show"],
    ["data"],
    ["data", "check"],
    ["data", "list"],
    ["data", "get"],
    ["demo"],
]


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Typed = Callable[..., Said]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test in a folder of its own, without prepared sets; a training leaves no signal handlers behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    """Types a command; no command may answer with a traceback."""

    def answer(*words: str | Path) -> Said:
        capsys.readouterr()
        code = cli.call([str(word) for word in words])
        said = Said(code, *capsys.readouterr())
        assert "Traceback" not in said.out + said.err
        return said

    return answer


def refused(said: Said, code: int, *words: str) -> None:
    """One sentence on standard error, which holds the words."""
    assert said.code == code, said
    assert len(said.err.strip().splitlines()) == 1, said.err
    assert said.err.startswith("diptych: ")
    for word in words:
        assert word in said.err


# Help


def test_no_help_imports_torch() -> None:
    script = (
        "import json, sys\n"
        "from diptych.cli import call\n"
        "codes = []\n"
        "for words in json.loads(sys.argv[1]):\n"
        "    codes.append(call([*words, '--help']))\n"
        "    loaded = sorted({'torch', 'numpy', 'PIL'} & set(sys.modules))\n"
        "    print('LOADED', words, loaded)\n"
        "print('CODES', codes)\n"
    )
    words = [sys.executable, "-c", script, json.dumps(COMMANDS)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("LOADED")]
    assert len(lines) == len(COMMANDS)
    assert [line for line in lines if "torch" in line] == []
    assert f"CODES {[0] * len(COMMANDS)}" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_names_what_can_be_given(words: list[str], typed: Typed) -> None:
    said = typed(*words, "--help")
    assert said.code == 0
    assert "Usage: diptych" in said.out
    wanted = {
        "train": ["--out", "--no-check", "OVERRIDES"],
        "translate": ["--grid", "--size", "--overwrite", "--seed", "--way", "--checkpoint"],
        "data check": ["--recipe", "--task"],
        "recipes show": ["NAME"],
        "": ["train", "translate", "recipes", "data", "demo"],
    }
    assert [word for word in wanted.get(" ".join(words), []) if word not in said.out] == []


def test_without_a_word_the_help_and_with_version_the_version(typed: Typed) -> None:
    assert "Usage: diptych" in typed().out
    said = typed("--version")
    assert (said.code, said.out.count(".")) == (0, 2)


def test_the_module_runs_and_leaves_with_the_code() -> None:
    done = subprocess.run([sys.executable, "-m", "diptych", "trian"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith('diptych: Unknown command "trian". Did you mean "train"?')


# Wrong usage: 2


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("trian pix2pix", 'Did you mean "train"?'),
        ("data lst", 'Did you mean "list"?'),
        ("recipes shw", "shw"),
        ("train", "requires an argument"),
        ("translate", "requires an argument"),
        ("translate run a.png", "--out requires an argument"),
        ("data check", "requires an argument"),
        ("data get", "requires an argument"),
        ("recipes show", "requires an argument"),
        ("translate run a.png --out o --siez 3", "Did you mean --size?"),
        ("translate run a.png --out o --size big", "big"),
        ("translate run --out o", "name at least one picture"),
        ("translate run a.png --out o --size -1", "--size may not be negative"),
        ("translate run a.png --out o --batch 0", "--batch must be at least 1"),
        ("train pix2pix-facade", 'did you mean "pix2pix-facades"?'),
        ("recipes show pix2pix-facade", 'did you mean "pix2pix-facades"?'),
        ("data check here --recipe pix2pix-facade", 'did you mean "pix2pix-facades"?'),
        ("train no.toml", 'there is no recipe or file "no.toml"'),
        ("train pix2pix data.foldr=here", 'did you mean "folder"?'),
        ("train pix2pix trainig.steps=3", 'did you mean "training"?'),
        ("train pix2pix options.widht=3", 'did you mean "width"?'),
        ("train pix2pix data.source.color=grey", 'did you mean "colour"?'),
        ("train pix2pix training.learning_rate.generater=0.1", 'did you mean "generator"?'),
        ("train pix2pix training.steps", "write key=value"),
        ("train pix2pix =3", "write key=value"),
        ("train pix2pix training.steps=many", '"training.steps" must be a whole number'),
        ("train pix2pix training.steps=1.5", '"training.steps" must be a whole number'),
        ("train pix2pix training.channels_last=1", '"training.channels_last" must be true or false'),
        ("train pix2pix training=3", '"training" must be a table'),
        ("train pix2pix data.load_size=[1,2,3]", '"data.load_size" must be'),
        ("train pix2pix training.schedule=linaer", 'did you mean "linear"?'),
        ("train pix2pix data.direction=b-to-b", "choose from"),
        ("train pix2pix training.steps=-1", "may not be negative"),
        ("train pix2pix training.epochs=0", "how long to train"),
        ("train pix2pix training.epochs=inf", "training.epochs"),
        ("train pix2pix training.epochs=nan", "training.epochs"),
        ("train pix2pix training.seed=-1", "training.seed"),
        ("train pix2pix training.batch_size=0", "at least 1"),
        ("train pix2pix training.beta1=2", "must lie between"),
        ("train pix2pix training.learning_rate.generator=-1", "may not be negative"),
        ("train pix2pix training.learning_rate.generator=nan", "training.learning_rate"),
        ("train pix2pix training.device=abacus data.folder=here", "not to be had here"),
        ("train pix2pix data.crop_size=0", "at least 1"),
        ("train pix2pix data.load_size=100", "smaller than data.crop_size"),
        ("train pix2pix data.validation_share=1", "must lie between 0 and 1"),
        ("train pix2pix data.source.depth=uint12", "choose from"),
        ("train pix2pix data.palette=[[1,2]]", "must be a list of 3"),
        ("train pix2pix data.palette=[[1,2,99999]]", "data.palette"),
        ("train pix2pix options.width=0", "options.width"),
        ("train pix2pix options.width=-4", "options.width"),
        ("train pix2pix options.l1=-1", "options.l1"),
        ("train pix2pix options.l1=nan", "options.l1"),
        ("train cyclegan options.blocks=-1", "options.blocks"),
        ("train cyclegan options.pool=-1", "options.pool"),
        ("train pix2pix system=pix2pixx", "choose from"),
    ],
    ids=lambda value: value if " " in value else "",
)
def test_wrong_usage_is_2(words: str, answer: str, typed: Typed, tmp_path: Path) -> None:
    refused(typed(*words.split()), 2, answer)
    assert not (tmp_path / "runs").exists()


def test_a_recipe_that_is_no_toml(tmp_path: Path, typed: Typed) -> None:
    (tmp_path / "mine.toml").write_text("system = \n")
    refused(typed("train", "mine.toml"), 2, "mine.toml is no readable TOML")


# Explained failures: 1


def test_there_is_no_such_folder(typed: Typed) -> None:
    refused(typed("data", "check", "nowhere"), 1, 'there is no folder or data set "nowhere"')
    refused(typed("data", "check", "openmojis"), 1, 'did you mean "openmoji"?')
    refused(typed("translate", "nowhere", "a.png", "--out", "o"), 1, "nowhere is no folder; name a run")
    refused(typed("data", "get", "facade"), 1, 'did you mean "facades"?')
    said = typed("train", "pix2pix")
    assert said.code == 1
    assert "data.folder is not set" in said.err
    said = typed("train", "pix2pix", "data.folder=nowhere", "--out", "other")
    assert said.code == 1
    assert 'there is no folder or data set "nowhere"' in said.err


def test_a_folder_that_was_mistyped_can_be_corrected(toy_pairs: Path, typed: Typed) -> None:
    words = [word for word in tiny_words(toy_pairs) if not word.startswith("data.folder")]
    assert typed("train", "pix2pix", *words, "data.folder=piars").code == 1
    assert typed("train", "pix2pix", *words, f"data.folder={toy_pairs}").code == 0


def test_a_folder_may_be_called_by_a_number(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    toy_pairs.rename(tmp_path / "2024")
    said = typed("data", "check", "2024")
    assert said.code == 0, said.err


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (MemoryError(), 1),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 9 bytes"), 1),
        (OSError(errno.ENOSPC, "No space left on device", "/x"), 1),
        (KeyboardInterrupt(), 130),
    ],
    ids=["memory", "torch-memory", "disk", "ctrl-c"],
)
def test_what_goes_wrong_below_is_one_sentence(
    problem: BaseException, code: int, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise problem

    monkeypatch.setattr("diptych.data.check.look_over", fail)
    monkeypatch.setattr("diptych.commands.data.guess", lambda data: data)
    refused(typed("data", "check", "here"), code)


# Recipes


def test_recipes_are_listed_with_a_line_each(typed: Typed) -> None:
    said = typed("recipes")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == list(files())
    assert [line for line in said.out.splitlines() if len(line.split()) < 4] == []


@pytest.mark.parametrize("name", files())
def test_every_shipped_recipe_parses(name: str) -> None:
    recipe = read(name)
    assert recipe.name == name
    assert name.split("-")[0] == recipe.system or name.startswith("srresnet")  # which is SRGAN without its adversary
    assert read_text_back(recipe) == recipe.to_table()


def read_text_back(recipe: Any) -> Any:
    import tomllib

    return tomllib.loads(recipe.to_toml())


def test_the_recipes_of_the_papers_are_there_with_their_small_twins() -> None:
    sets = "openmoji facades maps edges2shoes edges2handbags cityscapes day2night colorization"
    wanted = [f"pix2pix-{name}" for name in sets.split()] + ["cyclegan-horse2zebra", "cyclegan-maps"]
    known = files()
    assert [name for name in wanted if name not in known] == []
    assert [name for name in known if not name.endswith("-small") and f"{name}-small" not in known] == []


def test_a_recipe_is_shown_as_it_is_shipped(typed: Typed) -> None:
    said = typed("recipes", "show", "pix2pix-facades")
    assert said == (0, files()["pix2pix-facades"].read_text(), "")


def test_data_sets_are_listed(typed: Typed) -> None:
    said = typed("data", "list")
    assert said.code == 0
    for name in ("openmoji", "facades", "horse2zebra", "night2day", "licence"):
        assert name in said.out


# Translating


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pix2pix run."""
    folder = tmp_path_factory.mktemp("translating")
    for split, count in (("train", 4), ("val", 2)):
        (folder / "pairs" / split).mkdir(parents=True)
        for number in range(count):
            save(folder / "pairs" / split / f"{number}.png", 20, 40)
    return run_to_end(tiny_recipe("pix2pix", folder / "pairs"), folder / "run")[0].folder


def save(path: Path, height: int = 20, width: int = 24) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_files_folders_and_patterns(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("in/a.png", "in/deep/b.jpg", "in/deep/c.BMP", "more/d.webp", "more/e.png", "single.png"):
        save(tmp_path / name)
    (tmp_path / "in" / "notes.txt").write_text("no picture")
    said = typed("translate", run, "in", "more/*.png", "more/d.webp", "single.png", "--out", "out")
    assert said.code == 0, said
    assert said.err == "passed over in in (no picture by the ending): notes.txt.\n"
    assert "6 of 6 pictures translated into out" in said.out
    assert names(tmp_path / "out") == ["a.png", "d.webp", "deep/b.jpg", "deep/c.bmp", "e.png", "single.png"]
    for name in names(tmp_path / "out"):
        with Image.open(tmp_path / "out" / name) as picture:
            assert picture.size == (24, 20)


def test_one_picture_to_one_file_and_the_same_every_time(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.jpg")
    for number in ("1", "2"):
        assert typed("translate", run, "a.jpg", "--out", f"results/{number}.png").code == 0
    assert typed("translate", run, "a.jpg", "--out", "results/3.png", "--seed", "1").code == 0
    first, second, third = ((tmp_path / "results" / f"{number}.png").read_bytes() for number in "123")
    assert first == second != third


def test_a_batch_gives_what_each_gives_alone(run: Path, typed: Typed, tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "in" / f"{number}.png")
    save(tmp_path / "in" / "4.png", 30, 17)
    assert typed("translate", run, "in", "--out", "alone").code == 0
    assert typed("translate", run, "in", "--out", "together", "--batch", "4").code == 0
    assert names(tmp_path / "alone") == names(tmp_path / "together")


def test_what_stands_there_is_not_overwritten_unless_asked(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.png").write_bytes(b"precious")
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert "2 of 3 pictures translated" in said.out
    assert said.err == "not done: out/b.png exists; give --overwrite to replace it, or another --out.\n"
    assert (tmp_path / "out" / "b.png").read_bytes() == b"precious"
    assert typed("translate", run, "in", "--out", "out", "--overwrite").code == 0
    assert (tmp_path / "out" / "b.png").read_bytes() != b"precious"


BAD = {
    "cut.png": huge_png(4, 4)[:40],
    "empty.png": b"",
    "huge.png": huge_png(20000, 20000),
    "text.jpg": b"dear diary, today",
}


@pytest.mark.parametrize("batch", ["1", "3"])
def test_what_cannot_be_read_is_listed_and_the_others_done(batch: str, run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a", "d", "z"):
        save(tmp_path / "in" / f"{name}.png")
    for name, data in BAD.items():
        (tmp_path / "in" / name).write_bytes(data)
    said = typed("translate", run, "in", "--out", "out", "--batch", batch)
    assert said.code == 1
    assert "3 of 7 pictures translated" in said.out
    assert names(tmp_path / "out") == ["a.png", "d.png", "z.png"]
    lines = said.err.splitlines()
    assert all(line.startswith("not done: in/") for line in lines)
    assert sorted(line.split()[2].removeprefix("in/") for line in lines) == sorted(BAD)


def test_a_result_that_cannot_be_written_leaves_the_others_done(run: Path, typed: Typed, tmp_path: Path) -> None:
    """A folder stands where a result would be; the pictures of its batch are done all the same."""
    for name in ("a", "b", "c"):
        save(tmp_path / "in" / f"{name}.png")
    (tmp_path / "out" / "a.png" / "in the way").mkdir(parents=True)
    said = typed("translate", run, "in", "--out", "out", "--batch", "3", "--overwrite")
    assert said.code == 1
    assert [line for line in said.err.splitlines() if "out/a.png" in line]
    assert names(tmp_path / "out") == ["b.png", "c.png"]
    assert "2 of 3 pictures translated" in said.out


def test_a_file_in_the_place_of_one_folder_leaves_the_others_done(run: Path, typed: Typed, tmp_path: Path) -> None:
    for name in ("a.png", "deep/b.png", "z.png"):
        save(tmp_path / "in" / name)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "deep").write_text("a file")
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert [name for name in names(tmp_path / "out") if name != "deep"] == ["a.png", "z.png"]
    assert [line for line in said.err.splitlines() if "out/deep" in line]


def test_a_file_in_the_place_of_the_output_folder(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    (tmp_path / "out").write_text("a file")
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert "out" in said.err
    assert (tmp_path / "out").read_text() == "a file"


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write everywhere")
def test_an_output_folder_that_is_read_only(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    (tmp_path / "out").mkdir(mode=0o555)
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert "out" in said.err


def test_a_full_disk_while_translating(
    run: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "in" / "a.png")
    monkeypatch.setattr(os, "fsync", full)
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 1
    assert "No space left on device" in said.err
    assert names(tmp_path / "out") == []


def test_two_inputs_with_one_result_are_refused_before_anything_is_done(
    run: Path, typed: Typed, tmp_path: Path
) -> None:
    for folder in ("one", "two"):
        save(tmp_path / folder / "a.png")
    refused(typed("translate", run, "one", "two", "--out", "out"), 2, "one/a.png", "two/a.png", "would both become")
    assert not (tmp_path / "out").exists()
    save(tmp_path / "one" / "a.bmp")
    refused(typed("translate", run, "one", "--out", "out", "--format", "jpg"), 2, "would both become out/a.jpg")


def test_an_input_is_not_replaced_by_its_own_result(run: Path, typed: Typed, tmp_path: Path) -> None:
    before = save(tmp_path / "in" / "a.png").read_bytes()
    refused(typed("translate", run, "in", "--out", "in", "--overwrite"), 2, "replaced by its own result")
    refused(typed("translate", run, "in/a.png", "--out", "in/a.png", "--overwrite"), 2, "replaced by its own result")
    assert (tmp_path / "in" / "a.png").read_bytes() == before


def test_inputs_that_are_not_there(run: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "empty" / "only a folder").mkdir(parents=True)
    refused(typed("translate", run, "gone.png", "--out", "out"), 1, "there is no gone.png")
    refused(typed("translate", run, "in/*.png", "--out", "out"), 1, "there is no in/*.png")
    refused(typed("translate", run, "empty", "--out", "out"), 1, "there is no picture in empty")
    refused(typed("translate", run, "empty/*", "--out", "out"), 1)  # a pattern that only a folder fits


def test_a_format_is_asked_for(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    assert typed("translate", run, "a.png", "--out", "out", "--format", ".tif").code == 0
    assert names(tmp_path / "out") == ["a.tif"]
    refused(typed("translate", run, "a.png", "--out", "out", "--format", "gif89"), 2, "gif89")


def test_a_grid_shows_the_input_beside_the_result(run: Path, typed: Typed, tmp_path: Path) -> None:
    before = save(tmp_path / "a.png", 20, 24)
    assert typed("translate", run, "a.png", "--out", "plain").code == 0
    assert typed("translate", run, "a.png", "--out", "grid", "--grid").code == 0
    with Image.open(tmp_path / "grid" / "a.png") as grid, Image.open(tmp_path / "plain" / "a.png") as plain:
        assert grid.size == (48, 20)
        np.testing.assert_array_equal(np.asarray(grid)[:, 24:], np.asarray(plain))
        left = np.asarray(grid)[:, :24].astype(int)
    with Image.open(before) as picture:
        assert np.abs(left - np.asarray(picture)).max() <= 1


def test_a_size_for_the_network(run: Path, typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "a.png", 30, 50)
    assert typed("translate", run, "a.png", "--out", "small", "--size", "16").code == 0
    assert typed("translate", run, "a.png", "--out", "own").code == 0
    with Image.open(tmp_path / "small" / "a.png") as small, Image.open(tmp_path / "own" / "a.png") as own:
        assert small.size == own.size == (50, 30)
        assert (np.asarray(small) != np.asarray(own)).any()


def test_pictures_of_every_sort_come_out(run: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("CMYK", (20, 20), (9, 90, 200, 0)).save(tmp_path / "in" / "cmyk.jpg")
    Image.new("RGB", (1, 1)).save(tmp_path / "in" / "dot.png")
    palette = Image.new("P", (20, 20))
    palette.putpalette([10, 20, 30, 200, 100, 0])
    palette.save(tmp_path / "in" / "palette.png", transparency=0)
    Image.fromarray(np.full((20, 20), 40000, np.uint16)).save(tmp_path / "in" / "deep.png")
    frames = [Image.new("RGB", (20, 20), (shade, 0, 0)) for shade in (10, 200)]
    frames[0].save(tmp_path / "in" / "moving.webp", save_all=True, append_images=frames[1:])
    said = typed("translate", run, "in", "--out", "out")
    assert said.code == 0, said
    assert said.err == "in/moving.webp has 2 frames; the first was translated.\n"
    assert names(tmp_path / "out") == ["cmyk.jpg", "deep.png", "dot.png", "moving.webp", "palette.png"]


@pytest.mark.parametrize(
    ("words", "code", "answer"),
    [
        ("--checkpoint 5", 1, 'no checkpoint "5"; there is 3, 6, best'),
        ("--checkpoint ../../recipe", 1, "no checkpoint"),
        ("--way b-to-a", 2, 'cannot translate "b-to-a"'),
        ("--device abacus", 2, "abacus"),
        ("--device cuda:99", 2, "cuda:99"),
        ("--seed 99999999999999999999999", 2, "seed"),
        ("--size 10000000", 1, "memory"),  # 300 TB: refused at once on every machine
    ],
    ids=lambda value: str(value),
)
def test_options_that_cannot_be_had(
    words: str, code: int, answer: str, run: Path, typed: Typed, tmp_path: Path
) -> None:
    save(tmp_path / "a.png")
    said = typed("translate", run, "a.png", "--out", "out", *words.split())
    assert said.code == code, said
    assert answer in said.err


def test_a_folder_that_is_no_run(typed: Typed, tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png")
    refused(typed("translate", "in", "in/a.png", "--out", "out"), 1, "holds no translator")


# Translating: standard input and output


@pytest.fixture
def piped(capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    def answer(data: bytes, *words: str | Path) -> tuple[int, bytes, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = cli.call([str(word) for word in words])
        out, err = capsysbinary.readouterr()
        assert b"Traceback" not in err
        return code, out, err.decode()

    return answer


def test_from_standard_input_to_standard_output(run: Path, piped: Any, tmp_path: Path) -> None:
    data = save(tmp_path / "a.png").read_bytes()
    code, out, err = piped(data, "translate", run, "-", "--out", "-")
    assert (code, err) == (0, "")
    with Image.open(io.BytesIO(out)) as picture:
        assert (picture.format, picture.size) == ("PNG", (24, 20))
    assert piped(b"", "translate", run, "a.png", "--out", "-") == (0, out, "")
    assert piped(data, "translate", run, "-", "--out", "b.png")[0] == 0
    assert (tmp_path / "b.png").read_bytes() == out
    code, again, err = piped(data, "translate", run, "-", "--out", "b.png")
    assert (code, again) == (1, b"")
    assert "b.png exists; give --overwrite" in err
    code, out, _ = piped(data, "translate", run, "-", "--out", "-", "--format", "jpg", "--grid")
    with Image.open(io.BytesIO(out)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (48, 20))


def test_bad_things_through_pipes(run: Path, piped: Any, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("a", "b"):
        save(tmp_path / f"{name}.png")
    for data, words, wanted, answer in (
        (b"", ["-", "--out", "-"], 1, "standard input is empty"),
        (b"dear diary", ["-", "--out", "-"], 1, "standard input is no picture"),
        (huge_png(20000, 20000), ["-", "--out", "-"], 1, "89,478,485 pixels"),
        (b"", ["gone.png", "--out", "-"], 1, "gone.png"),
        (b"", ["folder", "--out", "-"], 1, "folder"),
        (b"", ["a.png", "b.png", "--out", "-"], 2, "exactly one input"),
        (b"", ["-", "a.png", "--out", "o"], 2, "exactly one input"),
    ):
        code, out, err = piped(data, "translate", run, *words)
        assert (code, out) == (wanted, b""), (words, err)
        assert answer in err
        assert len(err.splitlines()) == 1


def test_standard_input_into_a_folder(run: Path, piped: Any, tmp_path: Path) -> None:
    """It has no name to keep, so a folder cannot take it; the sentence must not speak of overwriting the folder."""
    data = save(tmp_path / "a.png").read_bytes()
    (tmp_path / "folder").mkdir()
    code, _, err = piped(data, "translate", run, "-", "--out", "folder")
    assert code in (1, 2)
    assert "--overwrite" not in err


# Training


def tiny_words(folder: Path, *more: str) -> list[str]:
    recipe = "data.load_size=18 data.crop_size=16 training.epochs=0 training.steps=6 training.log_every=2"
    every = "training.validate_every=3 training.picture_every=6 training.checkpoint_every=3"
    return [
        *TINY["pix2pix"],
        *recipe.split(),
        *every.split(),
        "training.precision=float32",
        f"data.folder={folder}",
        *more,
    ]


def full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_train_resume_and_translate(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    said = typed("train", "pix2pix", *tiny_words(toy_pairs))
    assert said.code == 0, said
    assert "Run folder: runs/pix2pix" in said.out
    assert "12 train, 4 val" in said.out
    assert "Done: runs/pix2pix. Translate with: diptych translate runs/pix2pix" in said.out
    said = typed("train", "pix2pix", *tiny_words(toy_pairs), "--no-check")
    assert said.code == 0
    assert "The run is complete: 6 steps." in said.out
    said = typed("train", "pix2pix", *tiny_words(toy_pairs, "options.l1=7"))
    assert said.code == 2
    assert "options.l1 was 100.0 and is now 7.0" in said.err
    assert typed("translate", "runs/pix2pix", toy_pairs / "val", "--out", "out").code == 0
    assert names(tmp_path / "out") == ["0.png", "1.png", "2.png", "3.png"]


def test_a_run_from_a_file_of_one_s_own(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(tiny_recipe("pix2pix", toy_pairs).to_toml())
    assert typed("train", "mine.toml").code == 0
    assert (tmp_path / "runs" / "mine" / "card.json").is_file()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_picture_that_vanishes_while_training(
    workers: int, toy_pairs: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = datasets.open_dataset

    def then_remove(*words: Any, **more: Any) -> Any:
        dataset = plain(*words, **more)
        (toy_pairs / "train" / "7.png").unlink(missing_ok=True)
        return dataset

    monkeypatch.setattr("diptych.training.loop.open_dataset", then_remove)
    words = tiny_words(toy_pairs, "data.cache_gib=0", f"data.workers={workers}", "training.steps=30")
    said = typed("train", "pix2pix", *words)
    refused(said, 1, "train/7.png is not there")
    assert "No problems found" in said.out  # it was there when the folder was looked over
    run = Run(tmp_path / "runs" / "pix2pix", tiny_recipe("pix2pix", toy_pairs))
    for step in run.saved_steps():
        weights(run, step)


def test_the_check_refuses_what_training_would_end_on(toy_pairs: Path, typed: Typed) -> None:
    (toy_pairs / "train" / "7.png").write_bytes(b"dear diary")
    said = typed("train", "pix2pix", *tiny_words(toy_pairs))
    refused(said, 1, "1 of 16 examples cannot be trained on", "--no-check")
    assert "train/7.png is no picture that can be read" in said.out


def test_after_a_refused_check_the_recipe_may_be_changed(toy_pairs: Path, typed: Typed) -> None:
    """Nothing was trained, so nothing binds: another value must not be refused as another recipe."""
    (toy_pairs / "train" / "7.png").write_bytes(b"dear diary")
    assert typed("train", "pix2pix", *tiny_words(toy_pairs)).code == 1
    (toy_pairs / "train" / "7.png").unlink()
    said = typed("train", "pix2pix", *tiny_words(toy_pairs, "options.l1=7"))
    assert said.code == 0, said.err


def test_a_file_in_the_place_of_the_run_folder(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    for place in ("taken", "taken/below"):
        said = typed("train", "pix2pix", *tiny_words(toy_pairs), "--out", place)
        refused(said, 1, f"the run folder {place} cannot be written", "name another with --out")


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="root may write everywhere")
def test_a_run_folder_that_is_read_only(toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir(mode=0o555)
    refused(typed("train", "pix2pix", *tiny_words(toy_pairs), "--out", "taken"), 1, "cannot be written")


@pytest.mark.parametrize("blocked", ["checkpoints", "pictures", "log.jsonl", "scores.jsonl", "card.json"])
def test_something_in_the_way_inside_the_run_folder(
    blocked: str, toy_pairs: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file where a folder belongs, and a folder where a file belongs; it appears after the run was begun."""
    plain = datasets.open_dataset

    def then_block(*words: Any, **more: Any) -> Any:
        place = tmp_path / "runs" / "pix2pix" / blocked
        if not place.exists():
            (place / "x").mkdir(parents=True) if "." in blocked else place.write_text("a file")
        return plain(*words, **more)

    monkeypatch.setattr("diptych.training.loop.open_dataset", then_block)
    said = typed("train", "pix2pix", *tiny_words(toy_pairs))
    refused(said, 1, blocked)


@pytest.mark.parametrize("where", ["fsync", "save_file", "log"])
def test_a_full_disk_leaves_the_previous_checkpoint_whole(
    where: str, toy_pairs: Path, typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tiny_words(toy_pairs, "--no-check")
    straight, _ = run_to_end(read("pix2pix", words[:-1]), tmp_path / "straight")
    saves: list[int] = []
    plain = Run.save

    def fill_up(self: Run, step: int, *rest: Any) -> None:
        if not saves:
            plain(self, step, *rest)
            saves.append(step)
            if where == "log":
                patch.setattr(Run, "append", open_full)
            else:
                patch.setattr(*((os, "fsync", full) if where == "fsync" else ("safetensors.torch.save_file", full)))
            return
        plain(self, step, *rest)

    def open_full(self: Run, name: str, entry: Any) -> None:
        from diptych.errors import DiptychError

        try:
            full()
        except OSError as problem:
            raise DiptychError(f"{self.folder / name} cannot be written: {problem.strerror}; make room.") from None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "save", fill_up)
        said = typed("train", "pix2pix", *words)
    refused(said, 1, "cannot be written", os.strerror(errno.ENOSPC))
    assert saves == [3]
    run = Run(tmp_path / "runs" / "pix2pix", read("pix2pix", words[:-1]))
    assert run.saved_steps() == [3]
    assert_equal(weights(run, 3), weights(straight, 3))
    assert [path.name for path in run.folder.rglob("*.part*")] == []
    said = typed("train", "pix2pix", *words)  # there is room again
    assert said.code == 0
    assert "Resumed at step 3 of 6" in said.out
    assert_equal(weights(run), weights(straight))


def test_formats_know_the_endings_that_translate_lists() -> None:
    assert {".png", ".jpg", ".webp", ".bmp", ".tif", ".npy", ".npz"} <= formats.ENDINGS
