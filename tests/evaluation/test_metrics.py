"""Metrics by name: what each measures of an example, what it needs, and how verdicts are put together."""

import re

import numpy as np
import pytest
import torch
from torch import Tensor

from diptych.errors import DiptychError, UsageError
from diptych.evaluation import bootstrap, paired, perceptual, requirements, restoration, texture
from diptych.evaluation.evaluate import choose, evaluate, problem_of
from diptych.evaluation.metrics import (
    METRICS,
    PICTURE_METRICS,
    Example,
    as_rgb,
    chosen,
    direction,
    of_enlarging,
    of_filling,
    scores_of,
)
from diptych.evaluation.other_names import OTHER_NAMES
from diptych.evaluation.requirements import Resources
from diptych.networks.features.efficientnet import EfficientNetLite0
from diptych.networks.features.pretrained import load

BETTER = {
    "l1": "lower", "psnr": "higher", "ssim": "higher", "ms-ssim": "higher", "perceptual": "lower",
    "lpips-alexnet": "lower", "lpips-vgg16": "lower", "sharpness": "near 1", "checkerboard": "as the targets'",
    "noise": "higher", "psnr-y": "higher", "ssim-y": "higher", "l1-hole": "lower", "psnr-hole": "higher",
    "ssim-hole": "higher", "l1-known": "lower", "psnr-known": "higher", "ssim-known": "higher", "frechet": "lower",
    "kernel": "lower", "coverage share": "higher", "lab L": "higher", "fcn class iou": "higher",
}  # fmt: skip


