"""The registration network's counts, its warp and its smoothness by SYSTEMS-2 4e and by scipy."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import nn

from diptych.networks.registration.registration_unet import RegistrationUNet, levels_for
from diptych.networks.registration.warp import roughness, warp


def ramp() -> torch.Tensor:
    return torch.arange(16.0).reshape(1, 1, 4, 4)


def constant_field(rows: float, columns: float) -> torch.Tensor:
    return torch.tensor([rows, columns])[None, :, None, None].expand(1, 2, 4, 4)


def test_the_worked_examples_of_the_warp() -> None:
    down = warp(ramp(), constant_field(1, 0))[0, 0]
    torch.testing.assert_close(down, torch.tensor([4.0, 8, 12, 12])[:, None] + torch.arange(4.0))
    across = warp(ramp(), constant_field(0, 0.5))[0, 0, 0]
    torch.testing.assert_close(across, torch.tensor([0.5, 1.5, 2.5, 3]))
    torch.testing.assert_close(warp(ramp(), constant_field(0, 0)), ramp(), rtol=0, atol=1e-5)


def test_the_warp_is_scipys() -> None:
    rng = np.random.default_rng(0)
    picture, field = rng.normal(size=(9, 14)), rng.normal(scale=3, size=(2, 9, 14))
    expected = map_coordinates(picture, np.indices((9, 14)) + field, order=1, mode="nearest")
    found = warp(torch.tensor(picture)[None, None], torch.tensor(field)[None])[0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_worked_examples_of_the_smoothness() -> None:
    rows, columns = torch.meshgrid(torch.arange(4.0), torch.arange(4.0), indexing="ij")
    assert roughness(torch.stack([rows, 0 * rows])[None]).item() == 0.5
    assert roughness(torch.stack([2 * rows, columns])[None]).item() == 2.5


@pytest.mark.parametrize(("channels", "count"), [(1, 2_058_018), (3, 2_059_170)])
def test_the_published_network(channels: int, count: int) -> None:
    network = RegistrationUNet(channels)
    assert sum(parameter.numel() for parameter in network.parameters()) == count
    assert len(network.state_dict()) == 80
    assert network.min_size == 256


def test_levels_follow_the_size() -> None:
    assert [levels_for((side, 999)) for side in (4, 8, 64, 128, 192, 256, 320, 512)] == [1, 2, 5, 6, 6, 7, 7, 7]


@pytest.mark.parametrize("size", [(16, 16), (19, 33), (64, 40)])
def test_fields_begin_near_zero_at_any_size(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = RegistrationUNet(3, levels=levels_for(size), width=4)
    field = network(torch.rand(2, 3, *size) * 2 - 1, torch.rand(2, 3, *size) * 2 - 1)
    assert field.shape == (2, 2, *size)
    assert field.abs().max() < 0.01


def test_first_weights_follow_the_activations() -> None:
    torch.manual_seed(0)
    network = RegistrationUNet(3)
    outer, inner = network.get_submodule("down.1.0.0"), network.get_submodule("down.1.1.layers.1")
    assert isinstance(outer, nn.Conv2d)
    assert isinstance(inner, nn.Conv2d)
    for layer, gain in ((outer, 2 / (1 + 0.2**2)), (inner, 2.0)):
        fan_in = layer.weight[0].numel()
        assert layer.weight.std().item() == pytest.approx((gain / fan_in) ** 0.5, rel=0.05)
        assert layer.bias is not None
        assert not layer.bias.any()
