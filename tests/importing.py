"""Weights of every layout that `diptych import` knows, and the command."""

from pathlib import Path

from foreign import (
    HDScales,
    Local,
    Lornatang,
    Pixel,
    their_encoder,
    their_global,
    their_patchgan,
    their_resnet,
    their_unet,
)
from foreign_spade import spade_discriminators, spade_encoder, spade_state
from torch import Tensor

from diptych.cli import call

STATES: dict[str, dict[str, Tensor]] = {
    "pix2pix-unet": their_unet(7, "batch").state_dict(),
    "cyclegan-resnet": their_resnet().state_dict(),
    "patchgan": their_patchgan(3, "batch").state_dict(),
    "pixelgan": Pixel("batch").state_dict(),
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
