"""Labels on the device, instance means, styles, spectral norm, SPADE's property, dilation."""

from typing import Any

import pytest
import torch
from torch import nn

from diptych.losses import ADVERSARIES, feature_matching, kl_divergence, total_variation
from diptych.networks.blocks import downsample
from diptych.networks.coarse_to_fine import CoarseToFine
from diptych.networks.dilated import DilatedResNet, TwoHeadedDiscriminator, composited, dilated_block
from diptych.networks.semantics import Semantics, StyleBank, boundary_map, instance_means
from diptych.networks.spade import SPADE, SPADENorm
from diptych.networks.spectral import SpectralConv2d, SyncBatchNorm
from diptych.systems.parts import multi_scale

IDS = torch.tensor([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 2, 1], [2, 2, 2, 1]])
RAMP = torch.arange(16.0).view(1, 1, 4, 4)


def test_boundaries() -> None:
    expected = torch.tensor([[0, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 1], [0, 0, 1, 1]]).float()
    assert torch.equal(boundary_map(IDS[None, None])[0, 0], expected)


def test_the_pyramid_leaves_padding_out() -> None:
    assert torch.equal(downsample(RAMP)[0, 0], torch.tensor([[2.5, 4.0], [8.5, 10.0]]))


def test_numbers_become_one_hot_maps_with_unknown_and_boundary() -> None:
    source = torch.stack([IDS, IDS])[None].int()
    semantics = Semantics(classes=2, unknown=True, boundary=True)
    maps = semantics(source)
    assert maps.shape == (1, semantics.channels, 4, 4) == (1, 4, 4, 4)
    assert torch.equal(maps[0, :3].argmax(0), IDS)
    assert torch.equal(maps[0, :3].sum(0), torch.ones(4, 4))
    assert torch.equal(maps[:, 3:], boundary_map(source[:, 1:]))
    pictures = torch.randn(1, 3, 4, 4)
    assert Semantics(3)(pictures) is pictures


def test_instance_means() -> None:
    torch.manual_seed(0)
    features = torch.randn(2, 3, 4, 4)
    whole = instance_means(features, torch.zeros(2, 16, dtype=torch.int64))
    torch.testing.assert_close(whole, features.mean((2, 3), keepdim=True).expand_as(features))
    regions = IDS.flatten()[None].expand(2, -1)
    found = instance_means(features, regions)
    for number in range(3):
        inside = torch.eq(IDS, number)
        for picture in range(2):
            expected = features[picture][:, inside].mean(1)
            torch.testing.assert_close(found[picture][:, inside], expected[:, None].expand(-1, int(inside.sum())))


def test_styles_are_remembered_by_class_and_drawn_from_their_clusters() -> None:
    bank = StyleBank(3, 2, kept=6, clusters=2)
    regions = torch.arange(4).repeat_interleave(16)[None]
    classes = torch.tensor([0, 0, 1, 1]).repeat_interleave(16)[None]
    styles = torch.tensor([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0], [5.5, 5.5]])
    encoded = styles[regions[0]].T.view(1, 2, 8, 8)
    for _ in range(2):
        bank.remember(encoded, classes, regions)
    assert bank.filled.tolist() == [4, 4, 0]
    centres, count = bank.centres()
    assert count.tolist() == [2, 2, 0]
    assert sorted(centres[0, :, 0].tolist()) == [0.0, 1.0]
    assert sorted(centres[1, :, 0].tolist()) == [5.0, 5.5]
    torch.manual_seed(1)
    drawn = bank.draw(classes, regions, torch.Size((8, 8)))
    assert drawn.shape == (1, 2, 8, 8)
    assert torch.equal(instance_means(drawn, regions), drawn)  # one style an instance
    assert set(drawn[0, 0, :4].flatten().tolist()) <= {0.0, 1.0}
    assert set(drawn[0, 0, 4:].flatten().tolist()) <= {5.0, 5.5}
    chosen = bank.draw(classes, regions, torch.Size((8, 8)), {0: 1})
    assert torch.equal(chosen[0, 0, :4], centres[0, 1, 0].expand(4, 8))


def test_a_remembered_instance_must_be_large() -> None:
    bank = StyleBank(2, 1)
    regions = torch.zeros(1, 256, dtype=torch.int64)
    regions[0, :4] = 1  # a 64th exactly: too small
    classes = regions.clone()
    bank.remember(torch.ones(1, 1, 16, 16), classes, regions)
    assert bank.filled.tolist() == [1, 0]


