"""Blur lowers sharpness, grids raise the checkerboard score; both are what they are on known pictures."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from diptych.errors import DiptychError
from diptych.evaluation.colour import BINS, LabHistograms, intersection
from diptych.evaluation.texture import checkerboard, luma, sharpness


def photo(side: int = 64, seed: int = 0) -> Tensor:
    """Noise with the falling spectrum of photographs."""
    noise = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(seed))
    at = torch.fft.fftfreq(side)
    falling = 1 / (at[:, None].square() + at.square()).sqrt().clamp(min=1 / side)
    pictures: Tensor = torch.fft.ifft2(torch.fft.fft2(noise) * falling).real.mul(0.05).clamp(-1, 1)
    return pictures


def test_sharpness_of_a_ramp_is_its_slope() -> None:
    ramp = torch.linspace(-1, 1, 33).expand(1, 3, 20, 33)
    assert sharpness(ramp).item() == pytest.approx(2 / 32, rel=1e-5)


def test_blur_lowers_sharpness() -> None:
    pictures = photo()
    blurred = functional.avg_pool2d(pictures, 5, 1, 2)
    assert (sharpness(blurred) < 0.7 * sharpness(pictures)).all()


def test_luma_of_grey_is_grey() -> None:
    grey = photo()[:, :1]
    torch.testing.assert_close(luma(grey.repeat(1, 3, 1, 1)), grey[:, 0], atol=1e-6, rtol=0)
    torch.testing.assert_close(luma(grey), grey[:, 0])


@pytest.mark.parametrize("period", [2, 4, 8])
def test_grids_raise_the_checkerboard_score(period: int) -> None:
    pictures = torch.cat([photo(72, seed) for seed in range(10)])
    plain = checkerboard(pictures).mean()
    assert plain < 2
    grid = pictures.clone()
    grid[..., ::period, ::period] += 0.1 * period  # the sparser, the less power a dot has
    assert checkerboard(grid).mean() > 10 * plain


def test_checkerboard_of_flat_and_small_pictures() -> None:
    assert checkerboard(torch.zeros(1, 3, 40, 33)).item() == pytest.approx(1)
    with pytest.raises(DiptychError, match="32 pixels or more, not 40x24"):
        checkerboard(torch.zeros(1, 3, 31, 40))


def test_lab_histograms() -> None:
    white, black = np.full((4, 4, 3), 255, np.uint8), np.zeros((4, 4, 3), np.uint8)
    one, other = LabHistograms(), LabHistograms()
    one.add(white)
    other.add(white)
    assert intersection(one, other) == pytest.approx((1, 1, 1))
    assert one.counts[0][BINS - 1] == 16
    other.add(black)  # half of the lightness is elsewhere now, and the colour is the same
    light, green_red, blue_yellow = intersection(one, other)
    assert (light, green_red, blue_yellow) == pytest.approx((0.5, 1, 1))
    red = LabHistograms()
    red.add(np.full((2, 2, 3), [255, 0, 0], np.uint8))
    assert intersection(one, red) == pytest.approx((0, 0, 0))
