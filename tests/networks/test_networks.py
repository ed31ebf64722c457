"""Parameter counts, shapes and receptive fields of the papers' networks, and layers at test time."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from diptych.networks import NETWORKS, NetworkSpec, PatchGAN, ResNet, UNet, initialise
from diptych.networks.blocks import BatchNorm, Dropout


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("parameters", "arguments"),
    [
        (54_413_955, {}),
        (54_409_603, {"norm": "instance"}),
        (54_409_858, {"channels_in": 1, "channels_out": 2}),
        (41_828_995, {"depth": 7}),
        (54_419_459, {"bias": "all"}),
        (54_415_362, {"bias": "all", "channels_in": 1, "channels_out": 2}),
        (54_420_483, {"bias": "all", "bottleneck_norm": True}),
        (41_833_475, {"bias": "all", "depth": 7}),
        (39_080_963, {"bias": "all", "skips": False}),
        (39_075_459, {"skips": False}),
    ],
)
def test_unet_parameters(parameters: int, arguments: dict[str, Any]) -> None:
    with torch.device("meta"):
        assert count(UNet(**arguments)) == parameters


@pytest.mark.parametrize(
    ("parameters", "arguments"),
    [
        (11_378_179, {}),
        (7_837_699, {"blocks": 6}),
        (11_383_427, {"norm": "batch"}),
        (7_841_411, {"norm": "batch", "blocks": 6}),
        (11_388_675, {"affine": True}),
        (7_845_123, {"affine": True, "blocks": 6}),
        (1_987_075, {"separable": True}),  # those of GAN Compression's README
        (1_130_883, {"separable": True, "width": 48}),
        (514_307, {"separable": True, "width": 32}),
    ],
)
def test_resnet_parameters(parameters: int, arguments: dict[str, Any]) -> None:
    with torch.device("meta"):
        assert count(ResNet(**arguments)) == parameters


FIELDS = [1, 16, 34, 70, 142, 286, 574]
PARAMETERS = {  # SYSTEMS 1a: by input channels and bias, for 0 to 6 layers
    (6, "auto"): [9_024, 139_585, 666_433, 2_768_705, 6_964_033, 11_159_361, 15_354_689],
    (3, "auto"): [8_832, 136_513, 663_361, 2_765_633, 6_960_961, 11_156_289, 15_351_617],
    (6, "all"): [9_153, 139_713, 666_817, 2_769_601, 6_965_441, 11_161_281, 15_357_121],
    (3, "all"): [8_961, 136_641, 663_745, 2_766_529, 6_962_369, 11_158_209, 15_354_049],
}
OUTPUTS = [(128, 256, 512), (62, 126, 254), (30, 62, 126), (14, 30, 62), (6, 14, 30), (2, 6, 14)]


@pytest.mark.parametrize(("key", "counts"), PARAMETERS.items())
def test_patchgan_parameters(key: tuple[int, Any], counts: list[int]) -> None:
    channels, bias = key
    with torch.device("meta"):
        assert [count(PatchGAN(channels, layers=layers, bias=bias)) for layers in range(7)] == counts


@pytest.mark.parametrize(
    ("layers", "channels", "parameters"), [(3, 6, 2_767_809), (3, 3, 2_764_737), (0, 6, 8_897), (0, 3, 8_705)]
)
def test_patchgan_parameters_with_instance_norm(layers: int, channels: int, parameters: int) -> None:
    with torch.device("meta"):
        assert count(PatchGAN(channels, layers=layers, norm="instance")) == parameters


@pytest.mark.parametrize("layers", range(6))
def test_patchgan_output_sizes(layers: int) -> None:
    with torch.device("meta"):
        network = PatchGAN(3, layers=layers)
        sizes = tuple(network(torch.empty(1, 3, side, side)).shape[-1] for side in (128, 256, 512))
    assert sizes == OUTPUTS[layers]


@pytest.mark.parametrize("layers", range(6))
def test_receptive_fields(layers: int) -> None:
    network = PatchGAN(1, layers=layers, width=2, norm="none")
    for parameter in network.parameters():
        nn.init.constant_(parameter, 0.1)  # so that no path cancels another
    side = 3 * FIELDS[layers] + 32
    picture = torch.ones(1, 1, side, side, requires_grad=True)
    logits = network(picture)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    assert picture.grad is not None
    rows = picture.grad[0, 0].abs().sum(dim=1).nonzero().flatten()
    assert rows[-1] - rows[0] + 1 == FIELDS[layers]


EVERY_UNET = [
    {"norm": norm, "upsample": upsample, "skips": skips}
    for norm in ("batch", "instance", "none")
    for upsample in ("transposed", "resize", "shuffle")
    for skips in (True, False)
] + [{"bottleneck_norm": True}, {"bias": "all"}, {"dropout": (2, 3)}, {"dropout": ()}]


@pytest.mark.parametrize("arguments", EVERY_UNET, ids=str)
def test_unet_shapes_and_gradients(arguments: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = initialise(UNet(2, 5, depth=4, width=4, **arguments), gain=0.2)
    source = torch.randn(2, 2, 32, 48)
    result = network(source)
    assert result.shape == (2, 5, 32, 48)
    assert result.abs().max() <= 1
    result.square().sum().backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert not without


@pytest.mark.parametrize("upsample", ["transposed", "resize", "shuffle"])
@pytest.mark.parametrize(
    "arguments", [{}, {"affine": True}, {"norm": "batch", "dropout": True}, {"norm": "none"}], ids=str
)
def test_resnet_shapes_and_gradients(upsample: Any, arguments: dict[str, Any]) -> None:
    network = ResNet(1, 4, blocks=2, width=4, upsample=upsample, **arguments)
    result = network(torch.randn(2, 1, 20, 12))
    assert result.shape == (2, 4, 20, 12)
    result.square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_256_in_256_out() -> None:
    with torch.device("meta"):
        assert UNet()(torch.empty(1, 3, 256, 256)).shape == (1, 3, 256, 256)
        assert UNet()(torch.empty(1, 3, 512, 256)).shape == (1, 3, 512, 256)
        assert ResNet()(torch.empty(1, 3, 256, 256)).shape == (1, 3, 256, 256)


def test_the_paper_s_unet_is_noisy_in_training_and_repeatable_from_a_seed() -> None:
    torch.manual_seed(0)
    network = initialise(UNet(depth=5, width=8))
    source = torch.randn(1, 3, 32, 32)
    assert not torch.equal(network(source), network(source))
    network.eval()
    torch.manual_seed(3)
    first = network(source)
    torch.manual_seed(3)
    assert torch.equal(first, network(source))
    torch.manual_seed(4)
    assert not torch.equal(first, network(source))


@pytest.mark.parametrize("dropout_at_test", [True, False])
@pytest.mark.parametrize("statistics", ["picture", "running"])
def test_the_four_ways_of_testing(dropout_at_test: bool, statistics: Any) -> None:
    """Dropout and statistics are two options; a picture's result does not depend on the batch."""
    torch.manual_seed(0)
    network = initialise(UNet(depth=4, width=8, dropout_at_test=dropout_at_test, statistics=statistics), gain=0.2)
    for _ in range(3):
        network(torch.randn(2, 3, 32, 32))
    network.eval()
    pictures = torch.randn(3, 3, 32, 32)

    def translate(batch: Tensor, seed: int = 0) -> Tensor:
        torch.manual_seed(seed)
        result: Tensor = network(batch)
        return result

    assert torch.equal(translate(pictures, 0), translate(pictures, 1)) != dropout_at_test
    alone = torch.cat([translate(picture[None]) for picture in pictures])
    torch.testing.assert_close(alone, translate(pictures), atol=1e-5, rtol=1e-4)


