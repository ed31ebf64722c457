"""Networks: plain modules with flat arguments, one paper a file. This table is the only list."""

from dataclasses import dataclass
from typing import Any, Protocol, cast

from torch import nn

from diptych.errors import UsageError
from diptych.networks.blocks import initialise
from diptych.networks.coarse_to_fine import CoarseToFine
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
}


@dataclass(frozen=True)
class NetworkSpec:
    """A network by its name in NETWORKS and its plain arguments: what a card needs to build it again."""

    name: str
    arguments: dict[str, Any]

    def build(self) -> nn.Module:
        """The network with fresh weights.

        Raises:
            UsageError: when the name is in no table.
        """
        if self.name not in NETWORKS:
            raise UsageError(f'"{self.name}" is not in NETWORKS; known are {", ".join(NETWORKS)}.')
        return NETWORKS[self.name](**self.arguments)


class SizeLimits(Protocol):
    """What every network says of the pictures that it takes."""

    @property
    def multiple(self) -> int:
        """By which both sides must be divisible."""
        ...

    @property
    def min_size(self) -> int:
        """The shortest side."""
        ...


def size_limits(network: nn.Module) -> SizeLimits:
    """The network as what it says of sizes."""
    return cast("SizeLimits", network)


__all__ = [
    "NETWORKS",
    "NetworkSpec",
    "PatchGAN",
    "ResNet",
    "SizeLimits",
    "TravelUNet",
    "UNet",
    "initialise",
    "size_limits",
]