def picture(seed: int, side: int = 40) -> Tensor:
    rough = torch.rand(1, 3, 10, 10, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return torch.nn.functional.interpolate(rough, side, mode="bilinear")


def example(seed: int, name: str = "one") -> Example:
    """Output and target differ from what a person sees of them, so that none passes for another."""
    output, target = picture(seed), picture(seed + 100)
    return Example(
        name, output, -output, target, -0.9 * target, source=picture(seed + 200, 20), again=picture(seed + 300)
    )


def test_as_rgb() -> None:
    stored = np.arange(12, dtype=np.uint8).reshape(2, 2, 3) * 20
    expected = torch.from_numpy(stored.astype(np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    torch.testing.assert_close(as_rgb(stored), expected)


def test_directions() -> None:
    assert {score: direction(score) for score in BETTER} == BETTER
    assert {name for name in METRICS if name not in ("coverage", "lab", "fcn")} >= set(PICTURE_METRICS)
    assert scores_of("lab") == ("lab L", "lab a", "lab b")
    assert scores_of("psnr") == ("psnr",)


def test_names_are_read_once_each() -> None:
    assert chosen(" ssim,l1 ,,ssim,lab") == ["ssim", "l1", "lab"]
    with pytest.raises(UsageError, match=r'there is no metric "sim" \(did you mean "ssim"\?\); choose from l1, psnr'):
        chosen("l1,sim")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fid", ("frechet", "--network inception-2015", "pt_inception-2015-12-05-6726825d.pth", "DIPTYCH_WEIGHTS")),
        ("KID", ("kernel", "--network inception-2015")),
        ("lpips", ("lpips-alexnet", "lpips-vgg16", "perceptual", "DIPTYCH_WEIGHTS")),
        ("inception score", ("is not here", "frechet")),
        ("mIoU", ("fcn", "class IoU", "segmenter")),
        ("mse", ("psnr", "10 log10(4 / MSE)")),
        ("rmse", ("psnr",)),
        ("mae", ("l1", "mean absolute error")),
    ],
)
def test_a_metric_by_another_name_is_answered_with_what_is_here(name: str, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=f'no metric is called "{name}" here') as refusal:
        chosen(f"l1,{name}")
    assert [word for word in words if word not in str(refusal.value)] == []


def test_other_names_are_of_no_metric_here() -> None:
    assert OTHER_NAMES.keys().isdisjoint(METRICS)
    quoted = {name for said in OTHER_NAMES.values() for name in re.findall(r'"([a-z0-9-]+)"', said)}
    assert quoted <= set(METRICS)


def test_psnr_is_of_the_squared_error_as_the_answer_to_mse_says() -> None:
    output, target = torch.zeros(1, 1, 16, 16), torch.full((1, 1, 16, 16), 0.5)
    assert float(paired.psnr(output, target)) == pytest.approx(10 * np.log10(4 / 0.25))


def test_what_is_measured_of_an_example() -> None:
    one = example(0)
    assert one.target is not None
    assert one.target_rgb is not None
    assert one.again is not None
    assert one.source is not None
    measure = {name: metric.measure for name, metric in PICTURE_METRICS.items()}
    for name, score in (("l1", paired.l1), ("psnr", paired.psnr), ("ssim", paired.ssim)):
        assert measure[name](one) == float(score(one.output, one.target))
    assert measure["perceptual"](one) == float(perceptual.perceptual(one.output_rgb, one.target_rgb))
    assert measure["noise"](one) == pytest.approx(float((one.output - one.again).abs().mean()))
    sharp = [float(texture.sharpness(seen)) for seen in (one.output_rgb, one.target_rgb)]
    assert measure["sharpness"](one) == pytest.approx(sharp[0] / sharp[1])
    assert measure["sharpness"](one._replace(target_rgb=None)) == pytest.approx(sharp[0])
    flat = one._replace(target_rgb=torch.zeros(1, 3, 40, 40))
    assert measure["sharpness"](flat) == pytest.approx(sharp[0] / 1e-6)
    assert measure["checkerboard"](one) == float(texture.checkerboard(one.output_rgb))
    of_target = PICTURE_METRICS["checkerboard"].reference
    assert of_target is not None
    assert of_target(one) == float(texture.checkerboard(one.target_rgb))
    assert np.isnan(of_target(one._replace(target_rgb=None)))
    wanted, large = restoration.luma_within(one.target_rgb, 2), restoration.bicubic(one.source, 2)
    for name, enlarging in (("psnr-y", paired.psnr), ("ssim-y", paired.ssim)):
        assert measure[name](one) == float(enlarging(restoration.luma_within(one.output_rgb, 2), wanted))
        plain = PICTURE_METRICS[name].reference
        assert plain is not None
        assert plain(one) == float(enlarging(restoration.luma_within(large, 2), wanted))


def test_what_is_measured_in_and_beside_a_hole() -> None:
    mask = -torch.ones(1, 1, 40, 40)
    mask[..., 5:30, 8:28] = 1
    target = picture(1)
    source = torch.cat([torch.where(mask > 0, torch.ones(()), target), mask], 1)
    one = Example("one", picture(2), picture(3), target, picture(4), source=source)
    hole = mask > 0
    measures = (("l1", restoration.l1_in), ("psnr", restoration.psnr_in), ("ssim", restoration.ssim_in))
    for name, measure in measures:
        inside, outside = PICTURE_METRICS[f"{name}-hole"], PICTURE_METRICS[f"{name}-known"]
        assert inside.measure(one) == measure(one.output, target, hole)
        assert outside.measure(one) == measure(one.output, target, ~hole)
        assert inside.reference is not None
        assert inside.reference(one) == measure(restoration.filled_with_mean(source), target, hole)
        assert outside.reference is None


def test_how_scores_of_enlarging_and_filling_become_metrics() -> None:
    one = example(0)
    assert one.source is not None
    assert one.target_rgb is not None
    enlarging = of_enlarging(lambda output, target: (output * target).sum())
    assert (enlarging.better, enlarging.requirements) == ("higher", (requirements.target, requirements.enlarging))
    assert (enlarging.reference_note, enlarging.network) == ("bicubic: {:.4f}", "")
    within = [restoration.luma_within(rgb, 2) for rgb in (one.output_rgb, one.target_rgb)]
    assert enlarging.measure(one) == float((within[0] * within[1]).sum())
    assert enlarging.reference is not None
    assert enlarging.reference(one) == float(
        (restoration.luma_within(restoration.bicubic(one.source, 2), 2) * within[1]).sum()
    )
    holed = one._replace(source=picture(7).repeat(1, 2, 1, 1)[:, :4])
    assert holed.source is not None
    assert holed.target is not None
    hole = holed.source[:, 3:] > 0
    for inside in (True, False):
        filling = of_filling("lower", lambda output, target, region: float((output * target * region).sum()), inside)
        assert (filling.better, filling.requirements) == ("lower", (requirements.target, requirements.holes))
        region = hole if inside else ~hole
        assert filling.measure(holed) == float((holed.output * holed.target * region).sum())
        assert (filling.reference is None) == (not inside)
        if filling.reference is not None:
            assert filling.reference_note == "filled with the mean: {:.4f}"
            plain = restoration.filled_with_mean(holed.source)
            assert filling.reference(holed) == float((plain * holed.target * hole).sum())


def test_the_perceptual_distance_is_of_directions() -> None:
    """Of unit vectors it is 2 - 2 cos, averaged over places and resolutions; pictures are given as (byte - 127) / 128."""
    one, other = picture(0, 64), picture(1, 64)
    network = load("efficientnet-lite0")
    assert isinstance(network, EfficientNetLite0)
    maps = [network.pyramid(((seen + 1) * 127.5 - 127) / 128) for seen in (one, other)]
    apart = [2 - 2 * torch.cosine_similarity(a, b).mean() for a, b in zip(*maps, strict=True)]
    found = perceptual.perceptual(torch.cat([one, one]), torch.cat([other, one]))
    torch.testing.assert_close(found, torch.stack([torch.stack(apart).mean(), torch.zeros(())]), rtol=1e-4, atol=1e-5)


def test_a_verdict_has_a_value_a_picture_and_an_interval() -> None:
    examples = [example(seed, f"picture {seed}") for seed in range(5)]
    done: list[int] = []
    verdict = evaluate(iter(examples), ["lab", "ssim", "checkerboard", "diversity", "l1"], Resources(), done.append)
    assert done == [1, 2, 3, 4, 5]
    assert verdict.names == [f"picture {seed}" for seed in range(5)]
    assert [score.metric for score in verdict.scores] == ["lab L", "lab a", "lab b", "ssim", "checkerboard", "diversity", "l1"]  # fmt: skip
    values = [float(paired.l1(one.output, one.target)) for one in examples if one.target is not None]
    assert verdict.pictures["l1"] == values
    assert list(verdict.pictures) == ["ssim", "checkerboard", "l1"]
    score = verdict.scores[-1]
    assert score.value == pytest.approx(np.mean(values))
    assert (score.low, score.high) == bootstrap.of_mean(np.array(values))
    assert (score.better, score.count, score.network, score.note) == ("lower", 5, "", "")
    grids = [float(texture.checkerboard(one.target_rgb)) for one in examples if one.target_rgb is not None]
    assert verdict.scores[4].note == f"targets: {np.mean(grids):.3f}"
    (alone,) = evaluate([example(0)._replace(target_rgb=None)], ["checkerboard"], Resources()).scores
    assert alone.note == ""
    (distance,) = evaluate(examples[:2], ["perceptual"], Resources()).scores
    assert distance.network == "efficientnet-lite0"
    with pytest.raises(DiptychError, match="there is no picture to judge"):
        evaluate([], ["l1"], Resources())


def test_what_needs_no_learning_stands_beside() -> None:
    examples = [example(seed) for seed in range(3)]
    (score,) = evaluate(examples, ["psnr-y"], Resources(factor=2)).scores
    plain = PICTURE_METRICS["psnr-y"].reference
    assert plain is not None
    assert score.note == f"bicubic: {np.mean([plain(one) for one in examples]):.4f}"


USUAL = [
    "l1",
    "psnr",
    "ssim",
    "ms-ssim",
    "perceptual",
    "frechet",
    "kernel",
    "coverage",
    "lab",
    "sharpness",
    "checkerboard",
    "diversity",
]


def test_the_usual_metrics() -> None:
    assert choose([], Resources()) == (USUAL, [])
    assert choose([], Resources(factor=4))[0] == ["psnr-y", "ssim-y", *USUAL]
    holes = [f"{name}-{place}" for place in ("hole", "known") for name in ("l1", "psnr", "ssim")]
    assert choose([], Resources(holed=True))[0] == [*holes, *USUAL]
    assert choose([], Resources(labels=True))[0] == [*USUAL, "fcn"]
    names, notes = choose([], Resources(paired=False, targets=False, side=31))
    assert names == ["sharpness", "diversity"]
    assert len(notes) == len(USUAL) - 2
    assert notes[0] == "l1 is left out: it needs a target for each output."
    assert choose(["ssim", "l1"], Resources()) == (["ssim", "l1"], [])
    with pytest.raises(UsageError, match="noise cannot be computed: it needs a run, whose network is asked twice"):
        choose(["l1", "noise"], Resources())


@pytest.mark.parametrize(
    ("metric", "lacks", "has"),
    [
        ("ms-ssim", Resources(side=160), Resources(side=161)),
        ("checkerboard", Resources(side=31), Resources(side=32)),
        ("l1", Resources(paired=False), Resources()),
        ("frechet", Resources(targets=False), Resources(paired=False)),
        ("frechet", Resources(pictures=1), Resources(pictures=2)),
        ("kernel", Resources(pictures=2), Resources(pictures=3)),
        ("coverage", Resources(pictures=5), Resources(pictures=6)),
        ("lab", Resources(targets=False), Resources(paired=False)),
        ("psnr-y", Resources(factor=1), Resources(factor=2)),
        ("l1-hole", Resources(), Resources(holed=True)),
        ("l1-known", Resources(paired=False, holed=True), Resources(holed=True)),
        ("fcn", Resources(), Resources(labels=True)),
        ("noise", Resources(), Resources(noise=True)),
    ],
)
def test_needs(metric: str, lacks: Resources, has: Resources) -> None:
    assert problem_of(metric, lacks)
    assert problem_of(metric, has) is None


def test_needs_say_how_much() -> None:
    assert requirements.pictures(6)(Resources(pictures=5)) == "it needs 6 pictures or more, and there are 5"
    assert requirements.side(161)(Resources(side=9)) == "it needs pictures with sides of 161 or more"
    assert requirements.target(Resources(paired=False)) == "it needs a target for each output"
    assert requirements.real(Resources(targets=False)) == "it needs real pictures to compare with"
    assert requirements.noise(Resources()) == "it needs a run, whose network is asked twice"
    assert requirements.enlarging(Resources()) == 'it is for super-resolution only (data.task = "shrunk")'
    assert requirements.holes(Resources()) == 'it is for inpainting only (data.task = "holed")'
    assert requirements.labels(Resources()) == "it needs class maps: data.palette in the recipe, or --labels FOLDER"
    assert requirements.weights("efficientnet-lite0")(Resources()) is requirements.weights()(Resources()) is None


def test_weights_that_are_not_here_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.delenv("DIPTYCH_WEIGHTS", raising=False)
    said = requirements.weights("vgg16")(Resources())
    assert said is not None
    assert said.startswith("the weights of vgg16 (vgg16-397923af.pth) are not here: ")
    assert not said.endswith(".")
    assert requirements.weights()(Resources(network="vgg16")) == said
