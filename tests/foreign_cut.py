"""CUT's networks, built from the published key lists with torch alone, to test importing."""

import torch
from foreign import W, Wrapped, tail, their_block
from torch import Tensor, nn
from torch.nn import functional


class Blur(nn.Module):
    """CUT's filter as a buffer: halving with a reflected border, or doubling by a transposed convolution that is cropped."""

    filt: Tensor

    def __init__(self, channels: int, line: list[float], doubles: bool) -> None:
        super().__init__()
        square = torch.outer(torch.tensor(line), torch.tensor(line))
        scale = 4 if doubles else 1
        self.register_buffer("filt", (scale * square / square.sum()).repeat(channels, 1, 1, 1))
        self.doubles = doubles

    def forward(self, maps: Tensor) -> Tensor:
        groups = len(self.filt)
        if not self.doubles:
            padded = functional.pad(maps, (1, 1, 1, 1), "reflect")
            return functional.conv2d(padded, self.filt.to(maps), stride=2, groups=groups)
        padded = functional.pad(maps, (1, 1, 1, 1), "replicate")
        large = functional.conv_transpose2d(padded, self.filt.to(maps), stride=2, padding=2, groups=groups)
        return large[:, :, 1:-1, 1:-1]


def their_cut(blocks: int, width: int = W) -> nn.Module:
    """CUT's generator: model.N of one row, in which the filters stand at 7, 11, and after the blocks."""

    def filtered(channels: int, out: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, out, 3, 1, 1), nn.InstanceNorm2d(out), nn.ReLU()]

    layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), nn.InstanceNorm2d(width), nn.ReLU()]
    for level in (0, 1):
        c = width * 2**level
        layers += [*filtered(c, 2 * c), Blur(2 * c, [1.0, 2.0, 1.0], False)]
    layers += [their_block(4 * width, nn.InstanceNorm2d, True, False, "conv_block") for _ in range(blocks)]
    for level in (1, 0):
        c = width * 2**level
        layers += [Blur(2 * c, [1.0, 3.0, 3.0, 1.0], True), *filtered(2 * c, c)]
    return Wrapped(nn.Sequential(*layers, *tail(width)))


def their_cut_patchgan(layers: int, width: int = W) -> nn.Module:
    stack: list[nn.Module] = [nn.Conv2d(3, width, 4, 1, 1), nn.LeakyReLU(0.2), Blur(width, [1.0, 2.0, 1.0], False)]
    channels = width
    for number in range(1, layers + 1):
        out = width * min(2**number, 8)
        stack += [nn.Conv2d(channels, out, 4, 1, 1), nn.InstanceNorm2d(out), nn.LeakyReLU(0.2)]
        stack += [Blur(out, [1.0, 2.0, 1.0], False)] if number < layers else []
        channels = out
    return Wrapped(nn.Sequential(*stack, nn.Conv2d(channels, 1, 4, 1, 1)))
