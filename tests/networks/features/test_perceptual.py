"""Perceptual losses: the network, its normalisation, its frozen weights, and the error without weights."""

from pathlib import Path

import pytest
import torch

from diptych.errors import DiptychError
from diptych.networks.features import pretrained
from diptych.networks.features.perceptual import (
    CONTENT_TAPS,
    PERCEPTUAL_TAPS,
    PerceptualNetwork,
    content_loss,
    loss_note,
    perceptual_loss,
)
from diptych.networks.features.vgg_alexnet import Tapped, vgg19
from diptych.pictures.kinds import Kind
from diptych.systems import SYSTEMS, Domains


def pictures(seed: int) -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture
def vgg(monkeypatch: pytest.MonkeyPatch) -> Tapped:
    """VGG19 with weights of its own in the place of the published ones."""
    torch.manual_seed(0)
    network = vgg19().eval().requires_grad_(False)
    monkeypatch.setattr("diptych.networks.features.perceptual.load", lambda name: network)
    return network


@pytest.mark.parametrize("name", ["efficientnet-lite0"])
def test_equal_pictures_lose_nothing_and_others_something(name: str) -> None:
    perceptual_network = PerceptualNetwork(name, normalised=False)
    fake, real = pictures(0).requires_grad_(), pictures(1)
    assert perceptual_loss(perceptual_network, real, real).item() == 0
    loss = perceptual_loss(perceptual_network, fake, real)
    loss.backward()
    assert loss.item() > 0
    assert fake.grad is not None
    assert fake.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in perceptual_network.network.parameters())
    assert content_loss(perceptual_network, "lite0-fine", real, real).item() == 0


def test_vgg19_is_tapped_where_the_papers_say(vgg: Tapped) -> None:
    """relu1_1, 2_1, 3_1, 4_1, 5_1 with 1/32 to 1; features[8] and features[35] for SRGAN."""
    perceptual_network = PerceptualNetwork("vgg19", normalised=False)
    fake, real = pictures(0), pictures(1)
    weights = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1)
    features: list[torch.nn.Module] = list(vgg.features)
    maps, indices = [], (1, 6, 11, 20, 29)
    for batch in (fake, real):
        found, values = {}, batch
        for index, layer in enumerate(features):
            values = layer(values)
            found[index] = values
        maps.append(found)
    expected = sum(weight * (maps[0][i] - maps[1][i]).abs().mean() for weight, i in zip(weights, indices, strict=True))
    torch.testing.assert_close(perceptual_loss(perceptual_network, fake, real), expected)
    assert tuple(sorted(vgg.taps)[CONTENT_TAPS[point]] for point in ("vgg22", "vgg54")) == (8, 35)
    assert [sorted(vgg.taps)[tap] for tap in PERCEPTUAL_TAPS] == list(indices)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalised = ((fake + 1) / 2 - mean[:, None, None]) / deviation[:, None, None]
    torch.testing.assert_close(PerceptualNetwork("vgg19").maps(fake)[0], vgg(normalised)[0])


def test_without_weights_training_does_not_begin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    pretrained.load.cache_clear()
    domains = Domains(Kind(colour="labels", classes=3), Kind(), (64, 64))
    system = SYSTEMS["pix2pixhd"]
    with pytest.raises(
        DiptychError,
        match=r"the weights of vgg19 \(vgg19-dcbb9e9d\.pth\) are not here.*options\.perceptual_network=efficientnet-lite0",
    ):
        system(system.Options(width=4, downs=1, blocks=1, discriminator_width=4), domains)


def test_the_network_is_named_and_no_part_of_the_run() -> None:
    domains = Domains(Kind(colour="labels", classes=3), Kind(), (64, 64))
    system = SYSTEMS["spade"]
    options = system.Options(width=2, hidden=2, discriminator_width=4, perceptual_network="efficientnet-lite0")
    built = system(options, domains)
    assert built.facts == {"perceptual loss": "efficientnet-lite0"}
    assert built.notes == (loss_note("efficientnet-lite0"),)
    assert "not the published loss" in built.notes[0]
    assert not any("_blocks" in name for name in built.state_dict())


def test_loading_a_network_draws_nothing_from_a_run_s_random_numbers() -> None:
    """The weights that a seed makes must be the same whether the network has been loaded before or not."""
    pretrained.load.cache_clear()
    drawn = []
    for _ in range(2):
        torch.manual_seed(0)
        PerceptualNetwork("efficientnet-lite0")
        drawn.append(torch.rand(()))
    assert drawn[0] == drawn[1]
