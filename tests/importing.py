"""Weights of every layout that `diptych import` knows, and the command."""

from pathlib import Path
from typing import Any

from foreign import (
    HDScales,
    Local,
    Lornatang,
    Pixel,
    their_cut,
    their_cut_patchgan,
    their_encoder,
    their_global,
    their_patchgan,
    their_resnet,
    their_unet,
)
from foreign_spade import spade_discriminators, spade_encoder, spade_state
from torch import Tensor, nn

from diptych.cli import call
from diptych.networks import NetworkSpec
from diptych.released import import_weights

STATES: dict[str, dict[str, Tensor]] = {
    "pix2pix-unet": their_unet(7, "batch").state_dict(),
    "cyclegan-resnet": their_resnet().state_dict(),
    "patchgan": their_patchgan(3, "batch").state_dict(),
    "pixelgan": Pixel("batch").state_dict(),
    "cut-resnet": their_cut(2).state_dict(),
    "cut-patchgan": their_cut_patchgan(3).state_dict(),
    "pix2pixhd-local": Local(6, 1).state_dict(),
    "pix2pixhd-global": their_global(6).state_dict(),
    "pix2pixhd-discriminator": HDScales().state_dict(),
    "pix2pixhd-encoder": their_encoder().state_dict(),
    "spade-generator": spade_state(5, 0, False),
    "spade-discriminator": spade_discriminators(),
    "spade-encoder": spade_encoder(),
    "srresnet": Lornatang(2).state_dict(),
}


def run(*words: str | Path) -> int:
    return call(["import", *map(str, words)])


def ours(path: Path, **given: Any) -> nn.Module:
    """Imported, with the layout recognised."""
    found = import_weights(path, "", given)
    network = NetworkSpec(found.layout.network, found.arguments).build()
    network.load_state_dict({**network.state_dict(), **found.tensors})
    return network.eval()
