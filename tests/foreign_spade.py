"""SPADE's networks: random tensors under their published names, and their computation in plain functions."""

import torch
from foreign import W
from torch import Tensor, nn
from torch.nn import functional


def normed(state: dict[str, Tensor], name: str) -> Tensor:
    """A weight divided by its largest singular value, from the stored vectors."""
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


CALM = 0.0003
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
    state["conv_img.weight"] *= CALM  # or else every pixel would be -1 or 1, and nothing compared
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


def spade_discriminators() -> dict[str, Tensor]:
    torch.manual_seed(0)
    state: dict[str, Tensor] = {}
    for scale in (0, 1):
        into = 5
        for layer, out in enumerate((W, 2 * W, 4 * W, 8 * W, 1)):
            inner = 0 < layer < 4
            name = f"discriminator_{scale}.model{layer}.0" + (".0" if inner else "")
            conv_keys(state, name, out, into, 4, bias=not inner, spectral=inner)
            into = out
    return state


def discriminated(state: dict[str, Tensor], seen: Tensor) -> list[Tensor]:
    """The logits of both scales; the first is the full resolution."""
    found = []
    for scale in (0, 1):
        held = seen
        for layer in range(5):
            name, stride = f"discriminator_{scale}.model{layer}.0", 2 if layer < 3 else 1
            if 0 < layer < 4:
                held = functional.instance_norm(functional.conv2d(held, normed(state, f"{name}.0"), None, stride, 2))
            else:
                held = functional.conv2d(held, state[f"{name}.weight"], state[f"{name}.bias"], stride, 2)
            held = functional.leaky_relu(held, 0.2) if layer < 4 else held
        found.append(held)
        seen = functional.avg_pool2d(seen, 3, 2, 1, count_include_pad=False)
    return found


def spade_encoder() -> dict[str, Tensor]:
    torch.manual_seed(0)
    state: dict[str, Tensor] = {}
    into = 3
    for layer, factor in enumerate((1, 2, 4, 8, 8, 8), start=1):
        conv_keys(state, f"layer{layer}.0", factor * W, into, 3, bias=False)
        into = factor * W
    for head in ("fc_mu", "fc_var"):
        state[f"{head}.weight"], state[f"{head}.bias"] = torch.randn(6, 16 * into), torch.randn(6)
    return state


def encoded(state: dict[str, Tensor], picture: Tensor) -> list[Tensor]:
    """Mean and log-variance of a picture of 256 x 256."""
    for layer in range(1, 7):
        picture = functional.instance_norm(functional.conv2d(picture, normed(state, f"layer{layer}.0"), None, 2, 1))
        picture = functional.leaky_relu(picture, 0.2)
    heads = ("fc_mu", "fc_var")
    return [functional.linear(picture.flatten(1), state[f"{one}.weight"], state[f"{one}.bias"]) for one in heads]
