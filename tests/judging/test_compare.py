"""Runs compared, and studies repeated."""

import json
from pathlib import Path

import numpy as np
import pytest
from commanding import Typed
from judged import SIMPLE
from toys import TINY, run_to_end, tiny_recipe

from diptych.judging.ablate import Row, Study, read_study, shipped
from diptych.judging.compare import differences
from diptych.judging.judge import Result


def test_compare_pairs_pictures_and_refuses_other_protocols(
    run: Path, toy_pairs: Path, tmp_path: Path, typed: Typed
) -> None:
    run_to_end(tiny_recipe("pix2pix", toy_pairs, "training.steps=2", "options.objective=l1"), tmp_path / "other")
    code, out, _ = typed("compare", run, "other", "--metrics", SIMPLE)
    assert code == 0
    assert "other against run:" in out
    assert "of 4 pictures, l1 " in out
    whole = json.loads(Path("comparison/compare.json").read_text())
    one = [score["value"] for name in ("run", "other") for score in whole["scores"][name] if score["metric"] == "l1"]
    assert whole["differences"]["other"][0]["mean"] == pytest.approx(one[1] - one[0])
    assert (tmp_path / "comparison" / "sheet.png").is_file()
    code, out, _ = typed("compare", run, run, "--metrics", "l1", "--out", "same")
    assert "run#2 against run#1:" in out
    assert "better on 0 of 4 pictures, l1 +0.0000 +- 0.0000" in out
    typed("evaluate", run, "--metrics", "l1", "--split", "train", "--out", "on-train")
    typed("evaluate", run, "--metrics", "l1", "--out", "on-val")
    code, _, err = typed("compare", "on-val", "on-train")
    assert code == 2
    assert "cannot be compared: split is 'val' for run and 'train' for run" in err
    assert typed("compare", "on-val", "on-val")[0] == 0
    assert "at least two" in typed("compare", run)[2]
    Path("on-val/scores.json").write_text("{")
    assert "holds a damaged evaluation" in typed("compare", "on-val", "on-train")[2]


def test_differences_are_over_the_pictures_that_both_have_a_number_for() -> None:
    """Equal infinite values are no difference; one that only one side has is none that can be averaged."""
    nan, inf = np.nan, np.inf
    names = ["a", "b", "c", "d"]
    first = Result(
        "one", {}, [], names, {"l1": [0.5, nan, 0.5, 0.5], "psnr": [inf, 20, 20, 20], "ssim": [1, 1, 1, inf]}, []
    )
    other = Result(
        "two", {}, [], names, {"l1": [0.25, 0.5, 0.5, nan], "psnr": [inf, 21, 21, 21], "ssim": [1, 1, 1, 1]}, []
    )
    l1, psnr = differences(first, other)
    assert (l1.metric, l1.mean, l1.better_on, l1.pictures) == ("l1", -0.125, 1, 2)
    assert (psnr.metric, psnr.mean, psnr.better_on, psnr.pictures) == ("psnr", 0.75, 3, 4)


def test_a_study_of_ones_own(toy_pairs: Path, tmp_path: Path, typed: Typed) -> None:
    study = tmp_path / "mine.toml"
    study.write_text(
        'title = "Mine"\nsource = "nowhere"\nrecipe = "pix2pix"\nsteps = 2\nmetrics = ["l1", "lab"]\ncolumns = ["l1"]\n'
        '[[rows]]\nname = "a"\npaper = [0.5]\n[[rows]]\nname = "b"\nset = ["options.objective=l1"]\n'
    )
    small = [
        *TINY["pix2pix"],
        f"data.folder={toy_pairs}",
        "data.load_size=16",
        "data.crop_size=16",
        "training.epochs=0",
    ]
    code, out, _ = typed("ablate", study, *small)
    assert code == 0
    assert "Mine; nowhere. Here: 2 steps each." in out
    assert "(0.50)" in out
    assert (tmp_path / "runs" / "ablate" / "mine" / "compare.csv").is_file()
    assert json.loads(Path("runs/ablate/mine/b/card.json").read_text())
    code, again, _ = typed("ablate", study, *small)
    assert "The run is complete: 2 steps." in again
    assert out.splitlines()[-4:] == again.splitlines()[-4:]


def test_studies_that_are_wrong(tmp_path: Path, typed: Typed) -> None:
    assert 'no study or file "loses" (did you mean "losses"?)' in typed("ablate", "loses")[2]
    bad = tmp_path / "bad.toml"
    for text, words in [
        ("title = ", "no readable TOML"),
        ('title = "x"', "needs [[rows]]"),
        ('recipe = "pix2pix"\n[[rows]]\nname = "a"', "must say its recipe, its steps and its metrics"),
        ('recipe = "pix2pix"\nsteps = 1\nmetrics = ["l7"]\n[[rows]]\nname = "a"', 'no metric "l7"'),
        ('stepz = 1\n[[rows]]\nname = "a"', 'stepz" is not known (did you mean "steps"?)'),
        ('[[rows]]\nname = "a"\n[[rows]]\nname = "a"', "a name of its own"),
    ]:
        bad.write_text(text)
        code, _, err = typed("ablate", bad)
        assert code == 2, text
        assert words in err


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_studies_are_whole(name: str) -> None:
    """Every row reads as a recipe and gives the paper's three numbers."""
    from diptych.judging.ablate import recipe_of

    study = read_study(name)
    recipes = [recipe_of(study, row, []).to_table() for row in study.rows]
    assert len({json.dumps(recipe) for recipe in recipes}) == len(recipes)
    assert all(len(row.paper) == len(study.columns) == 3 for row in study.rows)
    paper = {"feature_matching": 0, "gradient_difference": 0, "perceptual": 0}
    assert all(recipe["options"] | paper == recipe["options"] for recipe in recipes)


def test_a_row_lies_over_the_users_words_and_these_over_the_study() -> None:
    from diptych.judging.ablate import recipe_of

    wide = Row("a", set=("options.width=8",))
    study = Study("", "", "pix2pix", ("options.width=6", "options.discriminator_width=6"), 3, ("l1",), rows=(wide,))
    recipe = recipe_of(study, wide, ["options.width=7", "options.l1=50"])
    assert (recipe.options.width, recipe.options.discriminator_width, recipe.options.l1) == (8, 6, 50)
    assert recipe.training.steps == 3
