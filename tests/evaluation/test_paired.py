"""Scores against closed forms, scikit-image and torchmetrics."""

import math

import pytest
import torch
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from diptych.errors import DiptychError
from diptych.evaluation.paired import l1, ms_ssim, psnr, ssim


def pictures(seed: int, side: int = 48) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    rough = torch.rand(3, 3, 12, 12, generator=generator)
    return torch.nn.functional.interpolate(rough, side, mode="bilinear") * 2 - 1


def test_closed_forms() -> None:
    zero = torch.zeros(2, 3, 16, 16)
    assert l1(zero, zero + 0.5).tolist() == [0.5, 0.5]
    assert psnr(zero, zero + 0.2)[0].item() == pytest.approx(10 * math.log10(4 / 0.04), abs=1e-4)
    assert ssim(pictures(0), pictures(0)).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    assert torch.isinf(psnr(zero, zero)).all()


def test_each_picture_has_its_own_score() -> None:
    one, other = pictures(0), pictures(1)
    for score in (l1, psnr, ssim):
        together = score(one, other)
        alone = torch.cat([score(one[i : i + 1], other[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(together, alone)


def test_against_torchmetrics() -> None:
    one, other = pictures(0), pictures(1)
    expected = peak_signal_noise_ratio(one, other, data_range=2.0, dim=(1, 2, 3), reduction="none")
    torch.testing.assert_close(psnr(one, other), expected)
    found = structural_similarity_index_measure(
        (one + 1) / 2,
        (other + 1) / 2,
        sigma=1.5,
        kernel_size=11,
        data_range=1.0,
        reduction="none",
        return_full_image=True,
    )
    assert isinstance(found, tuple)
    inside = found[1][..., 5:-5, 5:-5]  # it also averages over a reflected border, which Wang's measure leaves out
    torch.testing.assert_close(ssim(one, other), inside.flatten(1).mean(1), atol=1e-5, rtol=1e-4)


def as_published(one: torch.Tensor, other: torch.Tensor) -> float:
    """Wang et al. 2004 by scikit-image, of one picture (channels, height, width) in [-1, 1] each."""
    first, second = (picture.double().numpy() / 2 + 0.5 for picture in (one, other))
    return float(
        structural_similarity(
            first,
            second,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=0,
        )
    )


@pytest.mark.parametrize("light", [-0.9, -0.5, 0.0, 0.5])
def test_ssim_against_scikit_image(light: float) -> None:
    """Also where pictures are dark or bright, and where one is brighter than the other."""
    one, other = pictures(0), pictures(1)
    pairs = [
        (one, other),
        ((one * 0.1 + light), (other * 0.1 + light)),
        (one * 0.4 + light, one * 0.4 + light + 0.1),
        (torch.full_like(one, light), one * 0.05 + light),
    ]
    for first, second in pairs:
        expected = [as_published(*each) for each in zip(first, second, strict=True)]
        assert ssim(first, second).tolist() == pytest.approx(expected, abs=2e-6)


def test_small_pictures_have_a_smaller_window() -> None:
    assert ssim(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)).item() == pytest.approx(1)
    black, white = torch.full((1, 1, 1, 1), -1.0), torch.ones(1, 1, 1, 1)
    assert ssim(black, white).item() == pytest.approx(1e-4 / (1 + 1e-4), rel=1e-3)


def test_ms_ssim_against_torchmetrics_and_by_its_definition() -> None:
    """torchmetrics' windows reach over a reflected border, which weighs at the smallest scale: near, but not the same."""
    one, other = pictures(0, 512)[:, :1], pictures(1, 512)[:, :1]
    near = 0.8 * one + 0.2 * other
    theirs = multiscale_structural_similarity_index_measure(
        (one + 1) / 2, (near + 1) / 2, data_range=1.0, sigma=1.5, kernel_size=11, reduction="none"
    )
    torch.testing.assert_close(ms_ssim(one, near), theirs, atol=0.02, rtol=0)
    one, near = one[..., :176, :192], near[..., :176, :192]  # the definition's windows take much memory
    torch.testing.assert_close(ms_ssim(one, near), by_definition(one, near), atol=1e-4, rtol=0)
    assert ms_ssim(one, one).tolist() == pytest.approx([1, 1, 1], abs=1e-5)
    dim, bright = 0.3 * one - 0.6, 0.3 * one + 0.2  # which the smallest scale alone tells apart
    torch.testing.assert_close(ms_ssim(dim, bright), by_definition(dim, bright), atol=1e-4, rtol=0)
    assert float((by_definition(dim, bright) - 1).abs().min()) > 0.02
    colours = (torch.cat([one[:1], dim[1:2]], 1), torch.cat([near[:1], bright[1:2]], 1))
    apart = torch.stack([by_definition(*(side[:, [channel]] for side in colours)) for channel in (0, 1)])
    torch.testing.assert_close(ms_ssim(*(side.expand(3, -1, -1, -1) for side in colours)), apart.mean(0).expand(3))


def by_definition(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Wang, Simoncelli and Bovik, equation 7, window by window, in float64, of light from 0 to 1."""
    at = torch.arange(11, dtype=torch.float64) - 5
    window = torch.exp(-(at[:, None] ** 2 + at**2) / 4.5)
    window = (window / window.sum()).reshape(-1, 1)
    one, other, result = one.double() / 2 + 0.5, other.double() / 2 + 0.5, torch.ones(len(one), dtype=torch.float64)
    for scale, weight in enumerate([0.0448, 0.2856, 0.3001, 0.2363, 0.1333]):
        x, y = torch.nn.functional.unfold(one, 11), torch.nn.functional.unfold(other, 11)  # (batch, 121, windows)
        mean_x, mean_y = (x * window).sum(1, keepdim=True), (y * window).sum(1, keepdim=True)
        var_x, var_y = ((x - mean_x) ** 2 * window).sum(1), ((y - mean_y) ** 2 * window).sum(1)
        covariance = ((x - mean_x) * (y - mean_y) * window).sum(1)
        value = (2 * covariance + 0.03**2) / (var_x + var_y + 0.03**2)
        if scale == 4:
            light = (2 * mean_x * mean_y + 0.01**2) / (mean_x**2 + mean_y**2 + 0.01**2)
            value = value * light[:, 0]
        result = result * value.mean(1) ** weight
        one, other = torch.nn.functional.avg_pool2d(one, 2), torch.nn.functional.avg_pool2d(other, 2)
    return result.float()


def test_ms_ssim_needs_room() -> None:
    with pytest.raises(DiptychError, match="161 or more, not 160x200"):
        ms_ssim(torch.zeros(1, 1, 200, 160), torch.zeros(1, 1, 200, 160))
