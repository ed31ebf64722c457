"""Perceptual losses for training (Johnson et al. 2016), on the feature maps of a pretrained network that recipe and card name.

The published losses use VGG19, whose weights the user must supply. A recipe may name EfficientNet-Lite0 instead, whose weights pip
installs.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from diptych.errors import DiptychError
from diptych.networks.features.efficientnet import EfficientNetLite0
from diptych.networks.features.pretrained import IMAGENET_DEVIATION, IMAGENET_MEAN, as_trained, load, spec_of

WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Weights of the five maps, finest first (pix2pixHD's code)."""
PERCEPTUAL_TAPS = (0, 1, 3, 4, 5)
"""VGG19's taps relu1_1, relu2_1, relu3_1, relu4_1, relu5_1."""
CONTENT_TAPS = {"vgg22": 2, "vgg54": 6, "lite0-fine": 1, "lite0-deep": 3}
"""SRGAN's single taps: relu2_2 and relu5_4 of VGG19, and strides 4 and 16 of EfficientNet-Lite0."""


@dataclass
class PerceptualNetwork:
    """A frozen pretrained network; its weights are not part of the system's.

    ``normalised`` applies ImageNet's mean and deviation, as in its training; pix2pixHD's code gives VGG19 pictures in
    [-1, 1] instead.
    """

    name: str
    normalised: bool = True

    def __post_init__(self) -> None:
        """Load the weights.

        Raises:
            DiptychError: when they are missing, with where to find them.
        """
        self.multiple, self.min_size = 1, 16 if self.name == "vgg19" else 1  # VGG19 halves its pictures four times
        try:
            on_meta_device = torch.get_default_device().type == "meta"
            # A copy may move to another device.
            self.network = spec_of(self.name).build() if on_meta_device else copy.deepcopy(load(self.name))
            self.values = torch.tensor([IMAGENET_MEAN, IMAGENET_DEVIATION])[..., None, None]
        except DiptychError as problem:
            if self.name != "vgg19":
                raise
            raise DiptychError(
                f"{problem} Or name another network in the recipe, which is not the published loss: "
                f"options.perceptual_network=efficientnet-lite0, or for SRGAN options.content=lite0-fine."
            ) from None

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """RGB or grey pictures in [-1, 1] to one map for each tap."""
        if pictures.shape[1] == 1:
            pictures = pictures.expand(-1, 3, -1, -1)
        if next(self.network.parameters()).device != pictures.device:
            self.network.to(pictures.device)
            self.values = self.values.to(pictures.device)
        if isinstance(self.network, EfficientNetLite0):
            return self.network.pyramid(as_trained(pictures, self.name))
        if self.normalised:
            pictures = ((pictures + 1) / 2 - self.values[0]) / self.values[1]
        maps: list[Tensor] = self.network(pictures)
        return maps


def network_of_loss(weight: float, name: str) -> PerceptualNetwork | None:
    """The network of a perceptual loss, with its pictures as pix2pixHD's code has them; None without a weight, or for "none"."""
    return PerceptualNetwork(name, normalised=False) if weight and name != "none" else None


def perceptual_loss(network: PerceptualNetwork, fake: Tensor, real: Tensor) -> Tensor:
    """Weighted mean absolute differences of five maps (pix2pixHD's code, and SPADE's). A scalar."""
    with torch.no_grad():
        wanted = network.maps(real)
    found = network.maps(fake)
    if network.name == "vgg19":
        wanted, found = [wanted[tap] for tap in PERCEPTUAL_TAPS], [found[tap] for tap in PERCEPTUAL_TAPS]
    losses = [functional.l1_loss(one.float(), other.float()) for one, other in zip(found, wanted, strict=True)]
    total: Tensor = torch.stack([weight * loss for weight, loss in zip(WEIGHTS, losses, strict=True)]).sum()
    return total


def content_loss(network: PerceptualNetwork, point: str, fake: Tensor, real: Tensor) -> Tensor:
    """Mean squared difference of one map (SRGAN, equation 5; the map after its activation). A scalar."""
    with torch.no_grad():
        wanted = network.maps(real)[CONTENT_TAPS[point]]
    return functional.mse_loss(network.maps(fake)[CONTENT_TAPS[point]].float(), wanted.float())


def loss_note(name: str) -> str:
    """The note of a run on its perceptual loss."""
    if name == "vgg19":
        return "Perceptual loss: VGG19, as published."
    return "Perceptual loss: EfficientNet-Lite0 in the place of VGG19, so not the published loss."
