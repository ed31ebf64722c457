"""Other projects' layouts: their files, imported, against their networks of foreign.py."""

from pathlib import Path
from typing import Any

import pytest
import torch
from foreign import (
    HDScales,
    Local,
    Lornatang,
    Pixel,
    randomised,
    their_encoder,
    their_global,
    their_patchgan,
    their_resnet,
    their_unet,
    with_statistics,
)
from foreign_cut import their_cut, their_cut_patchgan
from foreign_spade import (
    conv_keys,
    discriminated,
    encoded,
    spade_discriminators,
    spade_encoder,
    spade_forward,
    spade_state,
)
from importing import assert_round_trip, assert_same, loaded, ours, saved
from torch import Tensor, nn

from diptych import DiptychError
from diptych.networks import NETWORKS, PatchGAN
from diptych.networks.coarse_to_fine import Encoder
from diptych.networks.discriminators import MultiScale
from diptych.networks.spade import StyleEncoder
from diptych.released import export_weights, import_weights, read_tensors
from diptych.released.layout import spectral_names

pytestmark = pytest.mark.usefixtures("doubles")
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("depth", [6, 7, 8])
def test_unet(norm: str, depth: int, tmp_path: Path) -> None:
    theirs = randomised(their_unet(depth, norm)).eval()
    path = saved(theirs, tmp_path / "latest_net_G.pth")
    network = ours(path, dropout_at_test=False, statistics="running")
    picture = torch.randn(1, 3, 2**depth * 2, 2**depth)
    assert_same(network(picture), theirs(picture))
    assert_round_trip(path)
    assert import_weights(path).arguments["dropout"] == {6: [2], 7: [2, 3], 8: [2, 3, 4]}[depth]
    if norm == "batch" and depth == 8:
        assert len(read_tensors(path)) == 82


def test_a_unet_is_tested_with_the_statistics_of_the_picture(tmp_path: Path) -> None:
    theirs = randomised(their_unet(7, "batch"))
    network = ours(saved(theirs, tmp_path / "G.pth"), dropout=[])
    picture = torch.randn(1, 3, 256, 128)
    assert_same(network(picture), theirs.train()(picture))


@pytest.mark.parametrize("form", ["plain", "dropout", "batch", "affine"])
def test_resnet(form: str, tmp_path: Path) -> None:
    theirs = randomised(their_resnet(form)).eval()
    path = saved(theirs, tmp_path / "G.pth")
    network = ours(path, dropout_at_test=False, statistics="running")
    picture = torch.randn(2, 3, 24, 20)
    assert_same(network(picture), theirs(picture))
    assert import_weights(path).arguments["dropout"] == (form in ("dropout", "batch"))
    if form != "affine":
        assert_round_trip(path)
        return
    back = export_weights(import_weights(path).tensors, import_weights(path).arguments, "cyclegan-resnet")
    for name, tensor in read_tensors(path).items():
        assert torch.equal(back[name.replace(".block.", ".conv_block.")], tensor)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("layers", [0, 1, 3, 5])
def test_patchgan(norm: str, layers: int, tmp_path: Path) -> None:
    theirs = randomised(their_patchgan(layers, norm) if layers else Pixel(norm)).eval()
    path = saved(theirs, tmp_path / "D.pth")
    picture = torch.randn(1, 6, 128, 128)
    assert_same(loaded(PatchGAN(**import_weights(path).arguments), path)(picture), theirs(picture), bounded=False)
    assert_round_trip(path)


@pytest.mark.parametrize("enhancers", [0, 1, 2])
def test_pix2pixhd(enhancers: int, tmp_path: Path) -> None:
    theirs = randomised(Local(6, enhancers) if enhancers else their_global(6))
    path = saved(theirs, tmp_path / "G.pth")
    network = ours(path)
    source = torch.randint(0, 5, (1, 2, 64, 128), dtype=torch.int32)
    maps = network.get_submodule("semantics")(source)  # five classes and a boundary, unless told otherwise
    assert_same(network(source), theirs(maps))
    assert_round_trip(path)
    assert import_weights(path, "", {"classes": 6, "boundary": False}).arguments["boundary"] is False
    with pytest.raises(DiptychError, match="9 classes and a boundary do not make that up"):
        import_weights(path, "", {"classes": 9})