def test_the_largest_singular_value_is_one() -> None:
    torch.manual_seed(0)
    layer = SpectralConv2d(5, 7, 3, padding=1).train()
    with torch.no_grad():
        layer.weight.mul_(9)
    for _ in range(200):
        layer(torch.zeros(1, 5, 4, 4))
    largest = torch.linalg.matrix_norm(layer.normalised().flatten(1), 2)
    assert largest.item() == pytest.approx(1, abs=1e-3)
    held = layer.weight_u.clone()
    layer.eval()(torch.zeros(1, 5, 4, 4))
    assert torch.equal(held, layer.weight_u)


def test_spectral_convolution_agrees_with_torch_s() -> None:
    torch.manual_seed(0)
    ours = SpectralConv2d(3, 4, 3, padding=1).train()
    theirs = nn.Conv2d(3, 4, 3, padding=1)
    theirs.load_state_dict({"weight": ours.weight.detach(), "bias": ours.bias.detach()})  # type: ignore[union-attr]
    wrapped = torch.nn.utils.parametrizations.spectral_norm(theirs)
    parametrisation: Any = wrapped.parametrizations.weight[0]  # type: ignore[union-attr,index]
    parametrisation._u.copy_(ours.weight_u)
    parametrisation._v.copy_(ours.weight_v)
    picture = torch.randn(2, 3, 8, 8)
    for _ in range(3):
        one, other = ours(picture), wrapped(picture)
        # torch moves u before v, the authors' version of it v before u: after some rounds both have converged.
    for _ in range(300):
        one, other = ours(picture), wrapped(picture)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_uniform_map_still_tells_its_class() -> None:
    """A norm after a convolution would remove it (SPADE, section 3)."""
    torch.manual_seed(0)
    layer = SPADENorm(4, 3, "instance", 3, 8)
    features = torch.randn(1, 4, 6, 6)
    maps = [nn.functional.one_hot(torch.tensor(k), 3).float().view(1, 3, 1, 1).expand(1, 3, 8, 8) for k in range(3)]
    outputs = [layer(features, one)[..., 2:4, 2:4] for one in maps]
    assert not torch.allclose(outputs[0], outputs[1])
    assert not torch.allclose(outputs[1], outputs[2])
    washed = nn.Sequential(nn.Conv2d(3, 4, 1), nn.InstanceNorm2d(4))
    for one in maps:
        assert washed(one).detach().abs().max() < 1e-4


def test_spade_translates_any_size_and_draws_its_style() -> None:
    torch.manual_seed(0)
    network = SPADE(classes=3, size=(64, 64), width=2, hidden=4, style=8, encoder_width=2).eval()
    source = torch.randint(0, 3, (2, 1, 96, 64), dtype=torch.int32)
    torch.manual_seed(5)
    one = network(source)
    torch.manual_seed(5)
    assert torch.equal(one, network(source))
    assert one.shape == (2, 3, 96, 64)
    torch.manual_seed(6)
    assert not torch.equal(one, network(source))
    torch.manual_seed(5)
    torch.testing.assert_close(network(source[:1]), one[:1])  # alone as among others
    mean, log_variance = network.encode(torch.randn(2, 3, 40, 50))
    assert mean.shape == log_variance.shape == (2, 8)


def test_global_part_alone_is_held_still() -> None:
    network = CoarseToFine(3, width=8, downs=2, blocks=1, enhancers=1)
    network(torch.randn(1, 3, 16, 16), frozen=True).sum().backward()
    assert all(parameter.grad is None for parameter in network.coarse.parameters())
    rest = [network.fronts, network.backs, network.head]
    assert all(parameter.grad is not None for part in rest for parameter in part.parameters())


def test_batch_norm_of_one_process_is_torch_s() -> None:
    torch.manual_seed(0)
    ours, theirs = SyncBatchNorm(3), nn.BatchNorm2d(3, affine=False)
    pictures = torch.randn(2, 3, 4, 4)
    assert torch.equal(ours(pictures), theirs(pictures))
    assert torch.equal(ours.eval()(pictures), theirs.eval()(pictures))


