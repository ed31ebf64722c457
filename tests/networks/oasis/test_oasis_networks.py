"""Networks of OASIS: published counts, and noise that is a function of seed, class and place."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from diptych.networks.noise import seeded
from diptych.networks.oasis.generator import OASISGenerator
from diptych.networks.oasis.segmenter import Segmenter
from diptych.translator import tiling


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("classes", "generator", "without_noise", "segmenter"),
    [
        (151, 74_314_691, 72_545_219, 22_257_176),
        (183, 75_199_427, 73_429_955, 22_259_256),
        (35, 71_107_523, 69_338_051, 22_249_636),
    ],
)
def test_parameters(classes: int, generator: int, without_noise: int, segmenter: int) -> None:
    with torch.device("meta"):
        assert count(OASISGenerator(classes=classes)) == generator
        assert count(OASISGenerator(classes=classes, noise=0)) == without_noise
        assert count(Segmenter(3, classes)) == segmenter


def test_maps_of_the_segmenter() -> None:
    """SYSTEMS-2 3a: what goes into each block, and at which size it comes out."""
    with torch.device("meta"):
        network, seen = Segmenter(3, 150), list[tuple[int, int, int]]()
        for block in (*network.down, *network.up):
            block.register_forward_hook(
                lambda _, inputs, out: seen.append((inputs[0].shape[1], out.shape[1], out.shape[2]))
            )
        assert network(torch.empty(1, 3, 256, 256)).shape == (1, 151, 256, 256)
        assert network(torch.empty(1, 3, 256, 512)).shape == (1, 151, 256, 512)
    assert seen[:12] == [
        *[(3, 128, 128), (128, 128, 64), (128, 256, 32), (256, 256, 16), (256, 512, 8), (512, 512, 4)],
        *[(512, 512, 8), (1024, 256, 16), (512, 256, 32), (512, 128, 64), (256, 128, 128), (256, 64, 256)],
    ]


@pytest.mark.parametrize("levels", range(1, 7))
def test_fewer_levels_take_smaller_pictures(levels: int) -> None:
    network = Segmenter(2, 4, levels=levels, width=4)
    assert network.multiple == 2**levels
    assert network(torch.randn(2, 2, 2**levels, 2 * 2**levels)).shape == (2, 5, 2**levels, 2 * 2**levels)


def small(noise_by: Any) -> OASISGenerator:
    torch.manual_seed(0)
    network = OASISGenerator(classes=4, unknown=True, width=2, hidden=4, noise=3, noise_by=noise_by, spectral=False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_normal_(module.weight, 0.7)  # so that noise shows, and few pixels are saturated
    return network


def translated(network: OASISGenerator, source: Tensor, seed: int, *style: Tensor) -> Tensor:
    with torch.inference_mode(), seeded(seed):
        result: Tensor = network.eval()(source, *style)
    return result


WAYS = ["picture", "class", "place"]


@pytest.mark.parametrize("noise_by", WAYS)
def test_equal_noise_equal_picture(noise_by: str) -> None:
    network = small(noise_by)
    source = torch.randint(0, 5, (2, 1, 64, 96), dtype=torch.int32)
    one = translated(network, source, 1)
    assert one.shape == (2, 3, 64, 96)
    assert torch.equal(one, translated(network, source, 1))
    assert (one - translated(network, source, 2)).abs().max() > 1e-3
    torch.testing.assert_close(translated(network, source[1:], 1), one[1:])  # alone as among others
    assert network.has_style
    assert not OASISGenerator(classes=4, width=2, hidden=4, noise=0).has_style


@pytest.mark.parametrize("noise_by", WAYS)
def test_what_shares_a_vector(noise_by: str) -> None:
    source = torch.randint(0, 5, (2, 1, 32, 32), dtype=torch.int32)
    network = small(noise_by).eval()
    with seeded(3):
        drawn = network.draw(source).expand(2, -1, 32, 32)
    vectors = {tuple(vector) for vector in drawn.permute(0, 2, 3, 1).flatten(0, 2).tolist()}
    if noise_by == "place":
        assert len(vectors) == 32 * 32
        assert torch.equal(drawn[0], drawn[1])
        return
    assert len(vectors) == (1 if noise_by == "picture" else 5)
    for number in range(5):
        of_class = drawn.permute(0, 2, 3, 1)[source[:, 0] == number]
        assert (of_class == of_class[0]).all()


def test_training_draws_a_vector_for_each_picture() -> None:
    network = small("class").train()
    drawn = network.draw(torch.zeros(3, 1, 32, 32, dtype=torch.int32))
    assert drawn.shape == (3, 3, 1, 1)
    assert len({tuple(vector) for vector in drawn.flatten(1).tolist()}) == 3


@pytest.mark.parametrize("noise_by", WAYS)
def test_one_class_is_drawn_anew_and_the_rest_stays(noise_by: str) -> None:
    network = small(noise_by).eval()
    source = torch.zeros(1, 1, 64, 64, dtype=torch.int32)
    source[..., 40:] = 2
    with seeded(1):
        plain = network.draw(source).expand(1, -1, 64, 64)
    with seeded(1):
        drawn = network.sample_style(source, {2: 9})
    assert torch.equal(drawn[..., :40], plain[..., :40])
    assert (drawn[..., 40:] != plain[..., 40:]).all()
    with seeded(9):
        assert torch.equal(drawn[..., 40:], network.draw(source).expand(1, -1, 64, 64)[..., 40:])
    assert torch.equal(translated(network, source, 1, plain), translated(network, source, 1))
    change = (translated(network, source, 1, drawn) - translated(network, source, 1)).abs().mean((0, 1, 2))
    assert change[40:].mean() > 3 * change[:32].mean()


@pytest.mark.parametrize("noise_by", WAYS)
def test_tiles_have_the_noise_of_the_whole_picture(noise_by: str) -> None:
    network = small(noise_by).eval()
    source = torch.randint(0, 5, (1, 1, 20, 12), dtype=torch.int32)
    source = source.repeat_interleave(32, 2).repeat_interleave(32, 3)
    whole = translated(network, source, 5)
    tiles = tiling.translate(network, source, 5, 256, network.multiple, overlap=192)
    assert (tiles - whole).abs().mean() < 3e-3
    assert (tiles - translated(network, source, 6)).abs().mean() > 1e-2
