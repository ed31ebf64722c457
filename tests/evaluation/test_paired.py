"""Scores against closed forms and against torchmetrics."""

import math

import pytest
import torch
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from diptych.evaluation.paired import l1, psnr, ssim


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
        one, other, sigma=1.5, kernel_size=11, data_range=2.0, reduction="none", return_full_image=True
    )
    assert isinstance(found, tuple)
    inside = found[1][..., 5:-5, 5:-5]  # it also averages over a reflected border, which Wang's measure leaves out
    torch.testing.assert_close(ssim(one, other), inside.flatten(1).mean(1), atol=1e-5, rtol=1e-4)


def test_small_pictures_have_a_smaller_window() -> None:
    assert ssim(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)).item() == pytest.approx(1)
    assert ssim(torch.zeros(1, 1, 1, 1), torch.ones(1, 1, 1, 1)).item() < 0.01
