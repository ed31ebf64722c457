"""Other projects' layouts, built here from the key lists of SYSTEMS with torch alone, against what comes of importing them."""

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from diptych import DiptychError, Translator, UsageError
from diptych.cli import call
from diptych.networks import NetworkSpec, PatchGAN
from diptych.networks.coarse_to_fine import Encoder
from diptych.networks.discriminators import MultiScale
from diptych.networks.spade import StyleEncoder
from diptych.released import LAYOUTS, exported, imported, opened, recognised
from diptych.released.layout import spectral_names

W = 4  # width of every network here


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and statistic from a generator of its own, none at its initial value."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            values = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(values.abs() + 0.5 if name.endswith("running_var") else 0.3 * values)
    return network


# junyanz


class Level(nn.Module):
    """A level of the U-Net: what is inside stands between going down and up again, and is put after the skip."""

    def __init__(
        self, outer: int, inner: int, submodule: nn.Module | None, channels_in: int, norm: str, outermost: bool
    ) -> None:
        super().__init__()
        bias = norm == "instance"
        normal: Callable[[int], nn.Module] = nn.InstanceNorm2d if bias else nn.BatchNorm2d
        down = nn.Conv2d(channels_in, inner, 4, 2, 1, bias=bias)
        self.outermost = outermost
        if outermost:
            up = nn.ConvTranspose2d(2 * inner, outer, 4, 2, 1)
            layers = [down, submodule, nn.ReLU(), up, nn.Tanh()]
        elif submodule is None:
            up = nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=bias)
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, normal(outer)]
        else:
            up = nn.ConvTranspose2d(2 * inner, outer, 4, 2, 1, bias=bias)
            layers = [nn.LeakyReLU(0.2), down, normal(inner), submodule, nn.ReLU(), up, normal(outer)]
        self.model = nn.Sequential(*layers)  # type: ignore[arg-type]  # none is None here

    def forward(self, maps: Tensor) -> Tensor:
        inside: Tensor = self.model(maps)
        return inside if self.outermost else torch.cat([maps, inside], 1)


