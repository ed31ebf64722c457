"""Networks: plain modules with flat arguments, one paper a file. NETWORKS lists those that a card can name; users' code registers more."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import Any, Protocol, cast

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from diptych.errors import UsageError
from diptych.networks.bicycle.style_unet import StyleUNet
from diptych.networks.blocks import initialise
from diptych.networks.coarse_to_fine import CoarseToFine
from diptych.networks.contrastive.resnet import AntialiasedResNet
from diptych.networks.dilated import DilatedResNet
from diptych.networks.discriminators import PatchGAN
from diptych.networks.oasis.generator import OASISGenerator
from diptych.networks.resnet import ResNet
from diptych.networks.spade import SPADE
from diptych.networks.srresnet import SRResNet
from diptych.networks.travelgan import TravelUNet
from diptych.networks.unet import UNet
from diptych.registry import Table, of_your_own
from diptych.tables import closest

NETWORKS: Table[type[nn.Module]] = Table(
    "network",
    {
        "unet": UNet,
        "resnet": ResNet,
        "patchgan": PatchGAN,
        "travel-unet": TravelUNet,
        "srresnet": SRResNet,
        "dilated-resnet": DilatedResNet,
        "coarse-to-fine": CoarseToFine,
        "spade": SPADE,
        "antialiased-resnet": AntialiasedResNet,
        "oasis": OASISGenerator,
        "style-unet": StyleUNet,
    },
)


@dataclass(frozen=True)
class NetworkSpec:
    """A network's name in NETWORKS and its plain arguments, from which a card builds it again."""

    name: str
    arguments: dict[str, Any]

    def build(self) -> nn.Module:
        """The network with fresh weights.

        Raises:
            UsageError: when the name is not in NETWORKS, or a registered network does not state its sizes.
        """
        network = network_called(self.name)(**self.arguments)
        for size in ("multiple", "min_size"):
            if type(getattr(network, size, None)) is not int:
                raise UsageError(
                    f'the network "{self.name}" states no {size}; set {size} = 1, or another whole number, in its class.'
                )
        return network

    def fresh(self) -> nn.Module:
        """The network with weights as pix2pix draws them; a registered one draws its own."""
        network = self.build()
        return network if NETWORKS.origin(self.name) else initialise(network)


def network_called(name: str) -> type[nn.Module]:
    """The class of a network; UsageError for a name that is none."""
    if name not in NETWORKS:
        raise UsageError(f'"{name}" is not in NETWORKS; known are {", ".join(NETWORKS)}.{of_your_own(NETWORKS)}')
    return NETWORKS[name]


def accepted(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments that the network of that name has.

    Raises:
        UsageError: for a name that is none, and for a network that needs another.
    """
    known = signature(network_called(name)).parameters
    for key, one in known.items():
        several = one.kind in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)
        if one.default is Parameter.empty and not several and key not in arguments:
            near = closest(key, arguments)
            raise UsageError(
                f'the network "{name}" needs {key}, and is given none of that name{near}; give it a default.'
            )
    return {key: value for key, value in arguments.items() if key in known}


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
    "accepted",
    "initialise",
    "on_meta_device",
    "size_limits",
]
