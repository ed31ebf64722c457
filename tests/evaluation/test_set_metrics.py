"""Metrics of whole sets, against numpy, with features that are a few pixels."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation import bootstrap, set_metrics
from diptych.evaluation.labels import IGNORED
from diptych.evaluation.metrics import Example
from diptych.evaluation.set_metrics import (
    BINS,
    Diversity,
    FeatureDistances,
    Lab,
    Segmented,
    SetMetric,
    as_bytes,
    lab_histograms,
)

FEATURES = 4


def shown(output: Tensor, target: Tensor | None = None, name: str = "one", labels: Any = None) -> Example:
    return Example(name, output, output, target, target, labels=labels)


def drawn(count: int, seed: int, shift: float = 0.0) -> list[Tensor]:
    rng = np.random.default_rng(seed)
    return [torch.from_numpy(rng.normal(shift, 1, (1, 3, 4, 4))).float() for _ in range(count)]


def filled(metric: SetMetric, outputs: list[Tensor], targets: list[Tensor]) -> SetMetric:
    for output, target in zip(outputs, targets, strict=True):
        metric.add(shown(output, target))
    return metric


def features_of(pictures: list[Tensor]) -> Any:
    return torch.cat(pictures).flatten(1)[:, :FEATURES].double().numpy()


def frechet(one: Any, other: Any) -> float:
    """With the root of the product from its eigenvalues."""
    first, second = np.cov(one.T), np.cov(other.T)
    root = np.sqrt(np.linalg.eigvals(first @ second).real.clip(0)).sum()
    return float(np.square(one.mean(0) - other.mean(0)).sum() + np.trace(first) + np.trace(second) - 2 * root)


@pytest.fixture
def few_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_metrics, "features", lambda _, picture: picture.flatten(1)[:, :FEATURES])
    monkeypatch.setattr(set_metrics, "spec_of", lambda _: SimpleNamespace(features=FEATURES))


def test_distances_of_feature_piles(few_features: None) -> None:
    outputs, targets = drawn(20, 0), drawn(20, 1, 0.5)
    metric = filled(FeatureDistances("some", ["frechet", "kernel", "coverage"]), outputs, targets)
    one, other = features_of(outputs), features_of(targets)
    scores = {score.metric: score for score in metric.scores()}
    assert list(scores) == ["frechet", "kernel", "coverage density", "coverage share"]
    assert {(score.count, score.network) for score in scores.values()} == {(20, "some")}
    assert [score.better for score in scores.values()] == ["lower", "lower", "higher", "higher"]
    value = frechet(one, other)
    again = np.array([frechet(one[chosen], other[chosen]) for chosen in bootstrap.draws(20, 50)])
    low, high = np.quantile(again - again.mean(), [0.025, 0.975])
    found = scores["frechet"]
    expected = (value, max(value + low, 0), max(value + high, 0))
    assert (found.value, found.low, found.high) == pytest.approx(expected, rel=1e-4)

    def kernels(rows: Any, columns: Any) -> Any:
        return (rows @ columns.T / FEATURES + 1) ** 3

    within = [(kernels(x, x).sum() - np.trace(kernels(x, x))) / (20 * 19) for x in (one, other)]
    found = scores["kernel"]
    assert found.value == pytest.approx(sum(within) - 2 * kernels(one, other).mean(), rel=1e-4)
    assert found.high - found.value == pytest.approx(found.value - found.low)
    error = (found.high - found.value) / 1.96
    assert found.note == f"standard error {error:.2g}"
    assert scores["coverage density"].note == scores["coverage share"].note == "5 neighbours"
    distances = np.linalg.norm(other[:, None] - other, axis=2)
    near = np.linalg.norm(other[:, None] - one, axis=2) < np.sort(distances, axis=1)[:, [5]]
    assert scores["coverage density"].value == pytest.approx(near.sum() / (5 * 20))
    assert scores["coverage share"].value == pytest.approx(near.any(1).mean())
    assert metric.notes() == []
    assert metric.pictures() == {}


@pytest.mark.parametrize("metric", ["frechet", "kernel", "coverage"])
def test_only_what_is_wanted(few_features: None, metric: str) -> None:
    found = filled(FeatureDistances("some", [metric]), drawn(7, 0), drawn(7, 1))
    assert {score.metric.partition(" ")[0] for score in found.scores()} == {metric}
    told = "frechet: 7 pictures are few for 4 features, which makes the distance too large; compare it only with"
    assert [note.startswith(told) for note in found.notes()] == ([True] if metric == "frechet" else [])


def test_what_is_kept_has_an_end(few_features: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moments are of all pictures; what needs the pictures themselves has the first ones."""
    monkeypatch.setattr(set_metrics, "KEPT", 9)
    monkeypatch.setattr(set_metrics, "RESAMPLED", 8)
    outputs, targets = drawn(15, 0), drawn(15, 1, 0.5)
    found = {s.metric: s for s in filled(FeatureDistances("some", ["frechet", "kernel"]), outputs, targets).scores()}
    assert found["frechet"].value == pytest.approx(frechet(features_of(outputs), features_of(targets)), rel=1e-4)
    assert found["frechet"].low == found["frechet"].high == found["frechet"].value
    first = filled(FeatureDistances("some", ["kernel"]), outputs[:9], targets[:9]).scores()[0]
    assert found["kernel"].value == first.value
    monkeypatch.setattr(set_metrics, "RESAMPLED", 9)
    score = filled(FeatureDistances("some", ["frechet"]), outputs, targets).scores()[0]
    assert score.low < score.value < score.high