def test_picture_statistics_are_those_of_a_batch_of_one() -> None:
    torch.manual_seed(0)
    norm = BatchNorm(4, "picture")
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    maps = torch.randn(1, 4, 6, 5) * 3 + 2
    trained = norm.train()(maps)
    torch.testing.assert_close(norm.eval()(maps), trained)


def test_running_statistics_are_those_gathered() -> None:
    norm = BatchNorm(2, "running")
    maps = torch.randn(8, 2, 4, 4)
    norm(maps)
    plain = nn.BatchNorm2d(2)
    plain(maps)
    torch.testing.assert_close(norm.eval()(maps), plain.eval()(maps))


@pytest.mark.parametrize("training", [True, False])
def test_a_norm_on_one_pixel_gives_its_bias(training: bool) -> None:
    norm = BatchNorm(3).train(training)
    with torch.no_grad():
        norm.bias.copy_(torch.tensor([1.0, 2.0, 3.0]))
    assert torch.equal(norm(torch.randn(1, 3, 1, 1)).flatten(), torch.tensor([1.0, 2.0, 3.0]))


def test_dropout_keeps_half_and_doubles_it() -> None:
    dropout = Dropout(0.5).eval()
    values = dropout(torch.ones(2, 8, 16, 16))
    assert set(values.unique().tolist()) == {0.0, 2.0}
    assert torch.equal(values[0], values[1])


def test_initialisation() -> None:
    torch.manual_seed(0)
    network = initialise(UNet(depth=5, width=32))
    weights = torch.cat(
        [m.weight.flatten() for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    )
    norms = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, nn.BatchNorm2d)])
    assert weights.mean().abs() < 1e-3
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    assert norms.mean().item() == pytest.approx(1.0, abs=0.01)
    biases = [value for name, value in network.named_parameters() if name.endswith(".bias")]
    assert all(not bias.any() for bias in biases)


def test_a_zeroed_picture_through_bf16_stays_finite() -> None:
    network = initialise(UNet(depth=4, width=4))
    with torch.autocast("cpu", torch.bfloat16):
        result = network(torch.zeros(1, 3, 16, 16).to(memory_format=torch.channels_last))
    assert torch.isfinite(result).all()


def test_a_spec_builds_what_its_card_says() -> None:
    for name in NETWORKS:
        arguments = {"channels_in": 3, "width": 4, **({"depth": 3} if name == "unet" else {})}
        assert count(NetworkSpec(name, arguments).build()) == count(NetworkSpec(name, dict(arguments)).build())
