"""Operations and bytes of a step, as `benchmarks/limits.py` counts them."""

from math import prod
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode
from toys import tiny_recipe

from benchmarks.limits import ADAM_BYTES, Ceilings, Product, Work, inference_work, training_work
from diptych.networks import UNet
from diptych.networks.matrix_products import use_products
from diptych.recipe import Recipe
from diptych.training.setup.estimate import noise
from diptych.training.state import build


def products(work: Work) -> list[Product]:
    return [product for found in work.networks.values() for product in found]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
def test_a_convolution_has_the_operations_of_its_closed_form(transposed: bool, bias: bool) -> None:
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    with FakeTensorMode():
        layer, maps = kind(5, 7, 4, 2, 1, bias=bias), torch.rand(2, 5, 16, 12, requires_grad=True)
        with Work() as work:
            found = layer(maps)
        places = prod(maps.shape[2:]) if transposed else prod(found.shape[2:])
        once = (
            2 * 2 * places * 5 * 7 * 16
        )  # pictures, places, channels in and out, taps; a multiplication and an addition
        assert sum(product.operations for product in products(work)) == once
        moved = 4 * (maps.numel() + layer.weight.numel() + found.numel() + 7 * bias)
        assert sum(product.bytes for product in products(work)) == moved
        with Work() as back:
            found.sum().backward()
        assert sum(product.operations for product in products(back)) == 2 * once  # for the input and for the weight


def unet_operations(depth: int, side: int, width: int, channels: int) -> int:
    """Closed form of a U-Net's forward pass: 4x4 kernels, each level half as large as the one outside it."""
    total = 0
    widths = [width * min(2**level, 8) for level in range(depth)]
    for level in range(depth):
        inner = (side >> (level + 1)) ** 2
        outside = widths[level - 1] if level else channels
        total += 2 * 16 * inner * outside * widths[level]  # down
        doubled = 1 if level == depth - 1 else 2
        total += 2 * 16 * inner * doubled * widths[level] * outside  # up: its inputs' places
    return total


def test_the_u_net_has_the_operations_of_its_closed_form() -> None:
    with FakeTensorMode(), Work() as work, torch.no_grad():
        UNet(depth=8)(torch.rand(1, 3, 256, 256))
    found = sum(product.operations for product in products(work))
    assert found == unet_operations(8, 256, 64, 3)
    assert set(work.networks) == {"UNet"}
    recipe = Recipe.from_table({"system": "pix2pix", "training": {"steps": 1, "device": "cpu"}})
    assert sum(product.operations for product in inference_work(recipe, torch.float32)["UNet"]) == found


def test_a_step_has_the_operations_that_torch_counts() -> None:
    recipe = tiny_recipe("cyclegan", Path("unused"), "training.device=cpu")
    counter = FlopCounterMode(display=False)
    system, batch = build(recipe), noise(recipe)
    use_products(system)  # as training has them
    with counter:
        for losses in system.losses(batch, 0):
            sum(losses.terms.values(), torch.zeros(())).backward(
                inputs=list(system.get_submodule(losses.trains).parameters())
            )
    found = training_work(recipe)
    assert set(found) == {"ResNet", "PatchGAN", "Adam"}
    assert sum(p.operations for parts in found.values() for p in parts) == counter.get_total_flops()
    assert found["Adam"][0].bytes == ADAM_BYTES * sum(parameter.numel() for parameter in system.parameters())


def test_the_least_time_is_the_longer_of_two() -> None:
    ceilings = Ceilings({torch.float32: 100.0, torch.bfloat16: 200.0}, 10.0)
    few = [Product(100.0, 1.0, torch.float32), Product(100.0, 20.0, torch.bfloat16)]
    assert ceilings.arithmetic(few) == 1.5
    assert ceilings.memory(few) == pytest.approx(2.1)
    assert ceilings.in_turn(few) == 3.0
