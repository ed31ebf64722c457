"""Spectral normalisation (Miyato et al., ICLR 2018) and batch norm over all processes, as SPADE's code has them."""

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as together
from torch import Tensor, nn
from torch.nn import functional

from diptych.networks.blocks import Maps, norm_of_batch


def uncast(device: torch.device) -> AbstractContextManager[object]:
    """Within, nothing is computed in another type than it has; where there are shapes alone, nothing is computed at all."""
    there = torch.amp.is_autocast_available(device.type)
    return torch.autocast(device.type, enabled=False) if there else nullcontext()


class SpectralConv2d(nn.Conv2d):
    """A convolution whose weight is divided by its largest singular value, by one power iteration a training step.

    The two vectors are buffers, which stay as they are at test time. ``weight`` is trained under its own name, so a network has the
    same checkpoint keys with and without it; torch's own renames it. It is computed in float32 under autocast.
    """

    weight_u: Tensor
    weight_v: Tensor

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
        groups: int = 1,
    ) -> None:
        super().__init__(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=bias)
        rows, columns = self.weight.flatten(1).shape
        self.register_buffer("weight_u", functional.normalize(torch.randn(rows), dim=0))
        self.register_buffer("weight_v", functional.normalize(torch.randn(columns), dim=0))

    def normalised(self) -> Tensor:
        """The weight with a largest singular value of about 1."""
        with uncast(self.weight.device):
            matrix = self.weight.flatten(1)
            if self.training:
                with torch.no_grad():
                    v = functional.normalize(matrix.mT @ self.weight_u, dim=0)
                    self.weight_v.copy_(v)
                    self.weight_u.copy_(functional.normalize(matrix @ v, dim=0))
            u, v = self.weight_u.clone(), self.weight_v.clone()  # a later pass may move the buffers before backward
            return self.weight / torch.dot(u, matrix @ v)

    def forward(self, maps: Maps) -> Maps:
        filtered: Maps = self._conv_forward(maps, self.normalised(), self.bias)
        return filtered


def convolution(
    spectral: bool,
    channels_in: int,
    channels_out: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    bias: bool = True,
) -> nn.Conv2d:
    """With spectral normalisation or without."""
    kind = SpectralConv2d if spectral else nn.Conv2d
    return kind(channels_in, channels_out, kernel, stride, padding, bias=bias)


class SyncBatchNorm(nn.BatchNorm2d):
    """Batch norm without weight and bias whose training statistics are those of the batches of all processes together.

    torch's own refuses tensors on a processor.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(channels, affine=False)

    def forward(self, maps: Maps) -> Maps:
        if not (self.training and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
            return norm_of_batch(self, maps, None) if self.training else super().forward(maps)
        with uncast(maps.device):
            return self.over_all(maps.float()).to(maps.dtype)

    def over_all(self, maps: Maps) -> Maps:
        sums = torch.stack(
            [maps.sum((0, 2, 3)), maps.square().sum((0, 2, 3)), torch.full_like(maps[0, :, 0, 0], maps[:, 0].numel())]
        )
        total, squares, count = together.all_reduce(sums)
        mean = total / count
        variance = (squares / count - mean.square()).clamp(min=0)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, 0.1)
            self.running_var.lerp_(variance * count / (count - 1), 0.1)
        scale = (variance + self.eps).rsqrt()
        normalised: Tensor = (maps - mean[:, None, None]) * scale[:, None, None]
        return normalised
