"""Metrics while training: measured within their share of the time, and followed by the best checkpoint."""

import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from toys import assert_equal, run_to_end, tiny_recipe, weights

from diptych import checkpoints
from diptych.errors import UsageError
from diptych.evaluation.evaluate import THROUGH
from diptych.exporting.models import scores_of
from diptych.judging.judge import judge
from diptych.judging.subjects import Request, TranslatedSplit
from diptych.networks.features.pretrained import FEATURES, WEIGHTS
from diptych.training.monitoring.progress import MetricTime
from diptych.translator.card import read_cards


def test_the_best_checkpoint_follows_any_metric(toy_pairs: Path, tmp_path: Path) -> None:
    wanted = ('training.metrics=["kernel", "lab", "perceptual"]', "training.best=kernel", "training.metrics_share=1")
    run, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs, *wanted), tmp_path / "run")
    entries = run.entries("scores.jsonl")
    assert [entry["step"] for entry in entries] == [3, 6]
    assert all({"kernel", "lab L", "lab a", "lab b", "perceptual", "l1", "ssim"} <= entry.keys() for entry in entries)
    best = checkpoints.load(run.path_of("best")).facts
    assert best["score"] == "kernel"
    assert best["value"] == min(entry["kernel"] for entry in entries)
    plain, _ = run_to_end(tiny_recipe("pix2pix", toy_pairs), tmp_path / "plain")
    assert_equal(weights(run), weights(plain))  # looking changes nothing


def test_scores_by_the_network_of_the_loss_are_marked(toy_pairs: Path, tmp_path: Path) -> None:
    wanted = ('training.metrics=["perceptual", "lab"]', "training.metrics_share=1", "options.perceptual=1")
    run, said = run_to_end(tiny_recipe("pix2pix", toy_pairs, *wanted), tmp_path / "run")
    (line,) = (line for line in said if line.startswith("Validation at step 6"))
    assert line.count(THROUGH) == 1
    assert re.search(rf"perceptual \d\.\d+ \({THROUGH}\)", line)
    assert [entry[THROUGH] for entry in run.entries("scores.jsonl")] == [["perceptual"]] * 2
    card = read_cards(run.folder / "card.json")["a-to-b"]
    assert card.provenance["perceptual loss"] == "efficientnet-lite0"
    marked = scores_of(run.folder, "00000006")
    assert f"perceptual ({THROUGH})" in marked
    assert "lab L" in marked


