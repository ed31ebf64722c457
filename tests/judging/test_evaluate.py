"""Runs and folders judged, through the command as it is typed."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from commanding import Typed
from judged import SIMPLE, folder_of, strict
from PIL import Image

from diptych.errors import DiptychError
from diptych.evaluation.bootstrap import evenly_spaced
from diptych.evaluation.evaluate import choose, evaluate
from diptych.evaluation.metrics import Better, Example, Score, as_rgb
from diptych.evaluation.requirements import Resources
from diptych.files import write_text
from diptych.judging.folders import from_folders
from diptych.judging.judge import Result, keep, kept, table
from diptych.pictures import formats


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
    _, notes = choose([], Resources(side=16))
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
    assert "is 48x40; bring both to one size with --size" in err


def test_numbers_that_are_none_are_null_with_a_note(tmp_path: Path) -> None:
    """Of holed pictures one has no hole, and of two others every known pixel is kept."""
    torch.manual_seed(0)
    examples = []
    for name, hole, off in (("whole", 0, 0.1), ("kept", 8, 0.0), ("too", 8, 0.0), ("moved", 8, 0.1)):
        target = torch.rand(1, 3, 24, 24) * 2 - 1
        source = torch.cat([target, -torch.ones(1, 1, 24, 24)], 1)
        source[:, 3, :hole] = 1
        output = target * (1 - off)
        output[:, :, :hole] += 0.25
        examples.append(Example(name, output, output, target, target, source=source))
    names = ["l1-hole", "psnr-known", "psnr"]
    verdict = evaluate(examples, names, Resources(holed=True))
    assert all("undefined" in note or "infinite" in note for note in (score.note for score in verdict.scores[:2]))
    nowhere = evaluate(examples[:1], ["l1-hole"], Resources(holed=True))
    result = Result("mine", {}, verdict.scores + nowhere.scores, verdict.names, verdict.pictures, [])
    keep(result, tmp_path)
    hole, known, psnr, none = strict((tmp_path / "scores.json").read_text())["scores"]
    assert hole["count"] == 3
    assert hole["note"].startswith("undefined on 1 of 4 pictures; filled with the mean: ")
    assert hole["value"] == pytest.approx(np.mean(verdict.pictures["l1-hole"][1:]))
    assert known["value"] is None
    assert known["note"].startswith("infinite on 2 of 4 pictures, ")
    finite = [value for value in verdict.pictures["psnr-known"] if np.isfinite(value)]
    assert float(known["note"].split()[-4]) == pytest.approx(np.mean(finite), abs=1e-4)
    assert (psnr["note"], psnr["count"]) == ("", 4)
    assert (none["value"], none["low"], none["count"]) == (None, None, 0)
    again = kept(tmp_path).scores
    assert again[1].value == np.inf
    assert np.isnan(again[3].value)
    assert again[0] == verdict.scores[0]


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


def test_spread_takes_all_or_evenly() -> None:
    assert evenly_spaced(5, 0) == evenly_spaced(5, 9) == [0, 1, 2, 3, 4]
    assert evenly_spaced(10, 3) == [0, 3, 6]


def test_sixteen_bit_outputs_keep_their_depth(tmp_path: Path) -> None:
    place = tmp_path / "deep"
    place.mkdir()
    ramp = np.linspace(0, 65535, 32 * 32).reshape(32, 32, 1).astype(np.uint16)
    formats.write(place / "a.png", ramp)
    subject = from_folders(place, place, False, 0)
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

    evaluate(examples(), ["l1", "ssim", "lab", "diversity", "checkerboard"], Resources(side=40))
    assert most <= 2


@pytest.mark.parametrize("stage", ["scores.csv", "pictures.csv", "scores.json"])
def test_a_verdict_whose_writing_was_cut_off_is_none(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the numbers of one evaluation would stand beside the pictures of another."""

    def verdict(name: str) -> Result:
        return Result(name, {"metrics": ["l1"]}, [], [name], {"l1": [0.5]}, [])

    def cut(path: Path, text: str) -> None:
        if path.name == stage:
            raise KeyboardInterrupt
        write_text(path, text)

    keep(verdict("first"), tmp_path)
    assert kept(tmp_path).names == ["first"]
    with monkeypatch.context() as cutting:
        cutting.setattr("diptych.judging.judge.write_text", cut)
        with pytest.raises(KeyboardInterrupt):
            keep(verdict("second"), tmp_path)
    with pytest.raises(DiptychError, match=r"there is no scores\.json"):
        kept(tmp_path)
    keep(verdict("second"), tmp_path)
    assert (kept(tmp_path).name, kept(tmp_path).names) == ("second", ["second"])


@pytest.mark.parametrize("better", get_args(Better))
def test_the_columns_of_the_table_are_apart(better: str) -> None:
    score = Score("checkerboard", 0.4003, 0.4003, 0.4003, better, 3, note="targets: 0.706")
    protocol = {"data": "here", "split": "val", "pictures": 3, "size": "16x16", "range": "0 to 1"}
    line = table(Result("run", protocol, [score], [], {}, [])).splitlines()[-1]
    assert re.split(" {2,}", line.strip()) == ["checkerboard", "0.4003", better, "targets: 0.706"]