def test_dilated_blocks_keep_their_size_and_see_further() -> None:
    for dilation in (1, 2, 4, 8):
        block = dilated_block(1, "dilated", dilation, "none", "running")
        source = torch.zeros(1, 1, 65, 65, requires_grad=True)
        result = block(source)
        assert result.shape == source.shape
        with torch.no_grad():
            for module in block.modules():
                if isinstance(module, nn.Conv2d):
                    module.weight.fill_(1.0)
                    nn.init.ones_(module.bias)  # type: ignore[arg-type]  # it has one
        block(source)[0, 0, 32, 32].backward()
        assert source.grad is not None
        touched = source.grad[0, 0].nonzero()
        assert int(touched.max() - touched.min()) + 1 == 1 + 4 * dilation


def test_interpolated_upsampling_keeps_a_constant() -> None:
    """In the middle, away from the borders' influence."""
    torch.manual_seed(0)
    results = {}
    for way in ("resize", "transposed"):
        network = DilatedResNet(blocks=1, width=4, norm="none", upsample=way, composite=False)
        results[way] = network(torch.full((1, 4, 96, 96), 0.5))[0, :, 40:56, 40:56]
    spread = {way: float(result.detach().flatten(1).std(1).max()) for way, result in results.items()}
    assert spread["resize"] < 1e-6 < spread["transposed"]


def test_a_silent_patch_head_gets_no_gradient_and_both_reach_the_trunk() -> None:
    network = TwoHeadedDiscriminator(size=(64, 64), width=4)
    whole, patch = network(torch.randn(2, 3, 64, 64))
    assert whole.shape == (2, 1)
    for head, logits in ((network.whole, whole), (network.patch, patch)):
        network.zero_grad()
        logits.sum().backward(retain_graph=True)
        other = network.patch if head is network.whole else network.whole
        assert all(parameter.grad is None for parameter in other.parameters())
        assert all(parameter.grad is not None for parameter in network.trunk.parameters())


def test_known_pixels_are_kept() -> None:
    torch.manual_seed(0)
    source = torch.randn(1, 4, 8, 8)
    source[:, 3] = -1
    source[:, 3, 2:4] = 1
    painted = torch.zeros(1, 3, 8, 8)
    result = composited(painted, source)
    assert torch.equal(result[:, :, 2:4], painted[:, :, 2:4])
    assert torch.equal(result[:, :, 4:], source[:, :3, 4:])


def test_losses_over_scales() -> None:
    """Least squares are summed over the scales, SPADE's hinge loss is averaged."""
    x = torch.tensor([1.0, -2.0, 0.0, 3.0])
    judged = [[x], [0 * x]]
    squares, hinge = ADVERSARIES["least-squares"], ADVERSARIES["hinge"]
    zeros = [[torch.zeros(4)], [torch.zeros(4)]]
    ones = [[torch.ones(4)], [torch.ones(4)]]
    assert multi_scale.discriminator_loss(squares, judged, zeros).item() == pytest.approx(4.5)
    assert multi_scale.discriminator_loss(squares, ones, judged).item() == pytest.approx(3.5)
    far = [[torch.full((4,), -9.0)], [torch.full((4,), -9.0)]]
    near = [[torch.full((4,), 9.0)], [torch.full((4,), 9.0)]]
    assert multi_scale.discriminator_loss(hinge, judged, far).item() / 2 == pytest.approx(1.0)
    assert multi_scale.discriminator_loss(hinge, near, judged).item() / 2 == pytest.approx(1.375)
    assert multi_scale.adversarial_loss(hinge, judged).item() / 2 == pytest.approx(-0.25)
    first, second = multi_scale.split([[torch.arange(4)]], 1)
    assert first[0][0].tolist() == [0]
    assert second[0][0].tolist() == [1, 2, 3]


def test_other_losses() -> None:
    mean, log_variance = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]]).log().nan_to_num(neginf=0.0)
    assert kl_divergence(mean, log_variance).item() == pytest.approx(3.3068528)
    maps = [[torch.randn(1, 2, 3, 3), torch.randn(1, 2, 2, 2)]]
    assert feature_matching(maps, maps).item() == 0
    shifted = [[one + 1 for one in maps[0]]]
    assert feature_matching(shifted, maps).item() == pytest.approx(2)
    assert total_variation(RAMP).item() == pytest.approx(12 * 4 + 12 * 1)
