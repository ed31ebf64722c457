"""Scores of super-resolution and inpainting: the papers' protocol, written out, and what needs no learning beside it."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.metrics import structural_similarity

from diptych.data import DataSettings, open_dataset
from diptych.evaluation import paired, restoration
from diptych.evaluation.evaluate import evaluate
from diptych.evaluation.metrics import Example
from diptych.evaluation.requirements import Resources

DATA = Path(os.environ.get("DIPTYCH_DATA", Path(__file__).parents[3] / "shared" / "data"))


def psnr_luma(output: torch.Tensor, target: torch.Tensor) -> float:
    return float(paired.psnr(*(restoration.luma_within(rgb, 4) for rgb in (output, target))))


def rgb(*colour: int) -> torch.Tensor:
    return torch.tensor(colour, dtype=torch.float32).view(1, 3, 1, 1) / 127.5 - 1


@pytest.mark.parametrize(
    ("colour", "luma"),
    [
        ((255, 255, 255), 235),
        ((0, 0, 0), 16),
        ((255, 0, 0), 81.481),
        ((0, 255, 0), 144.553),
        ((0, 0, 255), 40.966),
    ],
)
def test_luma(colour: tuple[int, int, int], luma: float) -> None:
    assert restoration.luma(rgb(*colour)).item() == pytest.approx(luma, abs=1e-3)


def test_luma_keeps_to_the_levels_of_a_file() -> None:
    assert restoration.luma(rgb(300, 300, 300)).item() == pytest.approx(235)
    assert restoration.luma(rgb(-40, -40, -40)).item() == 16
    assert restoration.luma(torch.zeros(1, 3, 4, 5)).shape == (1, 1, 4, 5)


def test_bicubic_of_flat_colours_is_their_level() -> None:
    for value, level in ((-1.0, 0), (-1.2, 0), (0.5, 191), (1.0, 255), (1.3, 255)):
        large = restoration.bicubic(torch.full((1, 3, 4, 5), value), 3)
        assert large.shape == (1, 3, 12, 15)
        torch.testing.assert_close(large, torch.full((1, 3, 12, 15), level / 127.5 - 1))


def test_psnr_on_luma_by_its_definition() -> None:
    generator = np.random.default_rng(0)
    one, other = (generator.integers(0, 256, (40, 30, 3)).astype(np.float64) for _ in range(2))
    weights = np.array([65.481, 128.553, 24.966]) / 255
    difference = ((one - other) @ weights)[4:-4, 4:-4]
    expected = 10 * np.log10(255**2 / np.square(difference).mean())
    first, second = (torch.from_numpy(p).permute(2, 0, 1)[None].float() / 127.5 - 1 for p in (one, other))
    assert psnr_luma(first, second) == pytest.approx(expected, rel=1e-5)


def maps_of(one: np.ndarray, other: np.ndarray, data_range: float) -> np.ndarray:
    """Structural similarity at each place (and channel, last), by scikit-image; valid 5 pixels from the border on."""
    _, whole = structural_similarity(
        one,
        other,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=data_range,
        channel_axis=2,
        full=True,
    )
    return np.asarray(whole)[5:-5, 5:-5]


def smooth_pair() -> list[np.ndarray]:
    """8-bit RGB pictures (48, 40, 3) that are alike, and not of all levels, as float64."""
    rng = np.random.default_rng(3)
    large = [np.kron(rng.integers(20, 160, (6, 5, 3)), np.ones((8, 8, 1))) for _ in range(2)]
    return [large[0], np.rint(0.8 * large[0] + 0.2 * large[1] + 10)]


def test_ssim_on_luma_against_scikit_image() -> None:
    one, other = smooth_pair()
    weights = np.array([65.481, 128.553, 24.966]) / 255
    lumas = [(picture @ weights + 16)[4:-4, 4:-4, None] for picture in (one, other)]
    expected = maps_of(lumas[0], lumas[1], data_range=255.0).mean()
    first, second = (torch.from_numpy(p).permute(2, 0, 1)[None].float() / 127.5 - 1 for p in (one, other))
    assert float(paired.ssim(*(restoration.luma_within(rgb, 4) for rgb in (first, second)))) == pytest.approx(
        expected, abs=2e-5
    )


def test_ssim_inside_and_outside_against_scikit_image() -> None:
    one, other = smooth_pair()
    hole = np.zeros((48, 40), dtype=bool)
    hole[10:30, 12:36] = True
    places = maps_of(one / 255, other / 255, data_range=1.0).mean(2)
    first, second = (torch.from_numpy(p).permute(2, 0, 1)[None].float() / 127.5 - 1 for p in (one, other))
    region = torch.from_numpy(hole)[None, None]
    inner = hole[5:-5, 5:-5]
    assert restoration.ssim_in(first, second, region) == pytest.approx(places[inner].mean(), abs=2e-5)
    assert restoration.ssim_in(first, second, ~region) == pytest.approx(places[~inner].mean(), abs=2e-5)


@pytest.mark.skipif(not (DATA / "super_resolution").is_dir(), reason="the pictures of Set5 and Set14 are not here")
@pytest.mark.parametrize(("name", "expected"), [("Set5", 28.43), ("Set14", 26.09)])
def test_bicubic_comes_out_as_published(name: str, expected: float) -> None:
    """A check of the evaluator: Set5 as in SRGAN's Table 2; Set14 as measured on these files elsewhere."""
    folder = DATA / "super_resolution" / name / "image_SRF_4"
    dataset = open_dataset(DataSettings(folder=str(folder), task="shrunk", factor=4), "all", train=False)
    rng = np.random.default_rng(0)
    values = []
    for index in range(len(dataset)):
        source, target = (tensor[None] for tensor in dataset.sample(index, rng))
        values.append(psnr_luma(restoration.bicubic(source, 4), target))
    assert np.mean(values) == pytest.approx(expected, abs=0.05)