def test_pictures_as_bytes() -> None:
    picture = torch.tensor([-1.0, 1.0, 0.0, -0.5]).view(1, 1, 2, 2).expand(1, 3, 2, 2)
    assert as_bytes(picture).tolist() == [[[0] * 3, [255] * 3], [[128] * 3, [64] * 3]]


def test_lab_shares() -> None:
    white, black = torch.ones(1, 3, 4, 4), -torch.ones(1, 3, 4, 4)
    metric = filled(Lab(), [white, white], [white, black])
    scores = metric.scores()
    assert [score.metric for score in scores] == ["lab L", "lab a", "lab b"]
    assert [score.value for score in scores] == pytest.approx([0.5, 1, 1])
    assert all((s.low, s.high, s.better, s.count) == (s.value, s.value, "higher", 2) for s in scores)


def level(value: float) -> Tensor:
    return torch.full((1, 3, 128, 64), float(value))


def test_diversity_is_of_successive_pictures() -> None:
    metric = filled(Diversity(), [level(0), level(0.5), level(-0.5)], [level(0), level(0.25), level(0)])
    (score,) = metric.scores()
    assert score.value == score.low == score.high == pytest.approx(0.75 / 0.25)
    assert (score.metric, score.better, score.count, score.note) == ("diversity", "near 1", 3, "over the targets'")
    alone = Diversity()
    assert alone.scores() == []
    for value in (0.0, 0.5, -0.5):
        alone.add(shown(level(value)))
    (score,) = alone.scores()
    assert (score.value, score.better, score.note) == (0.75, "higher", "no targets to compare with")
    still = filled(Diversity(), [level(0), level(0.5)], [level(0), level(0)])
    assert still.scores()[0].value == pytest.approx(0.5 / 1e-6)


def test_diversity_is_blind_to_what_64_pixels_cannot_show() -> None:
    fine = level(0).clone()
    fine[..., ::2, :], fine[..., 1::2, :] = 1, -1
    (score,) = filled(Diversity(), [level(0), fine, level(0.5)], [level(0), level(0.5), fine]).scores()
    assert score.value == pytest.approx(0.25 / 0.5)


def test_diversity_of_targets_in_detail() -> None:
    """Written out in numpy: means of blocks of 2x1 pixels, and of those the differences; a target that lacks is left out."""
    rng = np.random.default_rng(0)
    drawn = rng.uniform(-1, 1, (2, 3, 1, 3, 128, 64)).astype(np.float32)
    small = drawn.reshape(2, 3, 1, 3, 64, 2, 64).mean(5, dtype=np.float64)
    apart = np.abs(np.diff(small, axis=1)).mean((2, 3, 4, 5))
    outputs, targets = (list(map(torch.from_numpy, side)) for side in drawn)
    (score,) = filled(Diversity(), outputs, targets).scores()
    assert score.value == pytest.approx(apart[0].mean() / apart[1].mean(), rel=1e-5)
    part = filled(Diversity(), outputs[:2], targets[:2])
    part.add(shown(outputs[2]))
    assert part.scores()[0].value == pytest.approx(apart[0].mean() / apart[1, 0], rel=1e-5)


