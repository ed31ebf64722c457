"""Runs and folders judged, compared and ablated, through the commands as they are typed."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toys import TINY, run_to_end, tiny_recipe

from diptych import cli, formats
from diptych.errors import DiptychError
from diptych.evaluation.evaluate import choose, evaluate
from diptych.evaluation.metrics import Example, as_rgb
from diptych.evaluation.needs import Means
from diptych.judging.ablate import read_study, shipped
from diptych.judging.folders import of_folders
from diptych.judging.judge import kept
from diptych.judging.subjects import spread
from diptych.labelling import Labels, read_index

SIMPLE = "l1,psnr,ssim,lab,diversity"
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str]) -> Typed:
    def answer(*words: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = cli.call([str(word) for word in words])
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return code, out, err

    return answer


@pytest.fixture
def run(toy_pairs: Path, tmp_path: Path) -> Path:
    run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "run")
    return tmp_path / "run"


def folder_of(place: Path, names: list[str], seed: int, size: tuple[int, int] = (40, 48)) -> Path:
    """RGB pictures of (height, width)."""
    rng = np.random.default_rng(seed)
    place.mkdir(parents=True)
    for name in names:
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(place / name)
    return place


def test_a_run_is_judged_and_the_verdict_kept(run: Path, typed: Typed) -> None:
    code, out, _ = typed("evaluate", run, "--metrics", SIMPLE)
    assert code == 0
    assert "4 pictures of 16x16, values in [-1, 1]" in out
    folder = run / "evaluation" / "val-00000006"
    result = kept(folder)
    assert result.protocol["split"] == "val"
    assert result.names == ["0", "1", "2", "3"]
    score = next(score for score in result.scores if score.metric == "l1")
    assert score.value == pytest.approx(np.mean(result.pictures["l1"]))
    assert score.low < score.value < score.high
    with open(folder / "scores.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["metric"] for row in rows] == ["l1", "psnr", "ssim", "lab L", "lab a", "lab b", "diversity"]
    assert formats.probe(folder / "sheet.png").width > 3 * 3 * 16
    scores = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
    assert score.value == pytest.approx(scores[-1]["l1"], rel=1e-4)  # the same as training saw


def test_what_cannot_be_had_is_told_or_refused(run: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = typed("evaluate", run, "--limit", "3")
    assert code == 0
    assert "coverage is left out: it needs 6 pictures or more, and there are 3." in out
    code, _, err = typed("evaluate", run, "--metrics", "ms-ssim")
    assert (code, err) == (2, "diptych: ms-ssim cannot be computed: it needs pictures with sides of 161 or more.\n")
    code, _, err = typed("evaluate", run, "--metrics", "fcn")
    assert code == 2
    assert "data.palette in the recipe, or --labels FOLDER" in err
    code, _, err = typed("evaluate", run, "--metrics", "sim")
    assert 'no metric "sim" (did you mean "ssim"?)' in err
    monkeypatch.setenv("TORCH_HOME", str(run))
    code, _, err = typed("evaluate", run, "--network", "inception-2015")
    assert code == 2
    assert "--network inception-2015 cannot be used: the weights of inception-2015" in err
    code, _, err = typed("evaluate", run, "--network", "resnet")
    assert 'no feature network "resnet"' in err
    _, notes = choose([], Means(side=16))
    assert "ms-ssim is left out: it needs pictures with sides of 161 or more." in notes


def test_noise_is_measured_where_the_network_has_some(run: Path, typed: Typed) -> None:
    assert typed("evaluate", run, "--metrics", "noise", "--out", "noisy")[0] == 0
    (score,) = kept(Path("noisy")).scores
    assert score.value > 0  # the paper's dropout at test time


def test_folders_of_any_tool(tmp_path: Path, typed: Typed) -> None:
    names = [f"{number}.png" for number in range(7)]
    made, real = folder_of(tmp_path / "made", names, 0), folder_of(tmp_path / "real", names, 0)
    code, out, _ = typed(
        "evaluate", "--outputs", made, "--targets", real, "--metrics", "l1,psnr,ssim,frechet,kernel,coverage,lab"
    )
    assert code == 0
    found = {score.metric: score.value for score in kept(tmp_path / "made-evaluation").scores}
    assert found["l1"] == found["frechet"] == 0
    assert found["psnr"] == np.inf
    assert "Infinity" not in (tmp_path / "made-evaluation" / "scores.json").read_text()
    assert found["ssim"] == pytest.approx(1, abs=1e-5)
    assert found["lab a"] == 1
    assert found["coverage share"] == 1
    assert "kernel" in out
    (real / "6.png").unlink()
    code, _, err = typed("evaluate", "--outputs", made, "--targets", real)
    assert code == 1
    assert "6.png has no partner in" in err
    (made / "6.png").unlink()
    (made / "5.png").unlink()
    assert "5.png has no output in" in typed("evaluate", "--outputs", made, "--targets", real)[2]
    code, _, _ = typed("evaluate", "--outputs", made, "--targets", real, "--unpaired", "--metrics", "lab")
    assert code == 0
    Image.new("RGB", (9, 9)).save(made / "5.png")
    code, _, err = typed("evaluate", "--outputs", made, "--targets", real, "--metrics", "l1")
    assert code == 1
    assert "5.png is 9x9" in err
    assert "is 48x40; resize one side" in err


def test_outputs_alone(tmp_path: Path, typed: Typed) -> None:
    made = folder_of(tmp_path / "made", ["a.png", "b.png"], 0)
    code, out, _ = typed("evaluate", "--outputs", made)
    assert code == 0
    assert "l1 is left out: it needs a target for each output." in out
    assert "sharpness" in out
    assert typed("evaluate")[0] == 2
    assert "and not both" in typed("evaluate", made, "--outputs", made)[2]
    assert "is no folder" in typed("evaluate", "--outputs", tmp_path / "none")[2]
    (tmp_path / "empty").mkdir()
    assert "no picture in" in typed("evaluate", "--outputs", tmp_path / "empty")[2]


def test_three_pictures_are_too_few_for_a_distribution(tmp_path: Path, typed: Typed) -> None:
    names = ["a.png", "b.png", "c.png"]
    made, real = folder_of(tmp_path / "made", names, 0), folder_of(tmp_path / "real", names, 1)
    code, _, err = typed("evaluate", "--outputs", made, "--targets", real, "--metrics", "coverage")
    assert code == 2
    assert "it needs 6 pictures or more, and there are 3" in err
    code, out, _ = typed("evaluate", "--outputs", made, "--targets", real, "--metrics", "frechet")
    assert code == 0
    assert "3 pictures are few for 1280 features" in out


def labelled(folder: Path) -> Path:
    """Label pictures of two colours beside photos that repeat them in grey, 32 x 32; 12 to train, 6 to validate."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 6)):
        (folder / split).mkdir(parents=True)
        for number in range(count):
            classes = np.zeros((32, 32), np.uint8)
            top, left = rng.integers(0, 16, 2)
            classes[top : top + 16, left : left + 16] = 1
            colours = np.array([(0, 0, 200), (200, 0, 0)], np.uint8)[classes]
            photo = np.clip(rng.normal(60 + 130 * classes[..., None], 5, (32, 32, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(np.concatenate([colours, photo], axis=1)).save(folder / split / f"{number}.png")
            index = folder / f"{split}_label"
            index.mkdir(exist_ok=True)
            Image.fromarray(classes).save(index / f"{number}.png")
    return folder


PALETTE = "data.palette=[[0,0,200],[200,0,0]]"


@pytest.mark.slow
def test_fcn_score_of_a_run(tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Labels, "__init__", shorter(Labels.__init__))
    data = labelled(tmp_path / "data")
    run_to_end(tiny_recipe("pix2pix", data, PALETTE), tmp_path / "run")
    code, out, _ = typed("evaluate", "run", "--metrics", "fcn")
    assert code == 0
    assert "ground truth, the segmenter on the real pictures: pixel accuracy" in out
    scores = {score.metric: score for score in kept(tmp_path / "run" / "evaluation" / "val-00000006").scores}
    real = float(scores["fcn pixel accuracy"].note.rpartition(" ")[2])
    assert real > 0.9 > scores["fcn pixel accuracy"].value
    code, again, _ = typed("evaluate", "run", "--metrics", "fcn", "--labels", data / "{split}_label")
    assert code == 0
    assert "Training the segmenter" not in again  # the class maps say the same, so it is the same segmenter
    code, _, err = typed("evaluate", "run", "--metrics", "fcn", "--labels", data / "train_label_of_another")
    assert code == 1
    assert "there is no class map" in err


def shorter(make: Callable[..., None]) -> Callable[..., None]:
    def init(self: object, where: str = "", classes: int = 0, ignore: int = -1, steps: int = 40) -> None:
        make(self, where, classes, ignore, steps)

    return init


@pytest.mark.slow
def test_real_pictures_as_outputs_score_as_the_ground_truth(
    tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And outputs that belong to other labels score as chance does."""
    monkeypatch.setattr(Labels, "__init__", shorter(Labels.__init__))
    data = labelled(tmp_path / "data")
    recipe = tmp_path / "mine.toml"
    recipe.write_text(tiny_recipe("pix2pix", data, PALETTE, "data.load_size=32", "data.crop_size=32").to_toml())
    for name, shift in (("real", 0), ("shuffled", 3)):
        (tmp_path / name).mkdir()
        for number in range(6):
            pair = Image.open(data / "val" / f"{(number + shift) % 6}.png")
            pair.crop((32, 0, 64, 32)).save(tmp_path / name / f"{number}.png")
        code, _, err = typed("evaluate", "--outputs", name, "--recipe", recipe, "--metrics", "fcn,l1")
        assert code == 0, err
    real, shuffled = (
        {score.metric: score for score in kept(tmp_path / f"{name}-evaluation").scores} for name in ("real", "shuffled")
    )
    for metric in ("fcn pixel accuracy", "fcn class accuracy", "fcn class iou"):
        assert f"{real[metric].value:.3f}" == real[metric].note.rpartition(" ")[2]
    assert real["l1"].value == 0
    assert real["fcn class iou"].value > 0.9 > 0.6 > shuffled["fcn class iou"].value
    (tmp_path / "real" / "3.png").unlink()
    code, _, err = typed("evaluate", "--outputs", "real", "--recipe", recipe)
    assert code == 1
    assert "real has no output for 3 (1 of 6 examples" in err
    Image.new("RGB", (8, 9)).save(tmp_path / "real" / "3.png")
    assert (
        "3.png is 8x9, and the data set's pictures are judged at 32x32"
        in typed("evaluate", "--outputs", "real", "--recipe", recipe, "--metrics", "l1")[2]
    )


def test_index_pictures(tmp_path: Path) -> None:
    """Grey values, or the numbers of a palette picture; never the palette's colours."""
    classes = np.array([[0, 1], [2, 11]], np.uint8)
    Image.fromarray(classes).save(tmp_path / "grey.png")
    palette = Image.fromarray(classes, mode="P")
    palette.putpalette([value for number in range(256) for value in (255 - number, 0, number)])
    palette.save(tmp_path / "palette.png")
    for name in ("grey", "palette"):
        assert (read_index(tmp_path / f"{name}.png") == classes).all()
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DiptychError, match=r"broken\.png"):
        read_index(tmp_path / "broken.png")


def test_photo_to_labels_is_scored_by_the_nearest_colour(tmp_path: Path, typed: Typed) -> None:
    data = labelled(tmp_path / "data")
    recipe = tiny_recipe("pix2pix", data, PALETTE, "data.direction=b-to-a", "training.steps=1")
    run_to_end(recipe, tmp_path / "run")
    code, out, _ = typed("evaluate", "run", "--metrics", "fcn", "--labels", "target")
    assert code == 0
    assert "nearest class colour" in out
    assert "Training the segmenter" not in out


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


def test_spread_takes_all_or_evenly() -> None:
    assert spread(5, 0) == spread(5, 9) == [0, 1, 2, 3, 4]
    assert spread(10, 3) == [0, 3, 6]


def test_sixteen_bit_outputs_keep_their_depth(tmp_path: Path) -> None:
    place = tmp_path / "deep"
    place.mkdir()
    ramp = np.linspace(0, 65535, 32 * 32).reshape(32, 32, 1).astype(np.uint16)
    formats.write(place / "a.png", ramp)
    subject = of_folders(place, place, False, 0)
    example = subject.read(0)
    assert example.output.shape == (1, 1, 32, 32)
    assert len(example.output.unique()) == 1024  # 8 bits would leave 256


def test_memory_of_an_evaluation_is_a_number_a_picture() -> None:
    """Examples are let go of one by one."""
    import gc
    import weakref

    alive: list[weakref.ref[object]] = []
    most = 0

    def examples() -> Iterator[Example]:
        nonlocal most
        for number in range(6):
            picture = as_rgb(np.full((40, 40, 3), 40 * number, np.uint8))
            alive.append(weakref.ref(picture))
            yield Example(str(number), picture, picture, picture.clone(), picture.clone())
            del picture
            gc.collect()
            most = max(most, sum(found() is not None for found in alive))

    evaluate(examples(), ["l1", "ssim", "lab", "diversity", "checkerboard"], Means(side=40))
    assert most <= 2
