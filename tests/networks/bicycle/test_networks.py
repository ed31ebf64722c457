"""BicycleGAN's networks: counts of SYSTEMS-2 2a, where the style enters, and the two scales."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from diptych.networks import UNet
from diptych.networks.bicycle.encoder import PooledBlock, StyleResNet, blocks_for
from diptych.networks.bicycle.style_unet import StyleUNet
from diptych.networks.bicycle.two_scales import TwoScales
from diptych.networks.noise import seeded


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("channels", "at", "expected"),
    [(3, "all", 54_794_627), (1, "all", 54_792_579), (3, "first", 54_417_795), (1, "first", 54_415_747)],
)
def test_the_published_generator(channels: int, at: str, expected: int) -> None:
    with torch.device("meta"):
        network = StyleUNet(channels, 3, norm="instance", style_at=at)
    assert count(network) - count(network.encoder) == expected
    assert sum(not name.startswith("encoder.") for name in network.state_dict()) == 32
    assert count(network.encoder) == 2_590_032


def test_the_published_encoder_of_128_and_discriminators() -> None:
    with torch.device("meta"):
        assert count(StyleResNet(3, 8, blocks=blocks_for((128, 128)))) == 1_344_080
        assert [count(TwoScales(channels)) for channels in (3, 6)] == [3_458_978, 3_463_586]
        assert [count(scale) for scale in TwoScales(3).scales] == [2_764_737, 694_241]


def test_the_maps_of_both_scales() -> None:
    torch.manual_seed(0)
    network, picture = TwoScales(3, width=4), torch.rand(1, 3, 256, 256)
    full, half = network(picture)
    assert (full.shape[2:], half.shape[2:]) == ((30, 30), (14, 14))
    ones = torch.ones(3, 1, 3, 3)
    sums = functional.conv2d(functional.pad(picture, (1, 1, 1, 1)), ones, stride=2, groups=3)
    places = functional.conv2d(functional.pad(torch.ones_like(picture), (1, 1, 1, 1)), ones, stride=2, groups=3)
    torch.testing.assert_close(half, network.scales[1](sums / places))


def test_blocks_follow_the_size() -> None:
    assert [blocks_for((side, 999)) for side in (16, 32, 64, 128, 255, 256, 512)] == [1, 1, 2, 3, 3, 4, 4]


def test_a_block_of_the_encoder_by_hand() -> None:
    torch.manual_seed(0)
    block, maps = PooledBlock(3, 5), torch.randn(2, 3, 8, 8)
    one, other = (layer for layer in block.layers if isinstance(layer, nn.Conv2d))
    normed = functional.leaky_relu(functional.instance_norm(maps), 0.2)
    inner = functional.conv2d(normed, one.weight, one.bias, padding=1)
    inner = functional.leaky_relu(functional.instance_norm(inner), 0.2)
    halved = functional.conv2d(inner, other.weight, other.bias, padding=1).unflatten(2, (4, 2)).unflatten(4, (4, 2))
    last = block.shortcut[1]
    assert isinstance(last, nn.Conv2d)
    direct = functional.conv2d(maps.unflatten(2, (4, 2)).unflatten(4, (4, 2)).mean((3, 5)), last.weight, last.bias)
    torch.testing.assert_close(block(maps), halved.mean((3, 5)) + direct)


def test_the_style_enters_every_level_before_its_activation_and_no_skip() -> None:
    torch.manual_seed(0)
    network = UNet(depth=2, width=4, norm="none", dropout=(), style=3).eval()
    source, style = torch.rand(2, 3, 8, 8), torch.randn(2, 3)

    def beside(maps: torch.Tensor) -> torch.Tensor:
        return torch.cat([maps, style[:, :, None, None].expand(2, 3, *maps.shape[2:])], 1)

    outer, inner, up, last = (
        next(part for part in level if isinstance(part, nn.Conv2d | nn.ConvTranspose2d))
        for level in (*network.down, *network.up)
    )
    kept = outer(beside(source))
    deep = up(torch.relu(inner(functional.leaky_relu(beside(kept), 0.2))))
    expected = torch.tanh(last(torch.relu(torch.cat([kept, deep], 1))))
    torch.testing.assert_close(network(source, style), expected)
    first = UNet(depth=2, width=4, style=3, style_at="first")
    assert [next(iter(level.parameters())).shape[1] for level in first.down[:1]] == [6]
    assert next(iter(first.down[1].parameters())).shape[1] == 4


def test_a_style_is_drawn_by_the_seed_for_the_whole_batch() -> None:
    torch.manual_seed(0)
    network = StyleUNet(depth=3, width=4, norm="instance", dropout_at_test=False, style=3, encoder_width=2).eval()
    source = torch.rand(1, 3, 16, 16).expand(2, -1, -1, -1)
    with torch.inference_mode():
        results = []
        for seed in (1, 1, 2):
            with seeded(seed):
                results.append(network(source))
        with seeded(1):
            chosen = network(source, network.sample_style(2, source.device))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0][0], results[0][1])
    assert torch.equal(results[0], chosen)
    assert not torch.equal(results[0], results[2])


def test_pictures_of_any_size_have_a_style() -> None:
    torch.manual_seed(0)
    network = StyleUNet(depth=3, width=4, size=(16, 16), style=3, encoder_width=2).eval()
    flat = [torch.full((1, 3, *size), 0.5) for size in ((16, 16), (40, 56))]
    one, other = (network.style_of(torch.zeros(2, 3, 16, 16), picture) for picture in flat)
    assert one.shape == (2, 3)
    torch.testing.assert_close(one, other)
