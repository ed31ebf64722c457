"""Other projects' networks, built from their published key lists with torch alone, to test importing."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

W = 4  # width of every network here


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and statistic from a generator of its own, none at its initial value."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            values = torch.randn(tensor.shape, generator=generator)
            tensor.copy_(values.abs() + 0.5 if name.endswith("running_var") else 0.3 * values)
    return network


def with_statistics(network: nn.Module) -> nn.Module:
    """The same with the unused statistics that torch before 0.4 kept for instance norm."""
    for module in network.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.register_buffer("running_mean", torch.randn(module.num_features))
            module.register_buffer("running_var", torch.rand(module.num_features) + 0.5)
    return network


# junyanz


class Level(nn.Module):
    """A level of the U-Net: the inner levels are between its convolutions, and their output follows the skip."""

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
    """A network under the name ``model``, as in that project."""

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


def their_resnet(form: str = "plain", width: int = W, blocks: int = 2) -> nn.Module:
    norms: dict[str, Callable[[int], nn.Module]] = {
        "batch": nn.BatchNorm2d,
        "affine": lambda channels: nn.InstanceNorm2d(channels, affine=True),
    }
    norm, bias = norms.get(form, nn.InstanceNorm2d), form != "batch"
    name = "block" if form == "affine" else "conv_block"
    layers = hourglass(3, 2, blocks, norm, bias, form in ("batch", "dropout"), name, width)
    return Wrapped(nn.Sequential(*layers, *tail(width)))


def their_patchgan(layers: int, norm: str) -> nn.Module:
    normal: Callable[[int], nn.Module] = nn.BatchNorm2d if norm == "batch" else nn.InstanceNorm2d
    stack: list[nn.Module] = [nn.Conv2d(6, W, 4, 2, 1), nn.LeakyReLU(0.2)]
    channels = W
    for number in range(1, layers + 1):
        out = W * min(2**number, 8)
        convolution = nn.Conv2d(channels, out, 4, 2 if number < layers else 1, 1, bias=norm == "instance")
        stack += [convolution, normal(out), nn.LeakyReLU(0.2)]
        channels = out
    return Wrapped(nn.Sequential(*stack, nn.Conv2d(channels, 1, 4, 1, 1)))


class Pixel(nn.Module):
    def __init__(self, norm: str) -> None:
        super().__init__()
        bias = norm == "instance"
        normal = nn.InstanceNorm2d(2 * W) if bias else nn.BatchNorm2d(2 * W)
        layers: list[nn.Module] = [nn.Conv2d(6, W, 1), nn.LeakyReLU(0.2), nn.Conv2d(W, 2 * W, 1, bias=bias), normal]
        self.net = nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.Conv2d(2 * W, 1, 1, bias=bias))

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.net(pictures)
        return logits


# pix2pixHD


class Local(nn.Module):
    """Enhancers over a global generator without its last three layers, each half as wide as the one before."""

    def __init__(self, channels_in: int, enhancers: int) -> None:
        super().__init__()
        self.enhancers = enhancers
        self.model = nn.Sequential(*hourglass(channels_in, 3, 2))
        for number in range(1, enhancers + 1):
            fine = W // 2**number
            front = hourglass(channels_in, 0, 0, width=fine)
            front += [nn.Conv2d(fine, 2 * fine, 3, 2, 1), nn.InstanceNorm2d(2 * fine), nn.ReLU()]
            back: list[nn.Module] = [
                their_block(2 * fine, nn.InstanceNorm2d, True, False, "conv_block") for _ in range(3)
            ]
            back += [nn.ConvTranspose2d(2 * fine, fine, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(fine), nn.ReLU()]
            back += tail(fine) if number == enhancers else []
            self.add_module(f"model{number}_1", nn.Sequential(*front))
            self.add_module(f"model{number}_2", nn.Sequential(*back))

    def forward(self, maps: Tensor) -> Tensor:
        pyramid = [maps]
        for _ in range(self.enhancers):
            pyramid.append(functional.avg_pool2d(pyramid[-1], 3, 2, 1, count_include_pad=False))
        result: Tensor = self.model(pyramid.pop())
        for number in range(1, self.enhancers + 1):
            fine = self.get_submodule(f"model{number}_1")(pyramid.pop())
            result = self.get_submodule(f"model{number}_2")(fine + result)
        return result


def their_global(channels_in: int) -> nn.Module:
    return Wrapped(nn.Sequential(*hourglass(channels_in, 4, 2), *tail(W)))


def their_encoder(features: int = 3) -> nn.Module:
    return Wrapped(nn.Sequential(*hourglass(3, 4, 0), *tail(W, features)))


class HDScales(nn.Module):
    """The last scale is the full resolution."""

    def __init__(self) -> None:
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