def classes_by_sign(picture: Tensor) -> Any:
    return (picture[0, 0] > 0 if picture.dim() == 4 else picture[0] > 0).numpy().astype(np.uint8)


def test_class_accuracies_over_all_pictures() -> None:
    rng = np.random.default_rng(0)
    truths = [rng.integers(0, 2, (6, 6)).astype(np.min_scalar_type(IGNORED)) for _ in range(5)]
    truths[2][0] = IGNORED
    outputs = drawn(5, 2)
    outputs = [torch.nn.functional.interpolate(picture, (6, 6)) for picture in outputs]
    metric = Segmented(2, None, classes_by_sign)
    for output, truth in zip(outputs, truths, strict=True):
        metric.add(shown(output, output, labels=truth))
    own = []
    for output, truth in zip(outputs, truths, strict=True):
        guess = classes_by_sign(output)
        own.append([[int(((truth == t) & (guess == g)).sum()) for g in (0, 1)] for t in (0, 1)])

    def accuracies(counts: Any) -> tuple[float, float, float]:
        hits, truth, guessed = np.diag(counts), counts.sum(1), counts.sum(0)
        return hits.sum() / counts.sum(), (hits / truth).mean(), (hits / (truth + guessed - hits)).mean()

    counts = np.array(own)
    scores = metric.scores()
    assert [score.metric for score in scores] == ["fcn pixel accuracy", "fcn class accuracy", "fcn class iou"]
    assert [score.value for score in scores] == pytest.approx(accuracies(counts.sum(0)))
    again = np.array([accuracies(counts[chosen].sum(0)) for chosen in bootstrap.draws(5, 200)])
    for place, score in enumerate(scores):
        assert (score.low, score.high) == pytest.approx(tuple(np.quantile(again[:, place], [0.025, 0.975])))
        assert (score.better, score.count, score.network, score.note) == ("higher", 5, "nearest class colour", "")
    each = [np.trace(matrix) / matrix.sum() for matrix in counts]
    assert metric.pictures()["fcn pixel accuracy"] == pytest.approx(each)
    union = counts.sum(0).sum(0) + counts.sum(0).sum(1) - np.diag(counts.sum(0))
    ious = sorted(zip(np.diag(counts.sum(0)) / union, "01", strict=True))
    row = ", ".join(f"{name} {value:.3f}" for value, name in ious)
    assert metric.notes() == [f"fcn iou by class, lowest first: {row}."]


def test_a_segmenter_judges_real_pictures_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_metrics, "KEPT", 2)

    def segmenter(picture: Tensor, size: tuple[int, int]) -> Any:
        assert size == (4, 8)
        return np.full(size, int(picture.mean() > 0), np.uint8)

    stand_in: Any = segmenter
    metric = Segmented(2, stand_in, None, ("wall", "sky"))
    truth = np.ones((4, 8), np.uint8)
    truth[:1] = 0
    for value in (1.0, -1.0, 1.0):
        metric.add(shown(level(value), level(1), labels=truth))
    pixel, *_ = metric.scores()
    assert pixel.value == pytest.approx((0.75 + 0.25 + 0.75) / 3)
    assert (pixel.network, pixel.note, pixel.count) == ("FCN on efficientnet-lite0", "real pictures: 0.750", 3)
    assert (pixel.low, pixel.high) == (0.25, 0.75)  # of the two that were kept
    assert metric.notes() == [
        "fcn iou by class, lowest first, real pictures in brackets: wall 0.167 (0.000), sky 0.545 (0.750)."
    ]
    monkeypatch.setattr(set_metrics, "SHOWN", 1)
    assert metric.notes() == [
        "fcn iou by class, the lowest 1 of 2 classes, real pictures in brackets: wall 0.167 (0.000)."
    ]
    with pytest.raises(DiptychError, match="three has no class map"):
        metric.add(shown(level(1), name="three"))


def test_black_and_white_are_at_the_ends_of_lightness() -> None:
    found = lab_histograms(np.zeros((1, 1, 3), np.uint8))
    assert found[0].tolist() == [1, *[0] * (BINS - 1)]
    assert lab_histograms(np.full((1, 3, 3), 255, np.uint8))[0, [0, BINS - 1]].tolist() == [0, 3]
