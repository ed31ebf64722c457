"""Pixels without data in training: one map of weights, and nothing learned from what lies under it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from toys import SMALL

from diptych.data import DataSettings, open_dataset
from diptych.errors import UsageError
from diptych.evaluation import paired
from diptych.losses import gradient_difference, l1
from diptych.pictures.kinds import Batch, Kind
from diptych.pictures.values.batches import without_nan
from diptych.recipe import read
from diptych.systems import SYSTEMS, Domains

GREY = Kind("grey", "float32", low=-1, high=1, nodata="nan")
TAKING = [name for name in SYSTEMS if SYSTEMS[name].takes_gaps]


def pictures(seed: int, side: int = 32) -> Tensor:
    return torch.rand(2, 1, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def holed(picture: Tensor, *corners: tuple[int, int], side: int = 6) -> Tensor:
    picture = picture.clone()
    for number, (top, left) in enumerate(corners):
        picture[number, :, top : top + side, left : left + side] = torch.nan
    return picture


def test_a_target_counts_where_its_source_has_data_too() -> None:
    source, target = holed(pictures(0), (0, 0), (4, 8)), holed(pictures(1), (2, 2), (20, 20))
    batch = without_nan(source, target)
    known = ~(source.isnan() | target.isnan())
    assert torch.equal(batch.weights, known.float())
    assert torch.equal(batch.target[known], target[known])
    assert not batch.target[~known].any()
    assert torch.equal(batch.source, source.nan_to_num(nan=0.0))  # which keeps what it has
    assert torch.equal(batch.with_source_filled().source, batch.source * batch.weights)
    first, second = batch
    assert first is batch.source
    assert second is batch.target


def test_losses_and_scores_are_those_of_the_known_pixels() -> None:
    """Against numpy on the pixels that are left."""
    one, other = pictures(2).double(), pictures(3).double()
    weights = (~holed(one, (0, 0), (9, 9)).isnan()).float()
    fake, target = one * weights, other * weights
    error = (one - other).numpy()
    known = weights.numpy() > 0
    assert l1(fake, target, weights).item() == pytest.approx(np.abs(error[known]).mean(), rel=1e-5)
    down, across = np.diff(error, axis=2), np.diff(error, axis=3)
    both = known[:, :, 1:] & known[:, :, :-1], known[..., 1:] & known[..., :-1]
    wanted = np.abs(down[both[0]]).mean() + np.abs(across[both[1]]).mean()
    assert gradient_difference(fake, target, weights).item() == pytest.approx(wanted, rel=1e-5)
    mse = [np.square(error[number][known[number]]).mean() for number in range(2)]
    np.testing.assert_allclose(paired.psnr(fake, target, weights), 10 * np.log10(4 / np.array(mse)), rtol=1e-5)
    everywhere = torch.ones_like(weights)
    for score in (paired.l1, paired.psnr, paired.ssim):
        torch.testing.assert_close(score(one, other, everywhere), score(one, other))


def test_ssim_counts_windows_with_data_alone() -> None:
    """A picture that lacks its left part scores as its right part cut out."""
    one, other = pictures(4, 48), pictures(5, 48)
    weights = torch.ones(2, 1, 48, 48)
    weights[..., :16] = 0
    torch.testing.assert_close(
        paired.ssim(one * weights, other * weights, weights), paired.ssim(one[..., 16:], other[..., 16:])
    )
    assert paired.ssim(one, other, torch.zeros_like(weights)).isnan().all()


@pytest.mark.parametrize("name", TAKING)
def test_no_loss_depends_on_what_is_made_where_there_is_no_data(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the generators put into the gaps: the terms are the same to the bit."""
    kind = Kind("grey", "float32", low=-1, high=1, nodata="nan")
    options = {"width": 4, **SMALL.get(name, {})}
    source, target = holed(pictures(6, 64), (0, 0), (30, 8)), holed(pictures(7, 64), (2, 2), (20, 40))
    batch = without_nan(source, target)

    def terms(spoil: float) -> list[dict[str, Tensor]]:
        torch.manual_seed(0)
        system: Any = SYSTEMS[name](SYSTEMS[name].Options(**options), Domains(kind, kind, (64, 64)))
        for spec in system.translators().values():
            system.get_submodule(spec.module).register_forward_hook(spoiled(spoil, batch))
        torch.manual_seed(1)
        return [losses.terms for losses in system.losses(batch, 0)]

    for one, other in zip(terms(0.0), terms(0.7), strict=True):
        assert all(torch.equal(one[key], other[key]) for key in one)
        assert all(value.isfinite() for value in one.values())


def spoiled(by: float, batch: Batch) -> Callable[[Any, Any, Tensor], Tensor]:
    assert batch.weights is not None
    gaps = 1 - batch.weights
    return lambda module, inputs, output: output + by * gaps


@pytest.mark.parametrize("name", TAKING)
def test_a_batch_without_any_data_gives_finite_losses(name: str) -> None:
    kind = Kind("grey", "float32", low=-1, high=1, nodata="nan")
    system = SYSTEMS[name](SYSTEMS[name].Options(**SMALL.get(name, {})), Domains(kind, kind, (64, 64)))
    nothing = torch.full((2, 1, 64, 64), torch.nan)
    for losses in system.losses(without_nan(nothing, nothing), 0):
        assert all(value.isfinite() for value in losses.terms.values())


def test_systems_that_take_no_gaps_refuse_nodata() -> None:
    with pytest.raises(UsageError, match="cut cannot leave out pixels without data"):
        read("cut", ["data.source.nodata=0", "data.target.nodata=0", "data.task=unpaired"])
    with pytest.raises(UsageError, match="nodata in data"):
        read("pix2pix", ["data.source.nodata=0"])
    with pytest.raises(UsageError, match="greyscale"):
        read("pix2pix", ["data.target.nodata=0", "data.task=greyscale"])


def test_training_crops_carry_gaps(tmp_path: Path) -> None:
    """Resized, cropped, mirrored and turned: NaN stays, and no value beyond the known ones appears."""
    picture = np.full((40, 40, 1), 0.25, dtype=np.float32)
    picture[10:30, 5:20] = np.nan
    for side in "AB":
        (tmp_path / side).mkdir()
        np.save(tmp_path / side / "0.npy", picture)
        np.save(tmp_path / side / "1.npy", picture)
    settings = DataSettings(str(tmp_path), source=GREY, target=GREY, load_size=36, crop_size=32)
    dataset = open_dataset(settings, "train", train=True)
    for seed in range(4):
        source, target = dataset.sample(0, np.random.default_rng(seed))
        assert torch.equal(source.isnan(), target.isnan())
        assert 0.1 < source.isnan().float().mean() < 0.4
        torch.testing.assert_close(source[~source.isnan()].unique(), torch.tensor([0.25]))
