"""Parameter counts and map sizes of pix2pixHD, SPADE, SRGAN and the others, on the meta device."""

from typing import Any

import pytest
import torch
from torch import nn

from diptych.networks.coarse_to_fine import CoarseToFine
from diptych.networks.discriminators import MultiScale
from diptych.networks.spade import SPADE
from diptych.networks.srresnet import SRDiscriminator, SRResNet

CITY = {"classes": 35, "boundary": True}


def count(build: type[nn.Module], *arguments: Any, **options: Any) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in build(*arguments, **options).parameters())


def test_pix2pixhd_generators() -> None:
    assert count(CoarseToFine, **CITY) == 182_546_755
    assert count(CoarseToFine, 3) == 182_443_267
    with_encoder = count(CoarseToFine, **CITY, features=3)
    assert with_encoder == 182_556_163 + 788_803
    assert count(CoarseToFine, **CITY, enhancers=1) == 182_857_059
    assert count(CoarseToFine, **CITY, enhancers=1, features=3) == 182_871_171 + 788_803
    with torch.device("meta"):
        enhanced = CoarseToFine(**CITY, enhancers=1)  # type: ignore[arg-type]  # a table of several types
    parts = (enhanced.coarse, enhanced.fronts, nn.ModuleList([enhanced.backs, enhanced.head]))
    assert [sum(p.numel() for p in part.parameters()) for part in parts] == [182_537_344, 74_976, 244_739]


@pytest.mark.parametrize(("scales", "expected"), [(1, 2_801_601), (2, 5_603_202), (3, 8_404_803)])
def test_pix2pixhd_discriminators(scales: int, expected: int) -> None:
    assert count(MultiScale, 39, scales=scales) == expected


def test_maps_of_the_discriminators() -> None:
    with torch.device("meta"):
        network = MultiScale(39, scales=3)
        wide, square = (network(torch.zeros(1, 39, *size)) for size in ((512, 1024), (256, 256)))
    assert [tuple(scale[-1].shape[2:]) for scale in wide] == [(67, 131), (35, 67), (19, 35)]
    assert [tuple(scale[-1].shape[2:]) for scale in square] == [(35, 35), (19, 19), (11, 11)]
    assert [tuple(maps.shape[1:]) for maps in square[0][:-1]] == [
        (64, 129, 129),
        (128, 65, 65),
        (256, 33, 33),
        (512, 34, 34),
    ]


@pytest.mark.parametrize(
    ("options", "plain", "with_style", "discriminator"),
    [
        ({"classes": 182, "unknown": True, "boundary": True}, 97_480_899, 112_626_883, 5_904_514),
        ({"classes": 150, "unknown": True}, 96_492_483, 111_942_595, 5_836_930),
        ({**CITY, "depth": "more", "size": (256, 512)}, 93_048_003, 101_136_579, 5_601_410),
        ({"classes": 13}, 92_359_107, 109_081_027, 5_554_306),
    ],
)
def test_spade(options: dict[str, Any], plain: int, with_style: int, discriminator: int) -> None:
    encoder = 10_463_424
    assert count(SPADE, **options) == plain
    assert count(SPADE, **options, style=256) == with_style + encoder
    channels = options["classes"] + options.get("unknown", False) + options.get("boundary", False) + 3
    assert count(MultiScale, channels, spectral=True) == discriminator


@pytest.mark.parametrize(("width", "expected"), [(48, 60_642_771), (80, 140_682_163)])
def test_spade_at_other_widths(width: int, expected: int) -> None:
    assert count(SPADE, classes=150, unknown=True, width=width) == expected


def test_spade_in_its_parts() -> None:
    with torch.device("meta"):
        network = SPADE(classes=150, unknown=True)
    sizes = [sum(p.numel() for p in part.parameters()) for part in (network.first, *network.blocks, network.last)]
    blocks = [23_947_264] * 3 + [14_028_800, 5_374_976, 2_473_472, 1_379_072]
    assert sizes == [1_392_640, *blocks, 1_731]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 1_549_462),
        ({"bias": "auto"}, 1_547_350),
        ({"slopes": "each"}, 1_550_659),
        ({"bias": "auto", "slopes": "each"}, 1_548_547),
    ],
)
def test_srresnet(options: dict[str, Any], expected: int) -> None:
    assert count(SRResNet, **options) == expected
    with torch.device("meta"):
        network = SRResNet(**options)
        assert network(torch.zeros(1, 3, 24, 24)).shape == (1, 3, 96, 96)
        assert network(torch.zeros(1, 3, 17, 31)).shape == (1, 3, 68, 124)
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == 37


def test_sr_discriminator() -> None:
    assert count(SRDiscriminator) == 23_565_505
    assert count(SRDiscriminator, bias="auto") == 23_563_649
    with torch.device("meta"):
        whole, pooled = SRDiscriminator(), SRDiscriminator(pooled=True)
        assert whole(torch.zeros(2, 3, 96, 96)).shape == (2, 1)
        with pytest.raises(RuntimeError):
            whole(torch.zeros(2, 3, 128, 128))
        assert pooled(torch.zeros(2, 3, 128, 160)).shape == (2, 1)


@pytest.mark.parametrize("factor", [2, 3, 4, 6, 8])
def test_any_factor(factor: int) -> None:
    network = SRResNet(factor=factor, blocks=1, width=4)
    assert network(torch.zeros(1, 3, 5, 7)).shape == (1, 3, 5 * factor, 7 * factor)
