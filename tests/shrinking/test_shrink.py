"""``diptych shrink``: the student's size, the command, and its refusals."""

import json
from pathlib import Path

import pytest
from commanding import Typed, refused
from toys import draw_pairs, run_to_end, tiny_recipe, weights

from diptych.errors import UsageError
from diptych.evaluation.metrics import Score
from diptych.shrinking import table
from diptych.shrinking.student import factor_of, operations, size_for, student_of
from diptych.shrinking.table import shown, verdict
from diptych.training.run import Run, read_recipe
from diptych.translator.card import read_cards
from diptych.translator.translator import Translator

QUICK = ("training.steps=1", "training.validate_every=1")


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teachers")
    pairs = draw_pairs(folder / "pairs")
    for system, width in (("pix2pix", 16), ("cyclegan", 8)):
        run_to_end(tiny_recipe(system, pairs, *QUICK, f"options.width={width}"), folder / system)
    run_to_end(tiny_recipe("inpainting", pairs, *QUICK), folder / "inpainting")
    return folder


@pytest.mark.parametrize(("system", "factor"), [("pix2pix", 10), ("pix2pix", 3), ("cyclegan", 3)])
@pytest.mark.parametrize("separable", [False, True])
def test_the_widest_student_within_the_budget(teachers: Path, system: str, factor: float, separable: bool) -> None:
    recipe, card = read_recipe(teachers / system), next(iter(read_cards(teachers / system / "card.json").values()))
    size = size_for(recipe, card, factor, teachers / system, [separable])
    whole = operations(card, size._replace(width=recipe.options.width, separable=False))
    assert operations(card, size) <= whole / factor
    wider = size._replace(width=size.width + 1)
    assert size.width == recipe.options.width or operations(card, wider) > whole / factor


def test_separable_convolutions_where_they_allow_more_channels(teachers: Path) -> None:
    free, dense = (student_of(teachers / "pix2pix", 10, words) for words in ([], ["options.separable=false"]))
    assert free.options.separable
    assert not dense.options.separable
    assert free.options.width > dense.options.width


def test_recipe_of_a_student(teachers: Path) -> None:
    paired, unpaired = student_of(teachers / "pix2pix", 4), student_of(teachers / "cyclegan", 3)
    assert (paired.training.distill_features, paired.training.distill_outputs) == (1, 0)
    assert (unpaired.training.distill_features, unpaired.training.distill_outputs) == (0.01, 10)
    assert (paired.training.teacher, paired.training.init_from) == (str((teachers / "pix2pix").resolve()), "")
    stated = student_of(teachers / "pix2pix", 4, ["training.steps=77", "training.distill_features=5"])
    assert (stated.training.steps, stated.training.distill_features) == (77, 5)


def test_the_command_trains_and_prints_and_goes_on(
    teachers: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under torch alone; writing files for other engines takes long, and is tested below."""
    monkeypatch.setattr(table, "find_spec", lambda name: None)
    words = ["shrink", teachers / "pix2pix", "--to", "5x", "--metrics", "l1", "training.steps=2"]
    said = typed(*words)
    assert said.code == 0, said.err
    place = teachers / "pix2pix-5x"
    for expected in ("separable convolutions", "multiply-adds", "ms torch", "95 %", "l1"):
        assert expected in said.out
    figures = json.loads((place / "shrunk" / "figures.json").read_text())
    assert figures["multiply-adds"]["teacher"] / figures["multiply-adds"]["student"] >= 5
    assert (place / "shrunk" / "sheet.png").is_file()
    assert Translator.load(place).card.provenance["teacher"] == "pix2pix"
    before = {name: tensor.sum().item() for name, tensor in weights(read_run(place)).items()}
    again = typed(*words)
    assert again.code == 0
    assert "step 2/2" not in again.out
    assert before == {name: tensor.sum().item() for name, tensor in weights(read_run(place)).items()}


def read_run(place: Path) -> Run:
    return Run(place, read_recipe(place))


def test_refusals(teachers: Path, typed: Typed, tmp_path: Path) -> None:
    own = teachers / "pix2pix"
    refused(typed("shrink", tmp_path), 1, "is no run")
    refused(typed("shrink", own, "--to", "many"), 2, '"many"', "10x")
    refused(typed("shrink", own, "--to", "1x"), 2, "more than 1")
    refused(typed("shrink", own, "--to", "90x"), 2, "cannot be made 90 times smaller", "x or less")
    refused(typed("shrink", teachers / "inpainting"), 2, "inpainting", "has no student")
    refused(typed("shrink", own, "--out", own), 2, "the teacher's own folder")
    refused(typed("shrink", own, "option.width=3"), 2, "option")
    assert not (teachers / "pix2pix-10x").exists()


def test_figures_as_text() -> None:
    assert [shown(value) for value in (707e6, 6.05e9, 685_280, 21.34)] == ["707.00 M", "6.05 G", "685.28 k", "21.3"]
    assert (factor_of("10x"), factor_of("2.5"), factor_of("4X")) == (10, 2.5, 4)
    with pytest.raises(UsageError):
        factor_of("x")


def test_verdicts_by_the_teachers_interval() -> None:
    def score(value: float, low: float, high: float, better: str) -> Score:
        return Score("l1", value, low, high, better, 9, "", "")

    teacher = score(0.3, 0.2, 0.4, "lower")
    found = [verdict(teacher, score(value, 0, 1, "lower")) for value in (0.1, 0.25, 0.4, 0.5)]
    assert found == ["better", "within", "within", "worse"]
    assert verdict(score(0.3, 0.2, 0.4, "higher"), score(0.5, 0, 1, "higher")) == "better"
    assert verdict(score(0.7, 0.6, 0.8, "near 1"), score(0.9, 0, 1, "near 1")) == "better"
    assert verdict(score(0.9, 0.85, 0.95, "near 1"), score(1.2, 1, 2, "near 1")) == "worse"
    assert verdict(score(0.6, 0.6, 0.6, "lower"), score(0.5, 0.5, 0.5, "lower")) == ""
