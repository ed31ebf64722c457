"""TraVelGAN against the numbers of the authors' code, and a step written out by hand."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from diptych.errors import UsageError
from diptych.losses import travel_losses
from diptych.networks.travelgan import OffsetNorm, Siamese, TravelUNet, WholeDiscriminator, halvings
from diptych.pictures.kinds import Batch, Kind
from diptych.systems import Domains
from diptych.systems.travelgan import TraVelGAN, TraVelGANOptions

TINY = TraVelGANOptions(width=4, latent=8)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def batch_of(size: int = 16, pictures: int = 3, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(*(torch.rand(pictures, 3, size, size, generator=generator) * 2 - 1 for _ in range(2)))


def test_parameter_counts_of_the_published_networks() -> None:
    """Of the authors' code for 128x128."""
    assert count(TravelUNet()) == 4_074_691
    assert count(WholeDiscriminator(3, size=(128, 128))) == 27_815_553
    assert count(Siamese(3, 3, size=(128, 128))) == 15_148_904


def test_shapes() -> None:
    assert [halvings(side, 8) for side in (16, 64, 128, 256)] == [1, 3, 4, 5]
    generator = TravelUNet(2, 5, depth=3, width=4)
    assert generator(torch.zeros(2, 2, 24, 40)).shape == (2, 5, 24, 40)
    assert WholeDiscriminator(3, size=(128, 96), width=2)(torch.zeros(2, 3, 128, 96)).shape == (2, 1)
    siamese = Siamese(3, 1, size=(64, 64), width=4, latent=10)
    assert siamese(torch.zeros(2, 3, 64, 64), "a").shape == siamese(torch.zeros(2, 1, 64, 64), "b").shape == (2, 10)
    maps: list[torch.Size] = []
    whole = WholeDiscriminator(3, size=(128, 128), width=2)
    whole.trunk.register_forward_hook(lambda module, inputs, output: maps.append(output.shape))
    whole(torch.zeros(1, 3, 128, 128).repeat(2, 1, 1, 1))
    assert maps[0][-2:] == (4, 4)


def test_the_domains_have_first_layers_of_their_own() -> None:
    siamese = Siamese(3, 3, size=(16, 16), width=4, latent=8).eval()
    picture = torch.rand(1, 3, 16, 16)
    assert not torch.equal(siamese(picture, "a"), siamese(picture, "b"))


def test_offset_norm_is_batch_norm_without_a_scale() -> None:
    ours, theirs = OffsetNorm(3), nn.BatchNorm2d(3, eps=1e-3, momentum=0.1)
    maps = torch.randn(4, 3, 5, 5)
    torch.testing.assert_close(ours(maps), theirs(maps))
    ours.eval()
    theirs.eval()
    torch.testing.assert_close(ours(maps), theirs(maps))
    assert [name for name, _ in ours.named_parameters()] == ["bias"]


def test_the_worked_example() -> None:
    """Three points, worked out by hand."""
    real = torch.tensor([[0.0, 0], [3, 4], [1, 0]])
    fake = torch.tensor([[0.0, 0], [4, 3], [0, 1]])
    found = travel_losses(real, fake, margin=10.0)
    assert [float(term) for term in found] == pytest.approx([3.0, 2.0, -0.5866667], abs=1e-6)
    by_length = travel_losses(real, fake, margin=2.0, squared=False)
    assert float(by_length.margin) == pytest.approx((2 - 1) * 2 / 6, abs=1e-5)  # one pair of three is nearer than 2


def test_a_step_written_out() -> None:
    """The loop's order: discriminators first, then generators and siamese network together."""
    torch.manual_seed(0)
    ours = TraVelGAN(TINY, Domains(Kind(), Kind(), (16, 16)))
    hand = copy.deepcopy(ours)
    descent = {
        (system, side): torch.optim.SGD(system.get_submodule(side).parameters(), lr=0.1)
        for system in (ours, hand)
        for side in system.sides
    }
    batch = batch_of()
    for losses in ours.losses(batch, 0):
        parameters = list(ours.get_submodule(losses.trains).parameters())
        sum(losses.terms.values(), torch.zeros(())).backward(inputs=parameters)
        descent[ours, losses.trains].step()
    a, b = batch
    g, d = hand.generator, hand.discriminator
    fake_b, fake_a = g["a_to_b"](a), g["b_to_a"](b)
    softplus = functional.softplus
    loss_a = 0.25 * (softplus(-d["a"](a)).mean() + softplus(d["a"](fake_a.detach())).mean())
    loss_b = 0.25 * (softplus(-d["b"](b)).mean() + softplus(d["b"](fake_b.detach())).mean())
    (loss_a + loss_b).backward()
    descent[hand, "discriminator"].step()
    total = torch.zeros(())
    terms = []
    for real, fake, home, away in ((a, fake_b, "a", "b"), (b, fake_a, "b", "a")):
        points, moved = g["siamese"](real, home), g["siamese"](fake, away)
        pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
        vectors = torch.stack([points[i] - points[j] for i, j in pairs])
        others = torch.stack([moved[i] - moved[j] for i, j in pairs])
        margin = (10 - vectors.square().sum(1)).clamp(min=0).mean()
        cosine = functional.cosine_similarity(vectors, others).mean()
        terms.append(margin + (vectors - others).square().mean() - cosine)
    total = softplus(-d["b"](fake_b)).mean() + softplus(-d["a"](fake_a)).mean() + 10 * 0.5 * (terms[0] + terms[1])
    total.backward(inputs=list(g.parameters()))
    descent[hand, "generator"].step()
    for (name, one), (_, other) in zip(ours.named_parameters(), hand.named_parameters(), strict=True):
        # A norm takes the bias before it out again: its gradient is rounding, and large where a norm stretches a lot.
        near = 1e-2 if name.endswith(".bias") else 2e-5
        torch.testing.assert_close(one, other, atol=near, rtol=1e-3, msg=name)


def test_the_margin_teaches_the_siamese_network_only() -> None:
    system = TraVelGAN(TINY, Domains(Kind(), Kind(), (16, 16)))
    _, generators = system.losses(batch_of(), 0)
    generators.terms["margin"].backward()
    assert all(p.grad is None for p in system.generator["a_to_b"].parameters())
    assert any(p.grad is not None for p in system.generator["siamese"].parameters())


def test_fresh_halves_and_batches_that_are_too_small() -> None:
    system = TraVelGAN(TraVelGANOptions(width=4, latent=8, fresh=True), Domains(Kind(), Kind(), (16, 16)))
    batch = batch_of(pictures=4)
    judged, translated = system.halves(batch)
    assert torch.equal(torch.cat([judged.source, translated.source]), batch.source)
    assert len(list(system.losses(batch, 0))) == 2
    assert (system.min_batch_size, TraVelGAN(TINY, Domains(Kind(), Kind(), (16, 16))).min_batch_size) == (4, 2)
    with pytest.raises(UsageError, match="16 or more, not 8x16"):
        TraVelGAN(TINY, Domains(Kind(), Kind(), (8, 16)))
