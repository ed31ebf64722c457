"""Convolutions as matrix products (im2col; Chellapilla et al. 2006), for training on a CPU, where oneDNN is slow at two kinds of layer.

In a U-Net's inner layers, of many channels and few positions, oneDNN spends most time on reordering weights. It pads one or
three channels to sixteen. A product reads the weights once, in their own order:

* a convolution is columns times weights; columns are the k x k neighbourhood of each position;
* the gradient of its input is positions times weights, folded: each position adds its k x k pixels;
* the gradient of its weights is positions, transposed, times columns.

A transposed convolution exchanges the first two. Measurements decide which of the three products is used (docs/decisions.md, 56).
Results differ from oneDNN's by rounding.
"""

from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

FEW = 4  # channels, as of a picture or a patch's logit
LEAST_BEHIND_FEW = 32  # channels on the other side of few; with fewer, oneDNN is as fast
MOST_PLACES = 2**17  # positions of few channels; with more, columns take too much memory
MANY = 256  # channels, of either side
PLACES = {"columns": (512, 256), "folded": (128, 0), "weights": (2048, 256)}
"""The most positions (of the smaller grid, over the batch) at which each product is faster than oneDNN: where one side has more
than MANY channels, and where both have MANY."""


class Geometry(NamedTuple):
    """A square kernel, for a convolution from the larger grid to the smaller or for its transpose."""

    kernel: int
    stride: int
    padding: int


# Between grids. The larger has maps of (batch, channels, H, W); a place is a position of the smaller, over the whole batch.


