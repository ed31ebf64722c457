"""Blur lowers sharpness, grids raise the checkerboard score; both are what they are on known pictures."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from skimage.measure import label
from skimage.morphology import erosion
from torch import Tensor
from torch.nn import functional

from diptych.errors import DiptychError
from diptych.evaluation.set_metrics import BINS, LAB_RANGES, intersections, lab_histograms
from diptych.evaluation.texture import blotches, checkerboard, luma, sharpness


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


def test_luma_and_sharpness_by_their_formulas() -> None:
    pictures = photo(9)
    values = pictures.double().numpy()
    grey = 0.299 * values[:, 0] + 0.587 * values[:, 1] + 0.114 * values[:, 2]
    np.testing.assert_allclose(luma(pictures), grey, atol=1e-6)
    two = pictures[:, :2]
    np.testing.assert_allclose(luma(two), values[:, :2].mean(1), atol=1e-6)
    expected = np.hypot(np.diff(grey, axis=2)[:, :-1], np.diff(grey, axis=1)[:, :, :-1]).mean((1, 2))
    np.testing.assert_allclose(sharpness(pictures), expected, rtol=1e-4)


def test_checkerboard_by_its_definition() -> None:
    """In numpy, frequency by frequency; one side is not whole multiples of 8, and the mean is far from 0."""
    pictures = torch.cat([photo(48, seed)[..., :33, :40] for seed in range(2)]) + 0.5
    expected = []
    for values in luma(pictures).double().numpy()[:, :32]:
        window = np.outer(*(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(side) / side) for side in (32, 40)))
        power = abs(np.fft.fft2((values - values.mean()) * window)) ** 2
        ratios = []
        for row, column in [(row, column) for row in range(8) for column in range(8) if (row, column) != (0, 0)]:
            beside = []
            for down in range(-4, 5):
                for right in range(-4, 5):
                    on_axis = (row != 0 or down == 0) and (column != 0 or right == 0)
                    if on_axis and (abs(down) >= 2 or abs(right) >= 2):
                        beside.append(power[(4 * row + down) % 32, (5 * column + right) % 40])
            ratios.append(power[4 * row, 5 * column] / np.mean(beside))
        expected.append(np.mean(ratios))
    np.testing.assert_allclose(checkerboard(pictures), expected, rtol=1e-4)


def test_checkerboard_of_flat_and_small_pictures() -> None:
    assert checkerboard(torch.zeros(1, 3, 40, 33)).item() == pytest.approx(1)
    with pytest.raises(DiptychError, match="32 pixels or more, not 40x24"):
        checkerboard(torch.zeros(1, 3, 31, 40))


def plain_shares(pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Shares of L, a and b in bins of equal width by numpy, colours by scikit-image."""
    lab = np.concatenate([rgb2lab(picture).reshape(-1, 3) for picture in pictures])
    found = []
    for plane, (low, high) in zip(lab.T, LAB_RANGES, strict=True):
        edges = np.linspace(low, high, BINS + 1)
        found.append(np.histogram(plane.clip(low, high), edges)[0] / len(plane))
    return found


def test_lab_shares_against_a_plain_version() -> None:
    """A pixel on an edge may fall to either side."""
    rng = np.random.default_rng(0)
    piles = [
        [rng.integers(0, high, (40, 30, 3), dtype=np.uint8) for high in (40, 256)],
        [np.full((9, 9, 3), 77, np.uint8)],
    ]
    histograms = []
    for pile in piles:
        histograms.append(np.sum([lab_histograms(picture) for picture in pile], axis=0))
        shares = histograms[-1] / histograms[-1].sum(1, keepdims=True)
        for own, plain in zip(shares, plain_shares(pile), strict=True):
            np.testing.assert_allclose(own, plain, atol=2.1 / 2400)
    expected = [np.minimum(one, other).sum() for one, other in zip(*map(plain_shares, piles), strict=True)]
    assert intersections(*histograms) == pytest.approx(expected, abs=5e-3)


def test_greys_are_one_colour_whatever_the_noise() -> None:
    """Every grey of 8 bits has a = b = 0, and one level of a channel more or less does not change its bin."""
    greys = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2)
    tinted = greys.copy()
    tinted[..., 2] ^= 1
    one, other = lab_histograms(greys), lab_histograms(tinted)
    for histogram in (one, other):
        assert histogram[1][BINS // 2] == histogram[2][BINS // 2] == 256
    assert intersections(one, other)[1:] == [1, 1]
    low, high = LAB_RANGES[1]
    assert (BINS // 2 + 0.5) * (high - low) / BINS + low == pytest.approx(0)


def test_lab_intersections() -> None:
    white, black = (lab_histograms(np.full((4, 4, 3), level, np.uint8)) for level in (255, 0))
    assert intersections(white, white) == pytest.approx((1, 1, 1))
    assert white[0][BINS - 1] == 16
    # Half of the lightness is elsewhere, and the colour is the same.
    assert intersections(white, white + black) == pytest.approx((0.5, 1, 1))
    red = lab_histograms(np.full((2, 2, 3), [255, 0, 0], np.uint8))
    assert intersections(white, red) == pytest.approx((0, 0, 0))


def fills(seed: int) -> Tensor:
    """Discs and bars of few colours on a ground, as drawings have; some of the same colour touch, others do not."""
    random, (rows, columns) = np.random.default_rng(seed), np.mgrid[:96, :80]
    picture = np.ones((3, 96, 80), np.float32)
    for place in range(9):
        at, colour = random.integers(0, 80, 2), random.choice([-1.0, 0.25, 1.0], 3)
        near = np.hypot(rows - at[0], columns - at[1]) < random.integers(4, 24)
        picture[:, near if place % 3 else (abs(rows - at[0]) < 4)] = colour[:, None]
    return torch.from_numpy(picture)


def test_blotches_against_regions_by_another_library() -> None:
    torch.manual_seed(0)
    targets = torch.stack([fills(seed) for seed in range(4)])
    outputs = targets + 0.2 * functional.avg_pool2d(torch.randn_like(targets), 9, 1, 4)
    for output, target, found in zip(outputs.double().numpy(), targets, blotches(outputs, targets), strict=True):
        colours = np.unique(target.flatten(1).T, axis=0, return_inverse=True)[1].reshape(96, 80)
        regions = []
        for colour in np.unique(colours):
            numbers = label(erosion(colours == colour, np.ones((5, 5))), connectivity=2)
            regions += [numbers == number for number in range(1, numbers.max() + 1)]
        deviations = [output[:, region].std(axis=1).mean() for region in regions if region.sum() >= 60]
        assert len(deviations) > 1
        assert found.item() == pytest.approx(np.mean(deviations), rel=1e-5)


def test_flat_fills_have_no_blotches_and_photographs_no_regions() -> None:
    target = fills(0)[None]
    assert blotches(target / 2 - 0.1, target).item() == pytest.approx(0, abs=1e-7)  # of another colour, but flat
    assert blotches(photo(), photo()).isnan().all()