def assert_same_logits(network: nn.Module, expected: list[Tensor], picture: Tensor) -> None:
    for judged, other in zip(network(picture), expected, strict=True):
        assert_same(judged[-1], other, bounded=False)


def test_pix2pixhd_discriminators(tmp_path: Path) -> None:
    theirs = randomised(HDScales())
    path = saved(theirs, tmp_path / "D.pth")
    found = import_weights(path)
    picture = torch.randn(1, 5, 64, 64)
    assert_same_logits(loaded(MultiScale(**found.arguments), path), theirs(picture), picture)
    assert_round_trip(path)
    flat = {}  # as written without feature matching
    for name, tensor in theirs.state_dict().items():
        scale, layer = int(name[5]), int(name.split("layer")[1][0])
        flat[f"layer{scale}.{max(3 * layer - 1, 0)}.{name.rpartition('.')[2]}"] = tensor
    torch.save(flat, tmp_path / "flat.pth")
    again = import_weights(tmp_path / "flat.pth")
    assert again.arguments == found.arguments
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in found.tensors.items())


def test_pix2pixhd_encoder(tmp_path: Path) -> None:
    theirs = randomised(their_encoder())
    path = saved(theirs, tmp_path / "E.pth")
    found = import_weights(path)
    network = Encoder(3, found.arguments["features"], found.arguments["width"], "instance", "transposed")
    picture = torch.randn(1, 3, 32, 32)
    assert_same(loaded(network, path).get_submodule("layers")(picture), theirs(picture))
    assert_round_trip(path)


OLD = {
    "unet": their_unet(7, "instance"),
    "resnet": their_resnet("dropout"),
    "cut": their_cut(2),
    "cut-patchgan": their_cut_patchgan(3),
    "affine": their_resnet("affine"),
    "patchgan": their_patchgan(3, "instance"),
    "pixelgan": Pixel("instance"),
    "pix2pixhd-global": their_global(6),
    "pix2pixhd-local": Local(6, 1),
    "pix2pixhd-discriminator": HDScales(),
    "pix2pixhd-encoder": their_encoder(),
}


@pytest.mark.parametrize("name", OLD)
def test_statistics_of_instance_norm_in_old_files_are_dropped(name: str, tmp_path: Path) -> None:
    network = OLD[name]
    plain = import_weights(saved(network, tmp_path / "new.pth"))
    old = import_weights(saved(with_statistics(network), tmp_path / "old.pth"))
    assert old.arguments == plain.arguments
    assert old.tensors.keys() == plain.tensors.keys()
    if name != "affine":
        assert_round_trip(tmp_path / "old.pth", STATISTICS)


@pytest.mark.parametrize("depth", ["normal", "more", "most"])
def test_spade(depth: str, tmp_path: Path) -> None:
    state = spade_state(5, 0, depth == "most")
    torch.save(state, tmp_path / "G.pth")
    if depth == "normal":
        assert len(state) == 234
    given: dict[str, Any] = {"depth": depth, "classes": 3, "boundary": True}
    network = ours(tmp_path / "G.pth", **given)
    source = torch.randint(0, 4, (1, 2, 128, 256), dtype=torch.int32)
    maps = network.get_submodule("semantics")(source)
    assert maps.shape[1] == 5  # three classes, one that is unknown, a boundary
    assert_same(network(source), spade_forward(state, maps, depth))
    assert_round_trip(tmp_path / "G.pth", **given)


def test_spade_with_style(tmp_path: Path) -> None:
    state = spade_state(4, 6, False)
    torch.save(state, tmp_path / "G.pth")
    assert import_weights(tmp_path / "G.pth").arguments["size"] == [32, 64]  # two places: one high, two wide
    network = ours(tmp_path / "G.pth", encoder_width=2)
    source, z = torch.randint(0, 4, (1, 1, 32, 64), dtype=torch.int32), torch.randn(1, 6)
    maps = network.get_submodule("semantics")(source)
    assert_same(network(source, z), spade_forward(state, maps, "normal", z))
    assert_round_trip(tmp_path / "G.pth")


