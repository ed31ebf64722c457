"""Networks: plain modules with flat arguments, one paper a file. NETWORKS lists those that a card can name."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from diptych.errors import UsageError
from diptych.networks.blocks import initialise
from diptych.networks.coarse_to_fine import CoarseToFine
from diptych.networks.contrastive.resnet import AntialiasedResNet
from diptych.networks.dilated import DilatedResNet
from diptych.networks.discriminators import PatchGAN
from diptych.networks.resnet import ResNet
from diptych.networks.spade import SPADE
from diptych.networks.srresnet import SRResNet
from diptych.networks.travelgan import TravelUNet
from diptych.networks.unet import UNet

NETWORKS: dict[str, type[nn.Module]] = {
    "unet": UNet,
    "resnet": ResNet,
    "patchgan": PatchGAN,
    "travel-unet": TravelUNet,
    "srresnet": SRResNet,
    "dilated-resnet": DilatedResNet,
    "coarse-to-fine": CoarseToFine,
    "spade": SPADE,
    "antialiased-resnet": AntialiasedResNet,
}


@dataclass(frozen=True)
class NetworkSpec:
    """A network's name in NETWORKS and its plain arguments, from which a card builds it again."""

    name: str
    arguments: dict[str, Any]

    def build(self) -> nn.Module:
        """The network with fresh weights.

        Raises:
            UsageError: when the name is not in NETWORKS.
        """
        if self.name not in NETWORKS:
            raise UsageError(f'"{self.name}" is not in NETWORKS; known are {", ".join(NETWORKS)}.')
        return NETWORKS[self.name](**self.arguments)


class SizeLimits(Protocol):
    """The sizes of pictures that a network takes."""

    multiple: int
    """Both sides must be divisible by this."""
    min_size: int
    """The shortest side."""


def size_limits(network: nn.Module) -> SizeLimits:
    """The network, typed by its size limits."""
    return cast("SizeLimits", network)


class SkipInitialisation(TorchFunctionMode):
    """Skips the initialisation of weights. On the meta device torch would import its compiler for it, which takes seconds."""

    def __torch_function__(
        self, operation: Callable[..., Any], types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if operation in (torch.Tensor.normal_, nn.init.normal_, nn.functional.normalize):
            return args[0] if args else named["tensor"]
        operation = torch.empty if operation is torch.randn else operation
        return operation(*args, **named)


@contextmanager
def on_meta_device() -> Iterator[None]:
    """Within, networks are built on torch's meta device: shapes without weights, in little time and no memory."""
    with torch.device("meta"), SkipInitialisation():
        yield


__all__ = [
    "NETWORKS",
    "NetworkSpec",
    "PatchGAN",
    "ResNet",
    "SizeLimits",
    "UNet",
    "initialise",
    "on_meta_device",
    "size_limits",
]
