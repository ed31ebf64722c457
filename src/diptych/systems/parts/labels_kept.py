"""Labels kept: a segmenter should say the same of a translation as of its source (Hoffman et al., CyCADA, ICML 2018, equation 4).

The segmenter is trained before, on sources and their class maps (``diptych data segmenter``), and stays as it is. A run that goes on
builds it from the file, which must still be there, and gives it the weights that its checkpoint holds.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from diptych import checkpoints
from diptych.errors import DiptychError, UsageError
from diptych.files import expand_user
from diptych.networks.features.plain_fcn import PlainFCN
from diptych.systems.system import Domains

LAYOUT = "plain-fcn"
"""The fact by which a file is known as a segmenter for losses."""


class LabelsKept(nn.Module):
    """A frozen segmenter, and the loss by it."""

    def __init__(self, network: PlainFCN, weight: float, classes: int) -> None:
        super().__init__()
        self.network, self.weight, self.classes = network.requires_grad_(False), weight, classes
        self.facts = {"labels kept": f"{LAYOUT} of {classes} classes"}

    def forward(self, source: Tensor, fake: Tensor) -> Float[Tensor, ""]:
        """The weighted mean cross-entropy of the fake's classes, (batch, channels, H, W), with those found in its source."""
        with torch.no_grad():
            wanted = self.network(source).argmax(1, keepdim=True)
        shares = functional.log_softmax(self.network(fake).float(), dim=1)
        # Not cross_entropy, whose gradient on GPUs is not bitwise repeatable for maps.
        one_hot = wanted == torch.arange(self.classes, device=wanted.device)[:, None, None]
        loss: Tensor = -self.weight * (shares * one_hot).sum(1).mean()
        return loss


def labels_kept(system: str, weight: float, file: str, domains: Domains) -> LabelsKept | None:
    """The loss of ``options.labels`` by the segmenter of ``options.segmenter``; None without a weight.

    Raises:
        UsageError: for a file without a weight, a weight without a file, or sources and targets, or crops, that the segmenter cannot both see.
        DiptychError: for a file that is no such segmenter.
    """
    if weight == 0:
        if file:
            raise UsageError(
                "options.segmenter is for options.labels, which is 0; set it above 0, or leave the file away."
            )
        return None
    if not file:
        raise UsageError(
            "options.labels needs the segmenter of the sources: make one with `diptych data segmenter`, and name its file in "
            "options.segmenter."
        )
    on_meta_device = torch.get_default_device().type == "meta"
    place = expand_user(file)
    if not place.is_file():
        if on_meta_device:
            return None  # a recipe is read before its files are here; the run's own system asks again
        raise DiptychError(f"there is no segmenter {file}; make one with `diptych data segmenter`.")
    checkpoint = checkpoints.load(place)
    if checkpoint.facts.get("layout") != LAYOUT:
        raise DiptychError(f"{file} is no segmenter for options.labels; make one with `diptych data segmenter`.")
    channels, classes = int(checkpoint.facts["channels"]), int(checkpoint.facts["classes"])
    if {domains.channels_in, domains.channels_out} != {channels}:
        raise UsageError(
            f"{file} sees pictures of {channels} channels, and options.labels shows it sources and translations, here of "
            f"{domains.channels_in} and {domains.channels_out}; set data.source.colour and data.target.colour alike."
        )
    domains.require_size(system, PlainFCN)
    network = PlainFCN(channels, classes)
    if not on_meta_device:
        network.load_state_dict(checkpoint.tensors)
    return LabelsKept(network, weight, classes)
