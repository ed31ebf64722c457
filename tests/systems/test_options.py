"""Options reach the networks, impossible ones are refused; notes and facts of systems."""

from typing import Any

import pytest
import torch
from building import LABELS, build
from torch import nn

from diptych.networks import PatchGAN
from diptych.networks.dilated import TwoHeadedDiscriminator
from diptych.networks.discriminators import MultiScale
from diptych.networks.features.perceptual import loss_note
from diptych.networks.srresnet import SRDiscriminator
from diptych.networks.travelgan import Siamese, WholeDiscriminator
from diptych.pictures.kinds import Kind
from diptych.systems import Domains
from diptych.systems.parts.image_pool import ImagePool

IN_OUT = {"channels_in": 3, "channels_out": 3}
MAPS = {**IN_OUT, "channels_in": LABELS.network_channels, "classes": 5, "unknown": True, "boundary": True}
UNET = {
    "width": 5,
    "norm": "instance",
    "statistics": "running",
    "dropout_at_test": False,
    "upsample": "resize",
    "bias": "all",
    "separable": False,
}
RESNET = {"blocks": 2, "width": 5, "norm": "batch", "affine": True, "dropout": True, "upsample": "shuffle", "separable": False}  # fmt: skip
DILATED = {"blocks": 2, "block": "dilated-first", "width": 5, "downs": 1, "norm": "none", "upsample": "shuffle", "composite": False}  # fmt: skip
BICYCLE = {"width": 5, "style": 4, "style_at": "first", "upsample": "resize", "encoder_width": 3}
COARSE = {
    "width": 6,
    "downs": 1,
    "blocks": 2,
    "enhancers": 1,
    "enhancer_blocks": 2,
    "features": 2,
    "encoder_width": 3,
    "norm": "batch",
    "upsample": "resize",
}
SPADES = {
    "width": 3,
    "depth": "more",
    "style": 3,
    "norm": "instance",
    "kernel": 1,
    "hidden": 5,
    "spectral": False,
    "encoder_width": 3,
}


@pytest.mark.parametrize(
    ("system", "options", "network", "arguments"),
    [
        (
            "pix2pix",
            {**UNET, "depth": 3, "dropout": (1,), "bottleneck_norm": True},
            "unet",
            {**IN_OUT, **UNET, "depth": 3, "skips": True, "dropout": [1], "bottleneck_norm": True, "style": 0},
        ),
        (
            "pix2pix",
            {**UNET, "generator": "encoder-decoder", "dropout": (), "depth": 2},
            "unet",
            {**IN_OUT, **UNET, "depth": 2, "skips": False, "dropout": [], "bottleneck_norm": False, "style": 0},
        ),
        (
            "pix2pix",
            {**UNET, "generator": "resnet", "blocks": 2},
            "resnet",
            {**IN_OUT, **UNET, "blocks": 2, "dropout": True},
        ),
        ("cyclegan", RESNET, "resnet", {**IN_OUT, **RESNET}),
        ("travelgan", {"width": 5}, "travel-unet", {**IN_OUT, "width": 5, "depth": 1}),
        (
            "srgan",
            {"blocks": 2, "width": 5, "bias": "auto", "slopes": "each"},
            "srresnet",
            {**IN_OUT, "factor": 2, "blocks": 2, "width": 5, "bias": "auto", "slopes": "each"},
        ),
        (
            "inpainting",
            {**DILATED, "sees_mask": False},
            "dilated-resnet",
            {**IN_OUT, **DILATED, "channels_in": 4, "sees_mask": False},
        ),
        (
            "bicyclegan",
            {**BICYCLE, "depth": 3, "dropout": (1,)},
            "style-unet",
            {
                **IN_OUT,
                **BICYCLE,
                "depth": 3,
                "dropout": [1],
                "norm": "instance",
                "dropout_at_test": False,
                "size": [16, 16],
            },
        ),
        ("pix2pixhd", COARSE, "coarse-to-fine", {**MAPS, **COARSE}),
        ("spade", SPADES, "spade", {**MAPS, **SPADES, "size": [64, 64]}),
    ],
)
def test_generators_are_as_the_options_say(
    system: str, options: dict[str, Any], network: str, arguments: dict[str, Any]
) -> None:
    exits = build(system, **options).translators()
    ways = {"cyclegan", "travelgan"}
    assert list(exits) == (["a-to-b", "b-to-a"] if system in ways else ["a-to-b"])
    first = exits["a-to-b"]
    assert (first.module, first.reverse) == ("generator.a_to_b" if system in ways else "generator", False)
    assert (first.network.name, first.network.arguments) == (network, arguments)
    if system in ways:
        back = exits["b-to-a"]
        assert (back.module, back.reverse, back.network) == ("generator.b_to_a", True, first.network)


@pytest.mark.parametrize(("size", "blocks"), [((252, 256), 6), ((256, 256), 9)])
def test_blocks_follow_the_size_as_published(size: tuple[int, int], blocks: int) -> None:
    with torch.device("meta"):
        system = build("cyclegan", domains=Domains(Kind(), Kind(), size), blocks=0)
    assert system.translators()["a-to-b"].network.arguments["blocks"] == blocks