def holed() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    target = torch.rand(1, 3, 32, 32) * 2 - 1
    source = torch.cat([target, -torch.ones(1, 1, 32, 32)], 1)
    source[:, :3, 8:24, 8:24] = 1
    source[:, 3, 8:24, 8:24] = 1
    return source, target


def test_inside_and_outside_of_the_hole() -> None:
    source, target = holed()
    output = target.clone()
    output[:, :, 8:24, 8:24] += 0.5
    hole = restoration.hole_of(source)
    assert hole.float().mean() == 0.25
    assert restoration.l1_in(output, target, hole) == pytest.approx(0.5)
    assert restoration.l1_in(output, target, ~hole) == 0
    assert restoration.psnr_in(output, target, hole) == pytest.approx(10 * np.log10(4 / 0.25), rel=1e-5)
    assert restoration.ssim_in(target, target, hole) == pytest.approx(1)
    assert restoration.ssim_in(output, target, hole) < restoration.ssim_in(output, target, ~hole) < 1


def test_similarity_in_a_region_is_that_of_the_windows_around_its_places() -> None:
    torch.manual_seed(0)
    target = torch.rand(1, 3, 20, 31) * 2 - 1
    output = (target + 0.5 * torch.randn(target.shape)).clamp(-1, 1)
    region = torch.zeros(1, 1, 20, 31, dtype=torch.bool)
    region[..., :8, 20:] = True  # a corner, whose outermost places no window is centred on
    windows = [(row, column) for row in range(5, 8) for column in range(20, 26)]
    values = [
        paired.ssim(*(p[..., row - 5 : row + 6, column - 5 : column + 6] for p in (output, target))).item()
        for row, column in windows
    ]
    assert restoration.ssim_in(output, target, region) == pytest.approx(np.mean(values), abs=1e-5)


def test_one_known_pixel_gives_its_colour() -> None:
    source = torch.ones(1, 4, 6, 7)
    source[0, :, 2, 3] = torch.tensor([0.5, -0.25, 0.75, -1])
    filled = restoration.filled_with_mean(source)
    assert torch.equal(filled, source[:, :3, 2:3, 3:4].expand(1, 3, 6, 7))


def test_the_mean_of_what_is_known_fills_the_hole() -> None:
    source, target = holed()
    filled = restoration.filled_with_mean(source)
    hole = restoration.hole_of(source).expand_as(target)
    assert torch.equal(filled[~hole], target[~hole])
    known = torch.stack([target[0, channel][~hole[0, channel]].mean() for channel in range(3)])
    torch.testing.assert_close(filled[0, :, 10, 10], known)


def test_the_plain_row_stands_beside_the_score(tmp_path: Path) -> None:
    source, target = holed()
    example = Example("one", output=target, output_rgb=target, target=target, target_rgb=target, source=source)
    verdict = evaluate([example], ["l1-hole", "psnr-known"], Resources(holed=True))
    assert verdict.scores[0].value == 0
    assert verdict.scores[0].note.startswith("filled with the mean: 0.")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    large = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1
    small = torch.from_numpy(np.asarray(Image.fromarray(pixels).resize((16, 16))).copy()).permute(2, 0, 1)[None]
    shrunk = Example("one", large, large, large, large, source=small.float() / 127.5 - 1)
    (score,) = evaluate([shrunk], ["psnr-y"], Resources(factor=4)).scores
    assert np.isinf(score.value)
    assert score.note.startswith("infinite on 1 of 1 pictures; bicubic: ")
