"""Blurred halving and doubling against worked examples, and against the filters as papers write them."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from diptych.networks.contrastive.resampling import BlurDown, BlurUp, doubled_side

RAMP = torch.arange(16.0).view(1, 1, 4, 4)


def test_the_worked_examples() -> None:
    """SYSTEMS-2 1f."""
    assert BlurDown(1)(RAMP).flatten().tolist() == [2.5, 4.0, 8.5, 10.0]
    four = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    assert BlurUp()(four)[0, 0, 0].tolist() == [0.0, 0.25, 0.75, 1.0]


def published_up(maps: Tensor) -> Tensor:
    """Repeated border, transposed convolution by [1, 3, 3, 1] each way over 64, times 4, cropped."""
    channels = maps.shape[1]
    line = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=maps.dtype)
    kernel = (torch.outer(line, line) / 64 * 4).repeat(channels, 1, 1, 1)
    padded = functional.pad(maps, (1, 1, 1, 1), mode="replicate")
    grown = functional.conv_transpose2d(padded, kernel, stride=2, padding=2, groups=channels)
    return grown[:, :, 1:-1, 1:-1]


def published_down(maps: Tensor) -> Tensor:
    padded = functional.pad(maps, (1, 1, 1, 1), mode="reflect")
    rows, columns = maps.shape[2:]
    found = torch.zeros(*maps.shape[:2], -(-rows // 2), -(-columns // 2), dtype=maps.dtype)
    for down, high in enumerate((1, 2, 1)):
        for across, wide in enumerate((1, 2, 1)):
            found += high * wide / 16 * padded[:, :, down : down + rows : 2, across : across + columns : 2]
    return found


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (BlurUp(), published_up),
        (lambda maps: doubled_side(doubled_side(maps, 2), 3), published_up),
        (BlurDown(3).double(), published_down),
    ],
    ids=["up", "up in slices", "down"],
)
@pytest.mark.parametrize("size", [(4, 6), (5, 3), (2, 7)])
def test_maps_and_gradients_are_the_published_filters(
    ours: Callable[[Tensor], Tensor], theirs: Callable[[Tensor], Tensor], size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    one = torch.randn(2, 3, *size, dtype=torch.float64, requires_grad=True)
    other = one.detach().clone().requires_grad_()
    found, expected = ours(one), theirs(other)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=2e-7)
    weights = torch.randn_like(expected)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=1e-6, atol=2e-7)


def test_blurring_keeps_the_maps_precision_and_grey_areas() -> None:
    maps = torch.full((1, 2, 6, 6), 0.5)
    with torch.autocast("cpu", torch.bfloat16):
        half = maps.bfloat16()
        assert {layer(half).dtype for layer in (BlurDown(2), BlurUp())} == {torch.bfloat16}
    assert torch.equal(BlurDown(2)(maps), maps[..., :3, :3])
    assert torch.equal(BlurUp()(maps), torch.full((1, 2, 12, 12), 0.5))