def layers_of(module: nn.Module) -> list[Any]:
    """A network's layers, without the values of its weights."""
    kinds = [(name, type(part).__name__) for name, part in module.named_modules()]
    return [*kinds[1:], *((name, tensor.shape) for name, tensor in module.state_dict().items())]


DISCRIMINATORS: list[tuple[str, dict[str, Any], str, Any]] = [
    (
        "pix2pix",
        {"discriminator_layers": 2, "discriminator_width": 5, "discriminator_norm": "instance", "bias": "all"},
        "discriminator",
        lambda: PatchGAN(6, layers=2, width=5, norm="instance", bias="all"),
    ),
    (
        "pix2pix",
        {"objective": "l1+gan", "discriminator_norm": "none"},
        "discriminator",
        lambda: PatchGAN(3, layers=1, width=4, norm="none"),
    ),
    (
        "cyclegan",
        {"discriminator_layers": 2, "discriminator_width": 5, "norm": "batch"},
        "discriminator.a",
        lambda: PatchGAN(3, layers=2, width=5, norm="batch"),
    ),
    (
        "travelgan",
        {"width": 5, "spectral": True},
        "discriminator.b",
        lambda: WholeDiscriminator(3, size=(16, 16), width=5, spectral=True),
    ),
    (
        "travelgan",
        {"width": 5, "latent": 9},
        "generator.siamese",
        lambda: Siamese(3, 3, size=(16, 16), width=5, latent=9),
    ),
    (
        "srgan",
        {"discriminator_width": 5, "bias": "auto", "discriminator_pooled": True},
        "discriminator",
        lambda: SRDiscriminator(3, size=(16, 16), width=5, bias="auto", pooled=True),
    ),
    (
        "inpainting",
        {"discriminator_width": 5, "discriminator_norm": "instance", "patch_dense": True},
        "discriminator",
        lambda: TwoHeadedDiscriminator(3, size=(64, 64), width=5, norm="instance", patch_dense=True),
    ),
    (
        "pix2pixhd",
        {"scales": 3, "discriminator_layers": 1, "discriminator_width": 5},
        "discriminator",
        lambda: MultiScale(5 + 1 + 1 + 3, scales=3, layers=1, width=5),
    ),
    (
        "spade",
        {"scales": 3, "discriminator_layers": 1, "discriminator_width": 5, "spectral": False},
        "discriminator",
        lambda: MultiScale(5 + 1 + 1 + 3, scales=3, layers=1, width=5, spectral=False),
    ),
]


@pytest.mark.parametrize(("system", "options", "path", "expected"), DISCRIMINATORS)
def test_discriminators_are_as_the_options_say(system: str, options: dict[str, Any], path: str, expected: Any) -> None:
    assert layers_of(build(system, **options).get_submodule(path)) == layers_of(expected())


@pytest.mark.parametrize("system", ["cyclegan", "travelgan"])
def test_each_domain_has_its_channels(system: str) -> None:
    found = build(system, channels=(1, 3))
    there, back = found.translators().values()
    assert [there.network.arguments[name] for name in IN_OUT] == [1, 3]
    assert [back.network.arguments[name] for name in IN_OUT] == [3, 1]
    for name, channels in (("a", 1), ("b", 3)):
        assert next(found.get_submodule(f"discriminator.{name}").parameters()).shape[1] == channels
        if system == "cyclegan":
            pool = found.get_submodule(f"pool.{name}")
            assert isinstance(pool, ImagePool)
            assert (pool.size, pool.images.shape) == (3, (3, channels, 16, 16))


@pytest.mark.parametrize(
    ("system", "words"),
    [
        ("pix2pix", "discriminator generator"),
        ("cyclegan", "generator discriminator"),
        ("travelgan", "discriminator generator"),
        ("srgan", "discriminator generator"),
        ("inpainting", "discriminator generator"),
        ("pix2pixhd", "generator discriminator"),
        ("spade", "generator discriminator"),
        ("reggan", "generator discriminator"),
        ("oasis", "generator discriminator"),
        ("bicyclegan", "generator discriminator"),
    ],
)
def test_sides_stand_in_the_order_of_their_updates(system: str, words: str) -> None:
    assert build(system).sides == tuple(words.split())


def test_turns() -> None:
    assert build("srgan", pretrain_steps=7).phase_steps == (7,)
    assert build("pix2pixhd", enhancers=1, fix_coarse_steps=7).phase_steps == (7,)
    assert build("srgan", adversarial=0.0).sides == ("generator",)


def test_what_a_perceptual_loss_looks_through_is_told() -> None:
    name = "efficientnet-lite0"
    for system in ("pix2pixhd", "spade"):
        seen = build(system, perceptual_network=name)
        assert (seen.notes, seen.facts) == ((loss_note(name),), {"perceptual loss": name})
        for options in ({"perceptual_network": "none"}, {"perceptual_network": name, "perceptual": 0.0}):
            blind = build(system, **options)
            assert (blind.notes, dict(blind.facts)) == ((), {})
    seen = build("srgan", content="lite0-deep")
    assert (seen.notes, seen.facts) == ((loss_note(name),), {"content loss": f"lite0-deep of {name}"})
    assert (build("srgan").notes, dict(build("srgan").facts)) == ((), {})
