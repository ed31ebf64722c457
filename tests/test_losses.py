"""Loss values, worked out by hand."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

from diptych.losses import (
    ADVERSARIES,
    feature_matching,
    gradient_difference,
    gradient_penalty,
    l1,
    pyramid_l1,
    total_variation,
    travel_losses,
)

LOGITS = torch.tensor([[[[1.0, -2.0], [0.0, 3.0]]]])
NONE = torch.zeros(0)


def only_real(name: str, logits: Tensor) -> float:
    """The discriminator's loss on real logits alone: less the fakes' part, which is known at zero logits."""
    adversary = ADVERSARIES[name]
    zero = torch.zeros_like(logits)
    both = adversary.discriminator(logits, zero) - adversary.discriminator(zero, zero)
    at_zero = {"vanilla": math.log(2), "least-squares": 1.0, "hinge": 1.0, "wasserstein": 0.0}[name]
    return float(both) + at_zero


def only_fake(name: str, logits: Tensor) -> float:
    adversary = ADVERSARIES[name]
    zero = torch.zeros_like(logits)
    both = adversary.discriminator(zero, logits) - adversary.discriminator(zero, zero)
    at_zero = {"vanilla": math.log(2), "least-squares": 0.0, "hinge": 1.0, "wasserstein": 0.0}[name]
    return float(both) + at_zero


@pytest.mark.parametrize(
    ("name", "real", "fake", "generator"),
    [
        ("vanilla", 0.7954811, 1.2954811, 0.7954811),
        ("least-squares", 3.5, 3.5, 3.5),
        ("hinge", 1.0, 1.75, -0.5),
        ("wasserstein", -0.5, 0.5, -0.5),
    ],
)
def test_values(name: str, real: float, fake: float, generator: float) -> None:
    assert only_real(name, LOGITS) == pytest.approx(real, abs=1e-6)
    assert only_fake(name, LOGITS) == pytest.approx(fake, abs=1e-6)
    assert ADVERSARIES[name].generator(LOGITS).item() == pytest.approx(generator, abs=1e-6)


@pytest.mark.parametrize(("name", "both"), [("vanilla", 2 * 0.6931472), ("least-squares", 1.0), ("hinge", 2.0)])
def test_values_at_zero_logits(name: str, both: float) -> None:
    zero = torch.zeros(1, 1, 4, 4)
    assert ADVERSARIES[name].discriminator(zero, zero).item() == pytest.approx(both, abs=1e-6)


@pytest.mark.parametrize("name", ADVERSARIES)
def test_losses_of_bfloat16_are_float32_scalars(name: str) -> None:
    adversary = ADVERSARIES[name]
    for value in (
        adversary.discriminator(LOGITS.bfloat16(), LOGITS.bfloat16()),
        adversary.generator(LOGITS.bfloat16()),
    ):
        assert value.dtype == torch.float32
        assert value.shape == ()


def test_l1_is_a_mean() -> None:
    assert l1(torch.zeros(2, 3, 4, 4), torch.full((2, 3, 4, 4), 0.25)).item() == 0.25
    assert l1(torch.zeros(1, 1, 2, 2).bfloat16(), torch.ones(1, 1, 2, 2)).dtype == torch.float32


def test_gradient_penalty_of_a_linear_critic() -> None:
    """A critic w.x has the gradient w everywhere, so the penalty is (|w| - 1)^2."""
    weight = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    real, fake = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    penalty = gradient_penalty(lambda x: (x * weight).sum(dim=(1, 2, 3)), real, fake, torch.rand(2, 1, 1, 1))
    norm = 0.5 * math.sqrt(48)
    assert penalty.item() == pytest.approx((norm - 1) ** 2, rel=1e-5)
    penalty.backward()
    assert weight.grad is not None


@pytest.mark.parametrize("norm", [nn.BatchNorm2d, nn.InstanceNorm2d])
def test_gradient_penalty_through_norms(norm: type[nn.Module]) -> None:
    critic = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1), norm(4), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 4, 1, 1))
    penalty = gradient_penalty(critic, torch.randn(2, 3, 16, 16), torch.randn(2, 3, 16, 16), torch.rand(2, 1, 1, 1))
    penalty.backward()
    first = critic[0]
    assert isinstance(first, nn.Conv2d)
    assert first.weight.grad is not None
    assert torch.isfinite(first.weight.grad).all()


def test_total_variation_of_several_pictures() -> None:
    pictures = torch.randn(3, 2, 4, 5)
    values = pictures.double().numpy()
    expected = (abs(np.diff(values, axis=2)).sum() + abs(np.diff(values, axis=3)).sum()) / 3
    assert total_variation(pictures).item() == pytest.approx(expected, rel=1e-5)


def test_feature_matching_is_summed_over_maps_and_averaged_over_scales() -> None:
    def maps(*values: float) -> list[Tensor]:
        return [torch.full((1, 2, place + 1, 3), value) for place, value in enumerate(values)]

    fake, real = [maps(1, 2), maps(3, 4)], [maps(0, 0), maps(2, 8)]
    assert feature_matching(fake, real).item() == pytest.approx(((1 + 2) + (1 + 4)) / 2)
    for shorter in (real[:1], [real[0], real[1][:1]]):
        with pytest.raises(ValueError, match="shorter"):
            feature_matching(fake, shorter)


@pytest.mark.parametrize("squared", [True, False])
def test_travel_terms_over_all_pairs(squared: bool) -> None:
    torch.manual_seed(0)
    real, fake, pairs = torch.randn(4, 3), torch.randn(4, 3), list(permutations(range(4), 2))
    margins, lengths, angles = [], [], []
    for one, other in pairs:
        vector, moved = real[one] - real[other], fake[one] - fake[other]
        length = float(vector @ vector)
        margins.append(max(0.0, 2.5 - (length if squared else math.sqrt(length))))
        lengths.append(float((vector - moved) @ (vector - moved)) / 3)
        angles.append(-float(vector @ moved / (vector.norm() * moved.norm())))
    found = travel_losses(real, fake, 2.5, squared)
    assert [float(term) for term in found] == pytest.approx([sum(x) / 12 for x in (margins, lengths, angles)], rel=1e-5)
    assert 0 < margins.count(0) < 12
    if squared:
        assert travel_losses(real, fake, 2.5) == found


def test_gradient_difference_against_numpy() -> None:
    torch.manual_seed(0)
    fake, target = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
    one, other = fake.double().numpy(), target.double().numpy()
    expected = sum(abs(np.diff(one, axis=axis) - np.diff(other, axis=axis)).mean() for axis in (2, 3))
    assert gradient_difference(fake, target).item() == pytest.approx(expected, rel=1e-6)
    assert gradient_difference(target + 0.5, target).item() == pytest.approx(0, abs=1e-7)  # a shift costs nothing
    assert gradient_difference(-target, target).item() > 1  # but an edge the other way round does
    assert gradient_difference(fake.bfloat16(), target).dtype == torch.float32


def test_the_pyramid_is_scipy_s_blur_and_every_second_pixel() -> None:
    """Against a convolution of its own, normalised at the borders by the same blur of ones."""
    rng = np.random.default_rng(0)
    fake, target = (torch.from_numpy(rng.normal(size=(2, 3, 13, 16))) for _ in range(2))
    line = np.array([1, 4, 6, 4, 1]) / 16
    error, ones = (fake - target).numpy(), np.ones((13, 16))
    means = [np.abs(error).mean()]
    for _ in range(3):
        for axis in (-2, -1):
            error = ndimage.convolve1d(error, line, axis=axis, mode="constant")
            ones = ndimage.convolve1d(ones, line, axis=axis, mode="constant")
        error, ones = error[..., ::2, ::2], ones[::2, ::2]
        means.append(np.abs(error).sum() / (ones.sum() * 6))
    assert pyramid_l1(fake, target, 3).item() == pytest.approx(np.mean(means), rel=1e-5)


def test_the_pyramid_forgives_a_shift_that_l1_does_not() -> None:
    """A line moved by one pixel: L1 is what it is for any move, the pyramid's a fraction of it."""
    lines = torch.zeros(1, 1, 64, 64)
    lines[..., ::16, :] = 1
    near, far = lines.roll(1, 2), lines.roll(8, 2)
    assert l1(near, lines) == l1(far, lines)
    assert pyramid_l1(near, lines, 3) < 0.75 * pyramid_l1(far, lines, 3)
    assert pyramid_l1(lines, lines, 2) == 0


def test_the_pyramid_leaves_out_what_has_no_data() -> None:
    """Constant errors come out as they are, whatever part of the picture is known."""
    weights = torch.ones(1, 1, 32, 32)
    weights[..., 10:20, :12] = 0
    for level in (1, 3):
        assert pyramid_l1(0.3 * weights, 0 * weights, level, weights).item() == pytest.approx(0.3, rel=1e-5)
