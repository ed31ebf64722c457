"""Distances of distributions against closed forms, numpy, and each other."""

import numpy as np
import pytest
import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation import distribution
from diptych.evaluation.distribution import Moments, density_coverage, frechet, frechet_of, kernel, kernel_distance


def normal(count: int, features: int = 6, shift: float = 0.0, scale: float = 1.0, seed: int = 0) -> Tensor:
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed)) * scale + shift


def moments(features: Tensor, batch: int = 7) -> Moments:
    found = Moments(features.shape[1])
    for part in features.split(batch):
        found.add(part)
    return found


def test_moments_are_numpys_however_they_arrive() -> None:
    features = normal(50) + 1000  # far from 0, where careless sums of squares lose their digits
    for batch in (1, 7, 50):
        found = moments(features, batch)
        np.testing.assert_allclose(found.mean, features.double().numpy().mean(0), atol=1e-10)
        np.testing.assert_allclose(found.covariance, np.cov(features.double().numpy().T), atol=1e-8)


def test_frechet_of_known_gaussians() -> None:
    """One dimension: (m1 - m2)^2 + (s1 - s2)^2; diagonal ones add up."""
    one, other = Moments(2), Moments(2)
    one.add(torch.tensor([[-1.0, -2.0], [1.0, 2.0], [-1.0, 2.0], [1.0, -2.0]]))
    other.add(torch.tensor([[2.0, -1.0], [8.0, 1.0], [2.0, 1.0], [8.0, -1.0]]))
    stretch = (4 / 3) ** 0.5  # unbiased deviation of +-1 in four draws
    expected = 25 + (stretch - 3 * stretch) ** 2 + (2 * stretch - stretch) ** 2
    assert frechet(one, other) == pytest.approx(expected)
    assert frechet(one, one) == pytest.approx(0, abs=1e-12)


def test_the_two_ways_to_frechet_agree() -> None:
    one, other = normal(20, 30), normal(25, 30, 0.5, 2, seed=1)  # fewer pictures than features
    assert frechet_of(one, other) == pytest.approx(frechet(moments(one), moments(other)), rel=1e-5)


def test_frechet_against_the_root_of_a_matrix() -> None:
    """tr (S1 S2)^(1/2) from the eigenvalues of the product itself, as scipy's sqrtm would give."""
    one, other = normal(200), normal(300, shift=1, scale=1.5, seed=1) @ normal(6, seed=2)
    first, second = np.cov(one.double().numpy().T), np.cov(other.double().numpy().T)
    root = np.sqrt(np.linalg.eigvals(first @ second).real.clip(0)).sum()
    apart = np.square(one.double().numpy().mean(0) - other.double().numpy().mean(0)).sum()
    expected = apart + np.trace(first) + np.trace(second) - 2 * root
    assert frechet(moments(one), moments(other)) == pytest.approx(expected, rel=1e-8)


def test_kernel_distance_by_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution, "ROWS", 4)  # more than one block
    one, other = normal(9), normal(11, shift=0.5, seed=1)
    xx, yy, xy = kernel(one, one), kernel(other, other), kernel(one, other)
    off_x, off_y = xx.sum() - xx.diag().sum(), yy.sum() - yy.diag().sum()
    expected = off_x / (9 * 8) + off_y / (11 * 10) - 2 * xy.mean()
    assert kernel_distance(one, other)[0] == pytest.approx(float(expected))


def test_kernel_distance_of_three_pictures() -> None:
    """The fewest; left out in turn, two remain."""
    one, other = normal(3), normal(3, shift=0.5, seed=1)

    def plainly(first: Tensor, second: Tensor) -> float:
        m, n = len(first), len(second)
        xx, yy, xy = kernel(first, first), kernel(second, second), kernel(first, second)
        within = (xx.sum() - xx.trace()) / (m * (m - 1)) + (yy.sum() - yy.trace()) / (n * (n - 1))
        return float(within - 2 * xy.sum() / (m * n))

    left_out = [torch.tensor([1, 2]), torch.tensor([0, 2]), torch.tensor([0, 1])]
    parts = [[plainly(one[rest], other) for rest in left_out], [plainly(one, other[rest]) for rest in left_out]]
    variance = sum(2 / 3 * np.square(np.subtract(part, np.mean(part))).sum() for part in parts)
    assert kernel_distance(one, other) == pytest.approx((plainly(one, other), variance**0.5))


def test_kernel_distance_is_unbiased_and_its_error_is_its_spread() -> None:
    """Of two samples of one distribution it is 0 in the mean, and differs from it by its stated error."""
    found = [kernel_distance(normal(60, seed=2 * i), normal(60, seed=2 * i + 1)) for i in range(60)]
    values, errors = np.array(found).T
    assert abs(values.mean()) < 3 * values.std() / 60**0.5
    assert 0.6 < errors.mean() / values.std() < 1.7


def test_density_and_coverage() -> None:
    targets = normal(200)
    density, covered = density_coverage(normal(200, seed=1), targets)
    assert density == pytest.approx(1, abs=0.25)
    assert covered > 0.9
    assert density_coverage(targets + 100, targets) == (0.0, 0.0)
    _, collapsed = density_coverage(targets[:1].repeat(200, 1), targets)
    assert collapsed < 0.1


def test_density_and_coverage_by_their_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Naeem et al., equations 3 and 4; a point on a ball's surface lies outside."""
    monkeypatch.setattr(distribution, "ROWS", 4)
    targets = normal(11, 2)
    outputs = torch.cat([normal(6, 2, seed=1), targets[:5]])  # copies of targets lie on the surfaces of balls
    near = [sorted(float((one - other).double().norm()) for other in targets)[3] for one in targets]
    far = [[float((one - other).double().norm()) for other in outputs] for one in targets]
    inside = [[distance < radius - 1e-9 for distance in row] for row, radius in zip(far, near, strict=True)]
    density, coverage = density_coverage(outputs, targets, neighbours=3)
    assert density == pytest.approx(sum(map(sum, inside)) / (3 * 11))
    assert coverage == pytest.approx(sum(map(any, inside)) / 11)


def test_what_lies_on_a_surface_covers_nothing() -> None:
    targets = torch.tensor([[0.0], [10.0], [20.0], [30.0]])  # each ball has a radius of 10
    assert density_coverage(torch.tensor([[-10.0]]), targets, neighbours=1) == (0, 0)
    assert density_coverage(torch.tensor([[-9.0]]), targets, neighbours=1) == (1, 0.25)


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(DiptychError, match="at least 2"):
        frechet(moments(normal(1)), moments(normal(5)))
    with pytest.raises(DiptychError, match="at least 3 pictures"):
        kernel_distance(normal(2), normal(5))
    with pytest.raises(DiptychError, match="more than 5 targets"):
        density_coverage(normal(5), normal(5))