def rows(maps: Tensor) -> Tensor:
    """(batch, channels, h, w) to (places, channels); a view where the memory is channels-last."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def columns(large: Tensor, how: Geometry, height: int, width: int) -> Tensor:
    """The neighbourhood of each of ``height`` x ``width`` places: (places, kernel * kernel * channels).

    Few channels are copied in planes, which are contiguous along rows; many in channels-last order.
    """
    kernel, stride, padding = how
    batch, channels = large.shape[:2]
    planes = functional.pad(large, (padding, padding, padding, padding))
    planes = planes.contiguous(memory_format=torch.contiguous_format if channels <= FEW else torch.channels_last)
    by_batch, of_channel, down, along = planes.stride()
    sizes = [batch, height, width, kernel, kernel, channels]
    strides = [by_batch, down * stride, along * stride, down, along, of_channel]
    if channels > FEW:
        return planes.as_strided(sizes, strides).reshape(-1, kernel * kernel * channels)
    gathered = planes.as_strided(sizes[3:] + sizes[:3], strides[3:] + strides[:3])
    return gathered.reshape(kernel * kernel * channels, -1).t()


def folded(found: Tensor, how: Geometry, small: tuple[int, int, int], large: tuple[int, int]) -> Tensor:
    """The adjoint of ``columns``: each place adds its neighbourhood; (batch, channels, H, W), summed in float32.

    Args:
        found: (places, kernel * kernel * channels).
        small: batch, height and width of the places.
        large: height and width of the result.
    """
    (kernel, stride, padding), (batch, height, width) = how, small
    parts = found.view(batch, height, width, kernel, kernel, -1)
    tall, wide = large[0] + 2 * padding, large[1] + 2 * padding
    whole = found.new_zeros((batch, tall, wide, parts.shape[-1]), dtype=torch.float32)
    for row in range(kernel):
        for column in range(kernel):
            pixels = whole[:, row : row + stride * height : stride, column : column + stride * width : stride]
            pixels += parts[:, :, :, row, column]
    inner = whole[:, padding : padding + large[0], padding : padding + large[1]].permute(0, 3, 1, 2)
    return inner.to(found.dtype).contiguous(memory_format=torch.channels_last)


def flat(weight: Tensor) -> Tensor:
    """(small channels, large channels, k, k) to (small channels, k * k * large channels); a view in channels-last memory."""
    return weight.permute(0, 2, 3, 1).reshape(weight.shape[0], -1)


class Layer(NamedTuple):
    """One call of a convolution, and its three products, each by a matrix product or by oneDNN.

    Weights are (small channels, large channels, k, k), whether it is transposed or not.
    """

    how: Geometry
    transposed: bool
    small: tuple[int, int, int]
    """Batch, height and width of the smaller grid."""
    large: tuple[int, int]
    channels: tuple[int, int]
    """Of the smaller grid, and of the larger."""

    @property
    def few(self) -> bool:
        """An unstrided convolution to few channels; columns of its gradient are much smaller than those of its input."""
        return not self.transposed and self.channels[0] <= FEW and self.how.stride == 1

    def fits(self, product: str) -> bool:
        """Whether the matrix product is faster than oneDNN."""
        batch, height, width = self.small
        places, strided = batch * height * width, self.how.stride > 1
        if self.few:
            return product == "weights" and self.channels[1] >= LEAST_BEHIND_FEW and places <= MOST_PLACES
        if min(self.channels) < MANY or not (strided or (product == "weights" and self.how.kernel > 3)):
            return False
        return places <= PLACES[product][max(self.channels) == MANY]

    def to_small(self, large: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """A convolution, or the gradient of a transposed one's input."""
        batch, height, width = self.small
        if not self.fits("columns"):
            return functional.conv2d(large, weight, bias, self.how.stride, self.how.padding)
        found = columns(large, self.how, height, width) @ flat(weight).t()
        found = found if bias is None else found + bias
        return found.view(batch, height, width, -1).permute(0, 3, 1, 2)

    def to_large(self, small: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """A transposed convolution, or the gradient of a convolution's input."""
        if self.fits("folded"):
            maps = folded(rows(small) @ flat(weight), self.how, self.small, self.large)
            return maps if bias is None else maps + bias[:, None, None]
        kernel, stride, padding = self.how
        reached = [(places - 1) * stride - 2 * padding + kernel for places in self.small[1:]]
        more = [side - least for side, least in zip(self.large, reached, strict=True)]
        return functional.conv_transpose2d(small, weight, bias, stride, padding, more)

    def to_weight(self, small: Tensor, large: Tensor, weight: Tensor) -> Tensor:
        """The gradient of the weights."""
        if self.fits("weights"):
            kernel, _, padding = self.how
            if self.few:
                turned = Geometry(kernel, 1, kernel - 1 - padding)
                found = columns(small, turned, *self.large).t() @ rows(large)
                return found.view(kernel, kernel, len(weight), -1).flip(0, 1).permute(2, 3, 0, 1)
            found = rows(small).t() @ columns(large, self.how, *self.small[1:])
            return found.view(len(weight), kernel, kernel, -1).permute(0, 3, 1, 2)
        given, gradient = (small, large) if self.transposed else (large, small)
        sides = [[value, value] for value in (self.how.stride, self.how.padding, 1)]
        arguments = (*sides, self.transposed, [0, 0], 1, [False, True, False])
        of_weight: Tensor = torch.ops.aten.convolution_backward(gradient, given, weight, None, *arguments)[1]
        return of_weight


def asked_for(node: Any) -> bool:
    """Whether the current backward pass needs the gradient of a node.

    ``ctx.needs_input_grad`` does not depend on the pass: a generator's update would compute the gradients of its discriminator's
    weights and discard them.
    """
    if node is None:
        return False
    try:
        return bool(torch._C._will_engine_execute_node(node))
    except (AttributeError, RuntimeError):
        return True  # another version of torch, or leaves of torch.autograd.grad, for which torch cannot tell


class Convolve(torch.autograd.Function):
    """A convolution with gradients that can be differentiated again."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, weight: Tensor, bias: Tensor | None, layer: Layer) -> Tensor:
        ctx.save_for_backward(given, weight)
        ctx.layer = layer
        return layer.to_large(given, weight, bias) if layer.transposed else layer.to_small(given, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        given, weight = ctx.saved_tensors
        of_given, of_weight, *of_bias = (asked_for(node) for node, _ in ctx.next_functions)
        layer: Layer = ctx.layer
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        small, large = (given, gradient) if layer.transposed else (gradient, given)
        back = layer.to_small if layer.transposed else layer.to_large
        return (
            back(gradient, weight) if of_given else None,
            layer.to_weight(small, large, weight) if of_weight else None,
            gradient.sum((0, 2, 3)) if any(of_bias) else None,
            None,
        )


def convolve(module: nn.Conv2d | nn.ConvTranspose2d, maps: Tensor) -> Tensor:
    """The forward pass of ``module``, with matrix products where one of them is faster."""
    layer = layer_of(module, maps)
    if maps.device.type != "cpu" or not any(map(layer.fits, PLACES)):
        if isinstance(module, nn.ConvTranspose2d):
            return nn.ConvTranspose2d.forward(module, maps)
        return nn.Conv2d.forward(module, maps)
    narrow = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if narrow else module.weight.dtype
    weight = module.weight.to(dtype)
    bias = None if module.bias is None else module.bias.to(dtype)
    with torch.autocast("cpu", enabled=False):
        result: Tensor = Convolve.apply(maps.to(dtype), weight, bias, layer)  # type: ignore[no-untyped-call]  # torch leaves it so
    return result


def layer_of(module: nn.Conv2d | nn.ConvTranspose2d, maps: Tensor) -> Layer:
    """The call of ``module`` on ``maps``."""
    batch, _, height, width = maps.shape
    how = Geometry(module.kernel_size[0], module.stride[0], int(module.padding[0]))
    into, out, given = module.in_channels, module.out_channels, (height, width)
    if isinstance(module, nn.ConvTranspose2d):
        more = how.kernel - 2 * how.padding + int(module.output_padding[0])
        tall, wide = ((side - 1) * how.stride + more for side in given)
        return Layer(how, True, (batch, height, width), (tall, wide), (into, out))
    tall, wide = ((side + 2 * how.padding - how.kernel) // how.stride + 1 for side in given)
    return Layer(how, False, (batch, tall, wide), given, (out, into))


def plain(module: nn.Conv2d | nn.ConvTranspose2d) -> bool:
    """Whether it is torch's own convolution with the same parameters along both sides."""
    pairs = (module.kernel_size, module.stride, module.output_padding)
    return (
        type(module) in (nn.Conv2d, nn.ConvTranspose2d)
        and isinstance(module.padding, tuple)
        and all(one == other for one, other in (*pairs, module.padding))
        and module.padding_mode == "zeros"
        and module.groups == 1
        and module.dilation == (1, 1)
    )


def use_products(network: nn.Module) -> None:
    """Let the convolutions of ``network`` use matrix products where they are faster; names and weights do not change."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and plain(module):
            vars(module)["forward"] = partial(convolve, module)
