"""CUT's layouts: its files, imported, against its networks of foreign_cut.py."""

from pathlib import Path

import pytest
import torch
from foreign import randomised
from foreign_cut import their_cut, their_cut_patchgan
from importing import assert_round_trip, assert_same, loaded, ours, saved
from torch import nn

from diptych import DiptychError
from diptych.networks import PatchGAN
from diptych.released import import_weights, read_tensors

pytestmark = pytest.mark.usefixtures("doubles")


def drawn_but_for_filters(network: nn.Module) -> nn.Module:
    filters = {name: tensor.clone() for name, tensor in network.state_dict().items() if name.endswith(".filt")}
    randomised(network).load_state_dict(filters, strict=False)
    return network


@pytest.mark.parametrize("blocks", [1, 2, 6, 9])
def test_cut(blocks: int, tmp_path: Path) -> None:
    theirs = drawn_but_for_filters(their_cut(blocks))
    path = saved(theirs, tmp_path / "latest_net_G.pth")
    assert import_weights(path).layout.name == "cut-resnet"
    picture = torch.randn(2, 3, 24, 20)
    assert_same(ours(path)(picture), theirs(picture))
    assert_round_trip(path)
    if blocks == 9:  # the published names: SYSTEMS-2 1f
        tensors = read_tensors(path)
        assert len(tensors) == 52
        filters = {name: tuple(tensor.shape[1:]) for name, tensor in tensors.items() if name.endswith(".filt")}
        assert filters == {f"model.{n}.filt": (1, s, s) for n, s in ((7, 3), (11, 3), (21, 4), (25, 4))}
        convs = {int(name.split(".")[1]) for name in tensors if name.endswith("weight")}
        assert convs == {1, 4, 8, *range(12, 21), 22, 26, 30}


@pytest.mark.parametrize("layers", [1, 3])
def test_cut_discriminator(layers: int, tmp_path: Path) -> None:
    theirs = drawn_but_for_filters(their_cut_patchgan(layers))
    path = saved(theirs, tmp_path / "latest_net_D.pth")
    assert import_weights(path).layout.name == "cut-patchgan"
    assert layers != 3 or len(read_tensors(path)) == 13
    picture = torch.randn(1, 3, 64, 48)
    assert_same(loaded(PatchGAN(**import_weights(path).arguments), path)(picture), theirs(picture), bounded=False)
    assert_round_trip(path)


def test_a_cut_file_with_other_filters_is_refused(tmp_path: Path) -> None:
    theirs = their_cut(1)
    theirs.get_buffer("model.7.filt").mul_(2)
    with pytest.raises(DiptychError, match=r"model\.7\.filt is no published filter"):
        import_weights(saved(theirs, tmp_path / "G.pth"))
