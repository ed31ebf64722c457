"""Weights of every layout that `diptych import` knows, and the command."""

from pathlib import Path
from typing import Any

import torch
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
from foreign_cut import their_cut, their_cut_patchgan
from foreign_spade import spade_discriminators, spade_encoder, spade_state
from torch import Tensor, nn

from diptych.cli import call
from diptych.networks import NetworkSpec
from diptych.released import export_weights, import_weights, read_tensors

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


def saved(network: nn.Module, path: Path) -> Path:
    torch.save(network.state_dict(), path)
    return path


def loaded(network: nn.Module, path: Path) -> nn.Module:
    network.load_state_dict(import_weights(path).tensors)
    return network.eval()


def assert_same(found: Tensor, expected: Tensor, bounded: bool = True) -> None:
    """Equal to 1e-5; pictures that are -1 and 1 nearly everywhere would be equal whatever the weights."""
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5, check_dtype=False)
    assert expected.std() > 0.001
    assert not bounded or (expected.abs() > 0.999).double().mean() < 0.3


def assert_round_trip(path: Path, dropped: tuple[str, ...] = (), **given: Any) -> None:
    """Exporting gives the file's tensors again, except names that end in ``dropped``."""
    found = import_weights(path, "", given)
    back = export_weights(found.tensors, found.arguments, found.layout.name)
    expected = {name: t for name, t in read_tensors(path).items() if not name.endswith(dropped or ("\0",))}
    assert back.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(back[name], tensor)