def test_spade_discriminators_and_encoder(tmp_path: Path) -> None:
    state, path = spade_discriminators(), tmp_path / "D.pth"
    torch.save(state, path)
    assert len(state) == 26
    picture = torch.randn(1, 5, 64, 64)
    assert_same_logits(
        loaded(MultiScale(**import_weights(path).arguments), path), discriminated(state, picture), picture
    )
    assert_round_trip(path)

    state, path = spade_encoder(), tmp_path / "E.pth"
    torch.save(state, path)
    assert len(state) == 22
    picture = torch.randn(1, 3, 256, 256)
    encoder = loaded(StyleEncoder(**import_weights(path).arguments), path)
    for found, expected in zip(encoder(picture), encoded(state, picture), strict=True):
        torch.testing.assert_close(found, expected.float(), rtol=1e-6, atol=1e-5)
    assert_round_trip(path)


def test_every_spelling_of_spectral_norm() -> None:
    state: dict[str, Tensor] = {}
    conv_keys(state, "a.conv", 4, 3, 3)
    new = {
        "a.conv.parametrizations.weight.original": state["a.conv.weight_orig"],
        "a.conv.parametrizations.weight.0._u": state["a.conv.weight_u"],
        "a.conv.parametrizations.weight.0._v": state["a.conv.weight_v"],
        "a.conv.bias": state["a.conv.bias"],
    }
    old = {name: tensor for name, tensor in state.items() if not name.endswith("_v")}
    oldest = {name.removesuffix("_orig"): tensor for name, tensor in old.items()}
    both = old | {"a.conv.weight": torch.zeros(4, 3, 3, 3)}
    expected = spectral_names(state)
    for spelling in (new, old, oldest, both):
        found = spectral_names(spelling)
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            torch.testing.assert_close(found[name], tensor)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_srresnet(steps: int, tmp_path: Path) -> None:
    theirs = randomised(Lornatang(steps)).eval()
    compiled = {f"_orig_mod.module.{name}": tensor for name, tensor in theirs.state_dict().items()}
    path = tmp_path / "SRResNet.pth.tar"
    torch.save({"epoch": 3, "state_dict": compiled}, path)
    picture = torch.rand(1, 3, 7, 9)
    assert_same(ours(path)(picture * 2 - 1), theirs(picture) * 2 - 1, bounded=False)
    assert import_weights(path).arguments["factor"] == 2**steps
    assert_round_trip(path)


def test_networks_of_our_own_are_exported_with_what_their_cards_say() -> None:
    """A card leaves defaults away, and a network with styles holds its encoder too."""
    hd = {"classes": 5, "boundary": True, "width": 4, "blocks": 2, "features": 3, "encoder_width": 4}
    network = NETWORKS["coarse-to-fine"](**hd)
    generator = export_weights(network.state_dict(), hd, "pix2pixhd-global")
    assert generator.keys() == their_global(9).state_dict().keys()
    encoder = export_weights(network.state_dict(), {}, "pix2pixhd-encoder")
    assert encoder.keys() == their_encoder().state_dict().keys()
    small = {"width": 4, "depth": 7}
    weights = export_weights(NETWORKS["unet"](**small).state_dict(), small, "pix2pix-unet")
    assert weights.keys() == their_unet(7, "batch").state_dict().keys()


@pytest.mark.parametrize("arguments", [{"skips": False}, {"bottleneck_norm": True}, {"upsample": "resize"}])
def test_what_a_layout_has_no_place_for_is_not_exported(arguments: dict[str, Any]) -> None:
    arguments = {"width": 4, "depth": 7, **arguments}
    with pytest.raises(DiptychError, match=r"(has skips|has no place in this layout)"):
        export_weights(NETWORKS["unet"](**arguments).state_dict(), arguments, "pix2pix-unet")
