"""Counts, shapes and names of CUT's networks, as its authors' code has them (SYSTEMS-2 1a and 1f)."""

import math

import pytest
import torch
from torch import Tensor, nn

from diptych.networks import PatchGAN
from diptych.networks.blocks import Residual
from diptych.networks.contrastive.heads import PatchHeads
from diptych.networks.contrastive.resampling import BlurDown, BlurUp
from diptych.networks.contrastive.resnet import AntialiasedResNet
from diptych.networks.spade import xavier_init

CHANNELS = (3, 128, 256, 256, 256)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def flat(network: AntialiasedResNet) -> list[nn.Module]:
    """Its layers in the order of the authors' indices."""
    return [layer for stage in network.stages if isinstance(stage, nn.Sequential) for layer in stage]


def judge(channels: int = 3) -> PatchGAN:
    return PatchGAN(channels, norm="instance", antialiased=True)


def test_parameter_counts() -> None:
    with torch.device("meta"):
        assert count(AntialiasedResNet(blocks=9)) == 11_378_179
        assert count(AntialiasedResNet(blocks=6)) == 7_837_699
        assert count(judge()) == 2_764_737
        heads = PatchHeads(CHANNELS)
        assert count(heads) == 560_384
        assert [count(head) for head in heads.heads] == [66_816, 98_816, 131_584, 131_584, 131_584]


def test_layers_stand_where_the_authors_have_them() -> None:
    with torch.device("meta"):
        network, discriminator = AntialiasedResNet(), judge()
    layers = flat(network)
    assert len(layers) == 32
    places = {kind: [at for at, layer in enumerate(layers) if isinstance(layer, kind)] for kind in
              (nn.Conv2d, BlurDown, BlurUp, Residual)}  # fmt: skip
    assert places == {
        nn.Conv2d: [1, 4, 8, 22, 26, 30],
        BlurDown: [7, 11],
        BlurUp: [21, 25],
        Residual: list(range(12, 21)),
    }
    # Of the authors' 52 tensors two are the filters of the doublings, which are computed here.
    assert len(network.state_dict()) == 52 - 2
    assert len(discriminator.state_dict()) == 13
    of_judge = list(discriminator.layers)
    assert [at for at, layer in enumerate(of_judge) if isinstance(layer, nn.Conv2d)] == [0, 3, 7, 11, 14]
    assert [at for at, layer in enumerate(of_judge) if isinstance(layer, BlurDown)] == [2, 6, 10]


@pytest.mark.parametrize(("blocks", "expected"), [(9, 5), (6, 5), (2, 5), (1, 4)])
def test_features_are_the_maps_at_the_authors_indices(blocks: int, expected: int) -> None:
    torch.manual_seed(0)
    network, picture = AntialiasedResNet(blocks=blocks, width=2), torch.randn(2, 3, 16, 24)
    at, maps = [], picture
    for layer in flat(network):
        maps = layer(maps)
        at.append(maps)
    indices = [0, 4, 8, 12, min(16, 11 + blocks)][:expected]
    made, found = network.with_features(picture)
    assert len(found) == len(network.features(picture)) == expected == len(network.feature_channels)
    for one, again, index in zip(found, network.features(picture), indices, strict=True):
        assert torch.equal(one, at[index])
        assert torch.equal(again, at[index])
    assert tuple(one.shape[1] for one in found) == network.feature_channels
    assert torch.equal(made, maps)
    assert torch.equal(network(picture), maps)


def test_shapes_of_features_and_logits() -> None:
    with torch.device("meta"):
        found = AntialiasedResNet().features(torch.zeros(1, 3, 256, 256))
        assert [tuple(one.shape[1:]) for one in found] == [
            (channels, side, side) for channels, side in zip(CHANNELS, (262, 256, 128, 64, 64), strict=True)
        ]
        assert [judge()(torch.zeros(1, 3, side, side)).shape[-1] for side in (128, 256, 512)] == [14, 30, 62]


def reach(seen: Tensor, picture: Tensor) -> int:
    """Pixels down a column that the map's middle depends on."""
    middle = seen[0, :, seen.shape[2] // 2, seen.shape[3] // 2].sum()
    (gradient,) = torch.autograd.grad(middle, picture, retain_graph=True)
    return int((gradient[0].abs().sum(dim=(0, 2)) > 0).sum())


@pytest.mark.parametrize(("layers", "field"), [(1, 18), (2, 40), (3, 84), (4, 172)])
def test_receptive_fields_of_the_discriminator(layers: int, field: int) -> None:
    torch.manual_seed(0)
    network = PatchGAN(1, layers=layers, width=1, norm="none", antialiased=True).double()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.uniform_(module.weight, 0.1, 1.0)
    picture = torch.rand(1, 1, 256, 256, dtype=torch.float64, requires_grad=True)
    assert reach(network(picture), picture) == field


def test_receptive_fields_of_the_features() -> None:
    """1, 9, 15, 35, 99: the norms, which see the whole map, are left out."""
    torch.manual_seed(0)
    network = AntialiasedResNet(1, 1, width=2).double()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.uniform_(module.weight, 0.01, 0.1)
        if isinstance(module, nn.Sequential):
            for name, child in module.named_children():
                if isinstance(child, nn.InstanceNorm2d):
                    setattr(module, name, nn.Identity())
    picture = torch.rand(1, 1, 160, 160, dtype=torch.float64, requires_grad=True)
    assert [reach(maps, picture) for maps in network.features(picture)] == [1, 9, 15, 35, 99]


@pytest.mark.parametrize(("layer", "deviation"), [
    (nn.Conv2d(3, 64, 7), 4.94e-4), (nn.Conv2d(256, 256, 3), 4.17e-4), (nn.Linear(256, 256), 1.25e-3),
])  # fmt: skip
def test_first_weights(layer: nn.Conv2d | nn.Linear, deviation: float) -> None:
    torch.manual_seed(0)
    xavier_init(layer)
    fan = sum(nn.init._calculate_fan_in_and_fan_out(layer.weight))
    assert 0.02 * math.sqrt(2 / fan) == pytest.approx(deviation, rel=2e-3)
    assert layer.weight.std().item() == pytest.approx(deviation, rel=0.03)
    assert layer.bias is not None
    assert not layer.bias.any()


def test_vectors_of_the_same_places_in_every_picture() -> None:
    torch.manual_seed(0)
    heads, maps = PatchHeads([3], width=8), torch.randn(2, 3, 4, 5)
    places = torch.tensor([0, 7, 19])
    (found,) = heads([maps], [places])
    assert found.shape == (2, 3, 8)
    for picture in range(2):
        for number, (row, column) in enumerate([(0, 0), (1, 2), (3, 4)]):
            vector = heads.heads[0](maps[picture, :, row, column])
            torch.testing.assert_close(found[picture, number], vector / (vector.norm() + 1e-7))


def test_a_grey_place_has_a_vector_of_zeros_and_a_finite_gradient() -> None:
    heads, maps = PatchHeads([3], width=4), torch.zeros(1, 3, 2, 2)
    for module in heads.modules():
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    (found,) = heads([maps], [torch.arange(4)])
    assert not found.any()
    found.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in heads.parameters() if p.grad is not None)
