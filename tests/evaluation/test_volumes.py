"""Scores of volumes against values computed from SynthRAD's formulas beforehand, and against scikit-image."""

import math
from typing import Any

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from diptych.evaluation import volumes
from diptych.evaluation.volumes import PROTOCOLS, Protocol, mae, ms_ssim, ms_ssim_textbook, psnr, scores_of, ssim

OLD, NEW = PROTOCOLS["synthrad2023"], PROTOCOLS["synthrad2025"]


def grid(side: int) -> Any:
    i, j, k = np.indices((side, side, side))
    target = (10.0 * ((7 * i + 13 * j + 29 * k) % 100) - 500).astype(np.float64)
    return target, target + 50 * ((i + j + k) % 2 == 0)


def box(side: int, *ranges: tuple[int, int]) -> Any:
    mask = np.zeros((side, side, side), bool)
    mask[tuple(slice(*one) for one in ranges)] = True
    return mask


def test_a_constant_error() -> None:
    target, everywhere = np.zeros((12, 12, 12)), np.ones((12, 12, 12), bool)
    output = target + 100
    assert mae(target, output, everywhere, OLD) == 100
    assert psnr(target, output, everywhere, OLD) == pytest.approx(32.09316, abs=5e-6)
    assert psnr(target, output, everywhere, NEW) == pytest.approx(32.24508, abs=5e-6)
    assert ssim(target, output, everywhere, OLD) == pytest.approx(0.9956777, abs=5e-8)


def test_a_pattern_inside_a_mask() -> None:
    target, output = grid(20)
    mask = box(20, (5, 15), (4, 16), (6, 18))
    assert mae(target, output, mask, OLD) == pytest.approx(25)
    assert psnr(target, output, mask, OLD) == pytest.approx(41.12406, abs=5e-6)
    assert psnr(target, output, mask, NEW) == pytest.approx(41.27598, abs=5e-6)
    assert ssim(target, output, mask, OLD) == pytest.approx(0.99852474, abs=5e-9)


def test_ssim_is_scikit_images_under_a_full_mask() -> None:
    rng = np.random.default_rng(0)
    target = rng.uniform(-1000, 2000, (15, 11, 13))
    output = target + rng.normal(0, 200, target.shape)
    _, expected = structural_similarity(
        np.clip(target, -1024, 3000) + 1024,
        np.clip(output, -1024, 3000) + 1024,
        win_size=7,
        data_range=4024.0,
        full=True,
    )
    found = ssim(target, output, np.ones(target.shape, bool), OLD)
    assert found == pytest.approx(expected[3:-3, 3:-3, 3:-3].mean(), abs=1e-12)


@pytest.mark.slow
def test_ms_ssim_of_five_scales() -> None:
    target, output = grid(100)
    mask = box(100, (20, 80), (25, 75), (30, 90))
    assert ms_ssim(target, output, mask, NEW) == pytest.approx(0.99937344, abs=5e-9)
    assert ms_ssim_textbook(target, output, mask, NEW) == pytest.approx(0.99962712, abs=5e-9)
    assert ms_ssim(target, target + 100, mask, NEW) == pytest.approx(0.99247021, abs=5e-9)
    assert ms_ssim_textbook(target, target + 100, mask, NEW) == pytest.approx(0.99623066, abs=2e-8)
    assert ms_ssim(target, target.copy(), mask, NEW) == 1


@pytest.mark.slow
def test_a_small_volume_is_padded() -> None:
    target, output = (one[:40, :40, :40] for one in grid(100))
    assert ms_ssim(target, output, box(40, (8, 32), (8, 32), (8, 32)), NEW) == pytest.approx(0.99943288, abs=5e-9)


def test_values_beyond_the_range_and_outside_the_mask() -> None:
    target, output = np.full((9, 9, 9), 3071.0), np.full((9, 9, 9), 5000.0)
    everywhere = np.ones((9, 9, 9), bool)
    assert psnr(target, output, everywhere, NEW) == math.inf
    assert mae(target, output, everywhere, NEW) == 1929
    target, output = grid(20)
    mask = box(20, (5, 15), (4, 16), (6, 18))
    other = np.where(mask, output, 700.0)
    assert scores_of(target, output, mask, OLD) == scores_of(target, other, mask, OLD)


def test_slabs_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    target, output = grid(20)
    mask = box(20, (5, 15), (4, 16), (6, 18))
    whole = scores_of(target, output, mask, OLD)
    monkeypatch.setattr(volumes, "SLAB_VOXELS", 900)
    assert scores_of(target, output, mask, OLD) == pytest.approx(whole, rel=1e-12)


def test_too_small_for_the_window_is_not_a_number() -> None:
    tiny = np.zeros((5, 9, 9))
    assert math.isnan(ssim(tiny, tiny, np.ones(tiny.shape, bool), Protocol("own", 0, 1, ("ssim",))))
