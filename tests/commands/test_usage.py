"""Help, wrong usage and explained failures: what commands say, and with which code they leave."""

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commanding import Typed, refused, tiny_words

COMMANDS = [
    [],
    ["train"],
    ["translate"],
    ["recipes"],
    ["data"],
    ["data", "check"],
    ["data", "list"],
    ["data", "get"],
    ["demo"],
]


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
        "train": ["--out", "--no-check", "--profile", "OVERRIDES"],
        "translate": ["--grid", "--size", "--overwrite", "--seed", "--way", "--checkpoint"],
        "data check": ["--recipe", "--task"],
        "recipes": ["NAME", "--profile"],
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


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("trian pix2pix", 'Did you mean "train"?'),
        ("data lst", 'Did you mean "list"?'),
        ("recipes shw", "shw"),
        ("train", "name a recipe, a run or a folder"),
        ("train --dry-run", "name a recipe, a run or a folder"),
        ("translate", 'Command "translate" requires an argument RUN.'),
        ("evaluate runs/one runs/two", '"runs/two" is more than `diptych evaluate` takes'),
        ("evaluate runs/one runs/two", "side by side: diptych compare."),
        ("data list more", '"more" is more than `diptych data list` takes.'),
        ("report one two", '"two" is more than `diptych report` takes.'),
        ("translate run a.png", "--out requires an argument"),
        ("data check", "requires an argument"),
        ("data get", "requires an argument"),
        ("translate run a.png --out o --siez 3", "Did you mean --size?"),
        ("translate run a.png --out o --size big", "the size is 'big'"),
        ("translate run --out o", "name at least one picture"),
        ("translate run a.png --out o --size -1", "give own, training, a side such as 256, or HEIGHTxWIDTH"),
        ("translate run a.png --out o --batch 0", "--batch must be at least 1"),
        ("train pix2pix-facade", 'did you mean "pix2pix-facades"?'),
        ("recipes pix2pix-facade", 'did you mean "pix2pix-facades"?'),
        ("data check here --recipe pix2pix-facade", 'did you mean "pix2pix-facades"?'),
        ("train pix2pix --profile smal", 'no profile "smal" (did you mean "small"?)'),
        ("train no.toml", 'there is no recipe, file or folder "no.toml"'),
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

    monkeypatch.setattr("diptych.data.checks.check.look_over", fail)
    monkeypatch.setattr("diptych.data.checks.survey.guess", lambda data: data)
    refused(typed("data", "check", "here"), code)


def test_a_name_that_begins_with_a_dash_is_told_how_to_be_given(typed: Typed) -> None:
    refused(typed("translate", "run", "-x.png", "--out", "made"), 2, "is given as ./-x.png.")
    refused(typed("translate", "run", "x.png", "--out", "-y.png"), 2, "is given as ./-y.png.")
    assert "./" not in typed("translate", "run", "x.png", "--owt", "made").err


def test_an_empty_word_is_no_name_of_this_folder(typed: Typed) -> None:
    for words in (
        ["translate", "run", "", "--out", "made"],
        ["translate", "run", "x.png", "--out", ""],
        ["evaluate", ""],
    ):
        refused(typed(*words), 2, "a word of the command is empty")
    refused(typed("train", "nothing", "--out", "made", ""), 2, "a word of the command is empty")


@pytest.mark.parametrize("name", ["\x7f", 'a"b', "a\\nb"])
def test_a_folder_may_have_any_name(name: str, toy_pairs: Path, typed: Typed, tmp_path: Path) -> None:
    toy_pairs.rename(tmp_path / name)
    assert typed("data", "check", name).code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["options.width=9999999999999999999999"], '"options.width" is a number beyond what can be counted'),
        (["options.width=65537"], "options.width is 65537; no network can be built of numbers beyond 65536"),
        (["options.depth=60000"], "options.depth is 60000: a U-Net halves both sides"),
        (["training=5"], '"training" must be a table, not 5.'),
    ],
)
def test_numbers_beyond_any_network_are_refused(words: list[str], said: str, typed: Typed) -> None:
    refused(typed("train", "pix2pix", *words), 2, said)