def test_another_network_judges_what_trained_through_the_first(
    toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    spec = FEATURES["squeezenet1.1"]
    torch.save(spec.build().state_dict(), tmp_path / "new.pth")  # first weights, in the place of trained ones
    named = tmp_path / f"squeezenet-{sha256((tmp_path / 'new.pth').read_bytes()).hexdigest()[:8]}.pth"
    (tmp_path / "new.pth").rename(named)
    monkeypatch.setitem(FEATURES, "squeezenet1.1", replace(spec, files=(named.name,)))
    monkeypatch.setenv(WEIGHTS, str(tmp_path))
    asked = ('training.metrics=["perceptual", "kernel"]', "training.metrics_share=1", "options.perceptual=1")
    judge_and_size = ("training.metrics_network=squeezenet1.1", "data.load_size=34", "data.crop_size=32")
    recipe = tiny_recipe("pix2pix", toy_pairs, *asked, *judge_and_size)
    run, said = run_to_end(recipe, tmp_path / "run")
    assert THROUGH not in "".join(said)
    last = run.entries("scores.jsonl")[-1]
    evaluated = judge(TranslatedSplit(run.folder, Request(split="val")).subject("run"), ["kernel"], "squeezenet1.1")
    assert last["kernel"] == pytest.approx(evaluated.scores[0].value, rel=1e-3)


def test_a_network_that_cannot_judge(toy_pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r'no feature network "squeeze".*choose from'):
        tiny_recipe("pix2pix", toy_pairs, "training.metrics_network=squeeze")
    monkeypatch.setenv(WEIGHTS, str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    recipe = tiny_recipe("pix2pix", toy_pairs, 'training.metrics=["kernel"]', "training.metrics_network=vgg16")
    with pytest.raises(UsageError, match=r"training\.metrics_network=vgg16 cannot be used: .*vgg16"):
        run_to_end(recipe, tmp_path / "run")


def test_metrics_of_two_piles(toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe("cyclegan", toy_pairs, "data.task=unpaired", 'training.metrics=["frechet"]')
    run, _ = run_to_end(recipe, tmp_path / "run")
    assert run.entries("scores.jsonl")[-1]["frechet"] > 0
    recipe = tiny_recipe("cyclegan", toy_pairs, "data.task=unpaired", 'training.metrics=["perceptual"]')
    with pytest.raises(UsageError, match="perceptual cannot be computed: it needs a target for each output"):
        run_to_end(recipe, tmp_path / "other")


def test_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.perf_counter", lambda: now)
    times = MetricTime(0.1)
    assert times.affordable()  # the first time
    with times.taken():
        now += 1
    assert not times.affordable()
    now = 18.0
    assert not times.affordable()  # 2 of 19 seconds
    now = 19.0
    assert times.affordable()


def test_what_takes_too_long_is_passed_over_and_told(toy_pairs: Path, tmp_path: Path) -> None:
    recipe = tiny_recipe(
        "pix2pix", toy_pairs, 'training.metrics=["perceptual"]', "training.metrics_share=0.0001", "training.steps=9"
    )
    run, said = run_to_end(recipe, tmp_path / "run")
    assert ["perceptual" in entry for entry in run.entries("scores.jsonl")] == [True, False, True]  # first, -, last
    assert "training.metrics are passed over at step 6: they have had their share of the time." in said


def test_settings_that_are_wrong(toy_pairs: Path) -> None:
    for override, words in [
        ("training.best=kernel", "Others must first be among training.metrics"),
        ("training.best=sim", 'training.best is "sim"'),
        ('training.metrics=["kernal"]', r'no metric "kernal" \(did you mean "kernel"'),
        ("training.metrics_share=2", "must lie between 0 and 1"),
    ]:
        with pytest.raises(UsageError, match=words):
            tiny_recipe("pix2pix", toy_pairs, override)
    sharp = ('training.metrics=["sharpness", "fcn"]', "training.best=sharpness")
    with pytest.raises(UsageError, match="choose from l1, psnr, ssim, fcn pixel accuracy, fcn class accuracy"):
        tiny_recipe("pix2pix", toy_pairs, *sharp)


def test_fcn_while_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diptych.evaluation import segmentation

    monkeypatch.setenv("DIPTYCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(segmentation, "train", lambda *_: None)  # an untrained segmenter will do here
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        (tmp_path / "data" / split).mkdir(parents=True)
        for number in range(4):
            classes = rng.integers(2, size=(4, 4)).repeat(8, 0).repeat(8, 1)
            halves = [np.array([(0, 0, 200), (200, 0, 0)], np.uint8)[classes], np.full((32, 32, 3), 90, np.uint8)]
            Image.fromarray(np.concatenate(halves, axis=1)).save(tmp_path / "data" / split / f"{number}.png")
    wanted = ('training.metrics=["fcn"]', "training.best=fcn class iou", "training.metrics_share=1")
    with pytest.raises(UsageError, match=r"set data\.palette"):
        run_to_end(tiny_recipe("pix2pix", tmp_path / "data", *wanted), tmp_path / "other")
    recipe = tiny_recipe("pix2pix", tmp_path / "data", *wanted, "data.palette=[[0,0,200],[200,0,0]]")
    run, _ = run_to_end(recipe, tmp_path / "run")
    assert 0 <= run.entries("scores.jsonl")[-1]["fcn class iou"] <= 1