class Wrapped(nn.Module):
    """Under the name ``model``, as that project's networks are."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = self.model(maps)
        return result


def their_unet(depth: int, norm: str) -> nn.Module:
    channels = [W * min(2**level, 8) for level in range(depth)]
    inside: nn.Module | None = None
    for level in range(depth - 1, 0, -1):
        inside = Level(channels[level - 1], channels[level], inside, channels[level - 1], norm, False)
    return Wrapped(Level(2, channels[0], inside, 3, norm, True))


class Sum(nn.Module):
    def __init__(self, name: str, layers: list[nn.Module]) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, nn.Sequential(*layers))

    def forward(self, maps: Tensor) -> Tensor:
        total: Tensor = maps + self.get_submodule(self.name)(maps)
        return total


def their_block(channels: int, norm: Callable[[int], nn.Module], bias: bool, dropout: bool, name: str) -> Sum:
    def part() -> list[nn.Module]:
        return [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=bias), norm(channels)]

    return Sum(name, [*part(), nn.ReLU(), *([nn.Dropout(0.5)] if dropout else []), *part()])


def hourglass(
    channels_in: int,
    downs: int,
    blocks: int,
    norm: Callable[[int], nn.Module] = nn.InstanceNorm2d,
    bias: bool = True,
    dropout: bool = False,
    name: str = "conv_block",
    width: int = W,
) -> list[nn.Module]:
    layers: list[nn.Module] = [
        nn.ReflectionPad2d(3),
        nn.Conv2d(channels_in, width, 7, bias=bias),
        norm(width),
        nn.ReLU(),
    ]
    for level in range(downs):
        c = width * 2**level
        layers += [nn.Conv2d(c, 2 * c, 3, 2, 1, bias=bias), norm(2 * c), nn.ReLU()]
    layers += [their_block(width * 2**downs, norm, bias, dropout, name) for _ in range(blocks)]
    for level in reversed(range(downs)):
        c = width * 2**level
        layers += [nn.ConvTranspose2d(2 * c, c, 3, 2, 1, output_padding=1, bias=bias), norm(c), nn.ReLU()]
    return layers


def tail(channels: int, out: int = 3) -> list[nn.Module]:
    return [nn.ReflectionPad2d(3), nn.Conv2d(channels, out, 7), nn.Tanh()]


def their_resnet(form: str) -> nn.Module:
    norms: dict[str, Callable[[int], nn.Module]] = {
        "batch": nn.BatchNorm2d,
        "affine": lambda channels: nn.InstanceNorm2d(channels, affine=True),
        "old": lambda channels: nn.InstanceNorm2d(channels, track_running_stats=True),
    }
    norm, bias = norms.get(form, nn.InstanceNorm2d), form != "batch"
    name = "block" if form == "affine" else "conv_block"
    return Wrapped(nn.Sequential(*hourglass(3, 2, 2, norm, bias, form == "batch", name), *tail(W)))


def saved(network: nn.Module, path: Path) -> Path:
    torch.save(network.state_dict(), path)
    return path


def ours(path: Path, **given: Any) -> nn.Module:
    """Imported, with the layout recognised."""
    found = imported(path, "", given)
    network = NetworkSpec(found.layout.network, found.arguments).build()
    network.load_state_dict({**network.state_dict(), **found.tensors})
    return network.eval()


def assert_round_trip(path: Path, dropped: tuple[str, ...] = (), **given: Any) -> None:
    found = imported(path, "", given)
    back = exported(found.tensors, found.arguments, found.layout.name)
    expected = {name: t for name, t in opened(path).items() if not name.endswith(dropped or ("\0",))}
    assert back.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(back[name], tensor)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("depth", [7, 8])
def test_unet(norm: str, depth: int, tmp_path: Path) -> None:
    theirs = randomised(their_unet(depth, norm)).eval()
    path = saved(theirs, tmp_path / "latest_net_G.pth")
    network = ours(path, dropout_at_test=False, statistics="running")
    picture = torch.randn(1, 3, 2**depth * 2, 2**depth)
    torch.testing.assert_close(network(picture), theirs(picture), rtol=1e-4, atol=1e-5)
    assert_round_trip(path)
    assert imported(path).arguments["dropout"] == [2, 3, 4]
    if norm == "batch" and depth == 8:
        assert len(opened(path)) == 82


@pytest.mark.parametrize("form", ["plain", "batch", "affine", "old"])
def test_resnet(form: str, tmp_path: Path) -> None:
    theirs = randomised(their_resnet(form))
    path = saved(theirs, tmp_path / "G.pth")
    if form == "old":  # which today's code no longer makes; the statistics were never used
        theirs = Wrapped(nn.Sequential(*hourglass(3, 2, 2), *tail(W)))
        theirs.load_state_dict({k: v for k, v in opened(path).items() if "running" not in k and "tracked" not in k})
    network = ours(path, dropout_at_test=False, statistics="running")
    picture = torch.randn(2, 3, 24, 20)
    torch.testing.assert_close(network(picture), theirs.eval()(picture), rtol=1e-4, atol=1e-5)
    if form in ("plain", "batch"):
        assert_round_trip(path)


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("layers", [1, 3, 5])
def test_patchgan(norm: str, layers: int, tmp_path: Path) -> None:
    normal: Callable[[int], nn.Module] = nn.BatchNorm2d if norm == "batch" else nn.InstanceNorm2d
    stack: list[nn.Module] = [nn.Conv2d(6, W, 4, 2, 1), nn.LeakyReLU(0.2)]
    channels = W
    for number in range(1, layers + 1):
        out = W * min(2**number, 8)
        convolution = nn.Conv2d(channels, out, 4, 2 if number < layers else 1, 1, bias=norm == "instance")
        stack += [convolution, normal(out), nn.LeakyReLU(0.2)]
        channels = out
    theirs = randomised(Wrapped(nn.Sequential(*stack, nn.Conv2d(channels, 1, 4, 1, 1)))).eval()
    found = imported(saved(theirs, tmp_path / "D.pth"))
    network = PatchGAN(**found.arguments).eval()
    network.load_state_dict(found.tensors)
    picture = torch.randn(1, 6, 128, 128)
    torch.testing.assert_close(network(picture), theirs(picture), rtol=1e-4, atol=1e-5)
    assert_round_trip(tmp_path / "D.pth")


def test_pixelgan(tmp_path: Path) -> None:
    class Pixel(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            norm = nn.BatchNorm2d(2 * W)
            convolutions = nn.Conv2d(6, W, 1), nn.Conv2d(W, 2 * W, 1, bias=False), nn.Conv2d(2 * W, 1, 1, bias=False)
            first, second, third = convolutions
            self.net = nn.Sequential(first, nn.LeakyReLU(0.2), second, norm, nn.LeakyReLU(0.2), third)

    theirs = randomised(Pixel()).eval()
    found = imported(saved(theirs, tmp_path / "D.pth"))
    network = PatchGAN(**found.arguments).eval()
    network.load_state_dict(found.tensors)
    picture = torch.randn(1, 6, 9, 9)
    torch.testing.assert_close(network(picture), theirs.get_submodule("net")(picture))
    assert_round_trip(tmp_path / "D.pth")


# pix2pixHD


class Local(nn.Module):
    """One enhancer over a global generator without its last three layers."""

    def __init__(self, channels_in: int) -> None:
        super().__init__()
        fine = W // 2
        self.model = nn.Sequential(*hourglass(channels_in, 3, 2))
        front: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(channels_in, fine, 7),
            nn.InstanceNorm2d(fine),
            nn.ReLU(),
        ]
        self.model1_1 = nn.Sequential(*front, nn.Conv2d(fine, W, 3, 2, 1), nn.InstanceNorm2d(W), nn.ReLU())
        back = [their_block(W, nn.InstanceNorm2d, True, False, "conv_block") for _ in range(3)]
        up: list[nn.Module] = [
            nn.ConvTranspose2d(W, fine, 3, 2, 1, output_padding=1),
            nn.InstanceNorm2d(fine),
            nn.ReLU(),
        ]
        self.model1_2 = nn.Sequential(*back, *up, *tail(fine))

    def forward(self, maps: Tensor) -> Tensor:
        small = functional.avg_pool2d(maps, 3, 2, 1, count_include_pad=False)
        result: Tensor = self.model1_2(self.model1_1(maps) + self.model(small))
        return result


@pytest.mark.parametrize("local", [False, True])
def test_pix2pixhd(local: bool, tmp_path: Path) -> None:
    theirs = Local(6) if local else Wrapped(nn.Sequential(*hourglass(6, 4, 2), *tail(W)))
    path = saved(randomised(theirs), tmp_path / "G.pth")
    network = ours(path)
    source = torch.randint(0, 5, (1, 2, 32, 48), dtype=torch.int32)
    maps = network.get_submodule("semantics")(source)  # five classes and a boundary, unless told otherwise
    torch.testing.assert_close(network(source), theirs(maps), rtol=1e-3, atol=1e-4)
    assert_round_trip(path)
    assert imported(path, "", {"classes": 6, "boundary": False}).arguments["boundary"] is False
    with pytest.raises(DiptychError, match="9 classes and a boundary do not make that up"):
        imported(path, "", {"classes": 9})


class HDScales(nn.Module):
    """The last scale is the full resolution."""

    def __init__(self, spectral: bool) -> None:
        super().__init__()
        self.count = 2
        for scale in range(2):
            channels = 5
            for layer, (out, stride) in enumerate([(W, 2), (2 * W, 2), (4 * W, 2), (8 * W, 1), (1, 1)]):
                parts: list[nn.Module] = [nn.Conv2d(channels, out, 4, stride, 2)]
                parts += [nn.InstanceNorm2d(out)] if 0 < layer < 4 else []
                parts += [nn.LeakyReLU(0.2)] if layer < 4 else []
                self.add_module(f"scale{scale}_layer{layer}", nn.Sequential(*parts))
                channels = out

    def forward(self, maps: Tensor) -> list[Tensor]:
        found = []
        for number in range(self.count):
            held = maps
            for layer in range(5):
                held = self.get_submodule(f"scale{self.count - 1 - number}_layer{layer}")(held)
            found.append(held)
            maps = functional.avg_pool2d(maps, 3, 2, 1, count_include_pad=False)
        return found


def assert_same_logits(network: MultiScale, expected: list[Tensor], picture: Tensor) -> None:
    for judged, other in zip(network(picture), expected, strict=True):
        torch.testing.assert_close(judged[-1], other, rtol=1e-4, atol=1e-5)


def test_pix2pixhd_discriminators(tmp_path: Path) -> None:
    theirs = randomised(HDScales(spectral=False))
    path = saved(theirs, tmp_path / "D.pth")
    found = imported(path)
    network = MultiScale(**found.arguments)
    network.load_state_dict(found.tensors)
    picture = torch.randn(1, 5, 64, 64)
    assert_same_logits(network, theirs(picture), picture)
    assert_round_trip(path)
    flat = {}  # as written without feature matching
    for name, tensor in theirs.state_dict().items():
        scale, layer = int(name[5]), int(name.split("layer")[1][0])
        flat[f"layer{scale}.{max(3 * layer - 1, 0)}.{name.rpartition('.')[2]}"] = tensor
    torch.save(flat, tmp_path / "flat.pth")
    again = imported(tmp_path / "flat.pth")
    assert again.arguments == found.arguments
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in found.tensors.items())


def test_pix2pixhd_encoder(tmp_path: Path) -> None:
    theirs = randomised(Wrapped(nn.Sequential(*hourglass(3, 4, 0), *tail(W))))
    found = imported(saved(theirs, tmp_path / "E.pth"))
    network = Encoder(3, found.arguments["features"], W, "instance", "transposed")
    network.load_state_dict(found.tensors)
    picture = torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(network.layers(picture), theirs(picture), rtol=1e-4, atol=1e-5)
    assert_round_trip(tmp_path / "E.pth")


# SPADE


def normed(state: dict[str, Tensor], name: str) -> Tensor:
    """A weight over its largest singular value by the stored vectors."""
    weight = state[f"{name}.weight_orig"]
    return weight / torch.dot(state[f"{name}.weight_u"], weight.flatten(1) @ state[f"{name}.weight_v"])


def conv_keys(
    state: dict[str, Tensor], name: str, out: int, into: int, side: int, bias: bool = True, spectral: bool = True
) -> None:
    weight = 0.2 * torch.randn(out, into, side, side)
    state[f"{name}.weight{'_orig' if spectral else ''}"] = weight
    if bias:
        state[f"{name}.bias"] = torch.randn(out)
    if spectral:
        u = functional.normalize(torch.randn(out), dim=0)
        state[f"{name}.weight_u"], state[f"{name}.weight_v"] = u, functional.normalize(weight.flatten(1).mT @ u, dim=0)


def norm_keys(state: dict[str, Tensor], name: str, channels: int, maps: int) -> None:
    state[f"{name}.param_free_norm.running_mean"] = torch.randn(channels)
    state[f"{name}.param_free_norm.running_var"] = torch.rand(channels) + 0.5
    state[f"{name}.param_free_norm.num_batches_tracked"] = torch.tensor(7)
    for part, (out, into) in {"mlp_shared.0": (5, maps), "mlp_gamma": (channels, 5), "mlp_beta": (channels, 5)}.items():
        conv_keys(state, f"{name}.{part}", out, into, 3, spectral=False)


BLOCKS = ["head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3", "up_4"]


def spade_state(maps: int, style: int, most: bool) -> dict[str, Tensor]:
    torch.manual_seed(0)
    nf = 2 * W
    widths = [16 * nf, 16 * nf, 16 * nf, 16 * nf, 8 * nf, 4 * nf, 2 * nf, nf, *([nf // 2] if most else [])]
    state: dict[str, Tensor] = {}
    if style:
        state["fc.weight"], state["fc.bias"] = torch.randn(16 * nf * 2, style), torch.randn(16 * nf * 2)
    else:
        conv_keys(state, "fc", 16 * nf, maps, 3, spectral=False)
    for name, into, out in zip(BLOCKS, widths, widths[1:], strict=False):
        middle = min(into, out)
        conv_keys(state, f"{name}.conv_0", middle, into, 3)
        conv_keys(state, f"{name}.conv_1", out, middle, 3)
        norm_keys(state, f"{name}.norm_0", into, maps)
        norm_keys(state, f"{name}.norm_1", middle, maps)
        if into != out:
            conv_keys(state, f"{name}.conv_s", out, into, 1, bias=False)
            norm_keys(state, f"{name}.norm_s", into, maps)
    conv_keys(state, "conv_img", 3, widths[-1], 3, spectral=False)
    return state


def spade_layer(state: dict[str, Tensor], name: str, features: Tensor, maps: Tensor) -> Tensor:
    free = f"{name}.param_free_norm"
    plain = functional.batch_norm(features, state[f"{free}.running_mean"], state[f"{free}.running_var"])
    near = functional.interpolate(maps, features.shape[2:], mode="nearest")
    values = {}
    shared = functional.relu(
        functional.conv2d(near, state[f"{name}.mlp_shared.0.weight"], state[f"{name}.mlp_shared.0.bias"], padding=1)
    )
    for part in ("gamma", "beta"):
        values[part] = functional.conv2d(
            shared, state[f"{name}.mlp_{part}.weight"], state[f"{name}.mlp_{part}.bias"], padding=1
        )
    return plain * (1 + values["gamma"]) + values["beta"]


def spade_forward(state: dict[str, Tensor], maps: Tensor, depth: str, z: Tensor | None = None) -> Tensor:
    """Written out from the description of the authors' generator."""
    ups = {"normal": 5, "more": 6, "most": 7}[depth]
    small = (maps.shape[2] // 2**ups, maps.shape[3] // 2**ups)
    if z is None:
        held = functional.conv2d(functional.interpolate(maps, small), state["fc.weight"], state["fc.bias"], padding=1)
    else:
        held = functional.linear(z, state["fc.weight"], state["fc.bias"]).view(len(z), -1, *small)

    def block(name: str, x: Tensor) -> Tensor:
        direct = x
        if f"{name}.conv_s.weight_orig" in state:
            direct = functional.conv2d(spade_layer(state, f"{name}.norm_s", x, maps), normed(state, f"{name}.conv_s"))
        for part in (0, 1):
            x = functional.leaky_relu(spade_layer(state, f"{name}.norm_{part}", x, maps), 0.2)
            x = functional.conv2d(x, normed(state, f"{name}.conv_{part}"), state[f"{name}.conv_{part}.bias"], padding=1)
        return direct + x

    twice = nn.Upsample(scale_factor=2)
    held = twice(block("head_0", held))
    held = block("G_middle_0", held)
    held = twice(held) if depth != "normal" else held
    held = block("G_middle_1", held)
    for name in BLOCKS[3:7]:
        held = block(name, twice(held))
    held = block("up_4", twice(held)) if depth == "most" else held
    held = functional.leaky_relu(held, 0.2)
    return torch.tanh(functional.conv2d(held, state["conv_img.weight"], state["conv_img.bias"], padding=1))


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
    torch.testing.assert_close(network(source), spade_forward(state, maps, depth), rtol=1e-3, atol=1e-4)
    assert_round_trip(tmp_path / "G.pth", **given)


def test_spade_with_style(tmp_path: Path) -> None:
    state = spade_state(4, 6, False)
    torch.save(state, tmp_path / "G.pth")
    found = imported(tmp_path / "G.pth")
    assert found.arguments["size"] == [32, 64]  # two places: one high, two wide
    network = NetworkSpec("spade", found.arguments | {"encoder_width": 2}).build()
    network.load_state_dict({**network.state_dict(), **found.tensors})
    source, z = torch.randint(0, 4, (1, 1, 32, 64), dtype=torch.int32), torch.randn(1, 6)
    maps = network.get_submodule("semantics")(source)
    torch.testing.assert_close(network.eval()(source, z), spade_forward(state, maps, "normal", z), rtol=1e-3, atol=1e-4)


def test_spade_discriminators_and_encoder(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state: dict[str, Tensor] = {}
    for scale in (0, 1):
        into = 5
        for layer, out in enumerate((W, 2 * W, 4 * W, 8 * W, 1)):
            inner = 0 < layer < 4
            name = f"discriminator_{scale}.model{layer}.0" + (".0" if inner else "")
            conv_keys(state, name, out, into, 4, bias=not inner, spectral=inner)
            into = out
    torch.save(state, tmp_path / "D.pth")
    assert len(state) == 26
    found = imported(tmp_path / "D.pth")
    network = MultiScale(**found.arguments).eval()
    network.load_state_dict(found.tensors)
    picture = torch.randn(1, 5, 64, 64)
    expected, seen = [], picture
    for scale in (0, 1):
        held = seen
        for layer in range(5):
            name, stride = f"discriminator_{scale}.model{layer}.0", 2 if layer < 3 else 1
            if 0 < layer < 4:
                held = functional.instance_norm(functional.conv2d(held, normed(state, f"{name}.0"), None, stride, 2))
            else:
                held = functional.conv2d(held, state[f"{name}.weight"], state[f"{name}.bias"], stride, 2)
            held = functional.leaky_relu(held, 0.2) if layer < 4 else held
        expected.append(held)
        seen = functional.avg_pool2d(seen, 3, 2, 1, count_include_pad=False)
    assert_same_logits(network, expected, picture)
    assert_round_trip(tmp_path / "D.pth")

    state, into = {}, 3
    for layer, factor in enumerate((1, 2, 4, 8, 8, 8), start=1):
        conv_keys(state, f"layer{layer}.0", factor * W, into, 3, bias=False)
        into = factor * W
    for head in ("fc_mu", "fc_var"):
        state[f"{head}.weight"], state[f"{head}.bias"] = torch.randn(6, 16 * into), torch.randn(6)
    torch.save(state, tmp_path / "E.pth")
    assert len(state) == 22
    found = imported(tmp_path / "E.pth")
    encoder = StyleEncoder(**found.arguments).eval()
    encoder.load_state_dict(found.tensors)
    held = functional.interpolate(
        torch.randn(1, 3, 40, 60, generator=torch.Generator().manual_seed(1)), (256, 256), mode="bilinear"
    )
    picture = held
    for layer in range(1, 7):
        held = functional.instance_norm(functional.conv2d(held, normed(state, f"layer{layer}.0"), None, 2, 1))
        held = functional.leaky_relu(held, 0.2)
    mean = functional.linear(held.flatten(1), state["fc_mu.weight"], state["fc_mu.bias"])
    torch.testing.assert_close(encoder(picture)[0], mean, rtol=1e-3, atol=1e-4)
    assert_round_trip(tmp_path / "E.pth")


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


# SRResNet


class RCB(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        first, second = (nn.Conv2d(W, W, 3, 1, 1, bias=False) for _ in range(2))
        self.rcb = nn.Sequential(first, nn.BatchNorm2d(W), nn.PReLU(), second, nn.BatchNorm2d(W))

    def forward(self, maps: Tensor) -> Tensor:
        total: Tensor = maps + self.rcb(maps)
        return total


class Enlarge(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.upsample_block = nn.Sequential(nn.Conv2d(W, 4 * W, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU())

    def forward(self, maps: Tensor) -> Tensor:
        large: Tensor = self.upsample_block(maps)
        return large


class Lornatang(nn.Module):
    def __init__(self, steps: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, W, 9, 1, 4), nn.PReLU())
        self.trunk = nn.Sequential(RCB(), RCB())
        self.conv2 = nn.Sequential(nn.Conv2d(W, W, 3, 1, 1, bias=False), nn.BatchNorm2d(W))
        self.upsampling = nn.Sequential(*[Enlarge() for _ in range(steps)])
        self.conv3 = nn.Conv2d(W, 3, 9, 1, 4)

    def forward(self, picture: Tensor) -> Tensor:
        first = self.conv1(picture)
        large: Tensor = self.conv3(self.upsampling(first + self.conv2(self.trunk(first))))
        return large


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_srresnet(steps: int, tmp_path: Path) -> None:
    theirs = randomised(Lornatang(steps)).eval()
    compiled = {f"_orig_mod.{name}": tensor for name, tensor in theirs.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": compiled}, tmp_path / "SRResNet.pth.tar")
    network = ours(tmp_path / "SRResNet.pth.tar")
    picture = torch.rand(1, 3, 7, 9)
    torch.testing.assert_close(network(picture * 2 - 1), theirs(picture) * 2 - 1, rtol=1e-3, atol=1e-4)
    assert imported(tmp_path / "SRResNet.pth.tar").arguments["factor"] == 2**steps
    assert_round_trip(tmp_path / "SRResNet.pth.tar")


# The command, and what it refuses


def test_the_command_makes_a_model_that_translates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(randomised(their_resnet("old")), tmp_path / "horse_net_G.pth")
    out = tmp_path / "model"
    assert call(["import", str(path), "--out", str(out)]) == 0
    assert "is the ResNet generator of PyTorch CycleGAN and pix2pix" in capsys.readouterr().out
    picture = np.random.default_rng(0).integers(0, 256, (33, 41, 3)).astype(np.uint8)
    assert Translator.load(out)(picture).shape == (33, 41, 3)
    assert call(["import", str(path), "--out", str(out)]) == 1
    assert "is not empty" in capsys.readouterr().err


def test_a_label_model_with_its_encoder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(spade_state(4, 6, False), tmp_path / "G.pth")
    state: dict[str, Tensor] = {}
    into = 3
    for layer, factor in enumerate((1, 2, 4, 8, 8, 8), start=1):
        conv_keys(state, f"layer{layer}.0", factor * W, into, 3, bias=False)
        into = factor * W
    for head in ("fc_mu", "fc_var"):
        state[f"{head}.weight"], state[f"{head}.bias"] = torch.randn(6, 16 * into), torch.randn(6)
    torch.save(state, tmp_path / "E.pth")
    words = ["import", str(tmp_path / "G.pth"), "--out", str(tmp_path / "model")]
    assert call(words) == 1
    assert "give that file too, with --encoder" in capsys.readouterr().err
    assert call([*words, "--encoder", str(tmp_path / "E.pth")]) == 0
    translator = Translator.load(tmp_path / "model")
    ids = np.zeros((32, 64), np.uint8)
    assert (translator(ids, style=1) != translator(ids, style=2)).any()
    assert call(["import", str(tmp_path / "E.pth"), "--out", str(tmp_path / "other")]) == 1
    assert "which translates nothing" in capsys.readouterr().err


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("code was run",)


def test_what_wants_to_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Evil()))
    for name in ("evil.pth", "old.pth"):
        with pytest.raises(DiptychError, match=r"(would have to run code|is no checkpoint)"):
            opened(tmp_path / name)
    assert "code was run" not in capsys.readouterr().out


def test_other_files_are_refused_in_words(tmp_path: Path) -> None:
    path = saved(their_resnet("plain"), tmp_path / "G.pth")
    (tmp_path / "half.pth").write_bytes(path.read_bytes()[:2000])
    (tmp_path / "text.pth").write_text("not weights")
    (tmp_path / "empty.pth").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("a.txt", "b")
    for name in ("half.pth", "text.pth", "empty.pth", "zip.pth"):
        with pytest.raises(DiptychError, match=name):
            opened(tmp_path / name)
    with pytest.raises(DiptychError, match="is not there"):
        opened(tmp_path / "none.pth")
    torch.save({"a": 1}, tmp_path / "odd.pth")
    with pytest.raises(DiptychError, match="no table of tensors"):
        opened(tmp_path / "odd.pth")
    torch.save({"a.weight": torch.zeros(1)}, tmp_path / "strange.pth")
    with pytest.raises(DiptychError, match="say which with --as"):
        imported(tmp_path / "strange.pth")
    with pytest.raises(UsageError, match=r'did you mean "patchgan"'):
        imported(tmp_path / "strange.pth", "patchgam")
    for layout in LAYOUTS:
        with pytest.raises(DiptychError):
            imported(tmp_path / "strange.pth", layout)


def test_layouts_are_told_apart(tmp_path: Path) -> None:
    files = {
        "pix2pix-unet": their_unet(7, "batch"),
        "cyclegan-resnet": their_resnet("plain"),
        "pix2pixhd-global": Wrapped(nn.Sequential(*hourglass(6, 4, 2), *tail(W))),
        "pix2pixhd-local": Local(6),
        "pix2pixhd-discriminator": HDScales(False),
        "pix2pixhd-encoder": Wrapped(nn.Sequential(*hourglass(3, 4, 0), *tail(W))),
        "srresnet": Lornatang(2),
    }
    for name, network in files.items():
        assert recognised(network.state_dict()).name == name


def real_file() -> Path | None:
    """The trained generator inside the package vintagify, where it is installed."""
    import importlib.util

    spec = importlib.util.find_spec("vintagify")
    places = spec.submodule_search_locations if spec is not None else None
    files = [Path(place) / "resources" / "G_A2B_epoch33.pth" for place in places or []]
    return next((file for file in files if file.is_file()), None)


@pytest.mark.skipif(real_file() is None, reason="the package vintagify, whose generator this imports, is not installed")
def test_a_real_file(tmp_path: Path) -> None:
    path = real_file()
    assert path is not None
    assert call(["import", str(path), "--out", str(tmp_path / "model")]) == 0
    grey = Image.new("RGB", (64, 64), (120, 130, 140))
    assert Translator.load(tmp_path / "model")(grey).size == (64, 64)
