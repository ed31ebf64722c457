"""Systems and batches as small as they can be."""

from typing import Any

import torch
from torch import nn
from toys import SMALL

from diptych.pictures.kinds import Batch, Kind
from diptych.systems import SYSTEMS, Domains, System

LABELS = Kind(colour="labels", classes=5, instances=True, unknown=255)


def batch_of(size: int = 16, count: int = 2, seed: int = 0, channels: tuple[int, int] = (3, 3)) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return Batch(*(torch.rand(count, c, size, size, generator=generator) * 2 - 1 for c in channels))


def domains_of(name: str, channels: tuple[int, int] = (3, 3)) -> Domains:
    """What each system is for, as small as it can be."""
    plain = tuple(Kind() if count == 3 else Kind(colour="channels", channels=count) for count in channels)
    source = {"inpainting": Kind(colour="holed"), "spade": LABELS, "pix2pixhd": LABELS, "oasis": LABELS}.get(
        name, plain[0]
    )
    side = {"inpainting": 64, "spade": 64, "pix2pixhd": 32, "oasis": 64}.get(name, 16)
    target = Kind() if name == "inpainting" else plain[1]  # known pixels are kept, so the channels are the source's
    return Domains(source, target, (side, side), 2 if name == "srgan" else 1)


def fitting_batch(domains: Domains, count: int = 2) -> Batch:
    """Random pictures, numbers or holes of the domains' kinds."""
    generator = torch.Generator().manual_seed(0)
    height, width = domains.size
    target = torch.rand(count, domains.channels_out, height, width, generator=generator) * 2 - 1
    shape = (count, domains.channels_in, height // domains.factor, width // domains.factor)
    if domains.source.colour == "labels":
        blocks = torch.randint(0, domains.source.classes + 1, (count, 2, height // 8, width // 8), generator=generator)
        return Batch(blocks.repeat_interleave(8, 2).repeat_interleave(8, 3).int(), target)
    source = torch.rand(shape, generator=generator) * 2 - 1
    if domains.source.colour == "holed":
        source[:, 3] = -1
        source[:, 3, 16:48, 16:48] = 1
    return Batch(source, target)


def build(name: str, channels: tuple[int, int] = (3, 3), domains: Domains | None = None, **options: Any) -> System:
    torch.manual_seed(0)
    kind = SYSTEMS[name]
    return kind(kind.Options(**{**SMALL.get(name, {}), **options}), domains or domains_of(name, channels))


def apply(system: System, batch: Batch, step: int = 0, rate: float = 2e-4) -> list[str]:
    """One step with plain SGD-free Adam for each side, as the loop does it; returns the sides in order."""
    optimisers = {
        side: torch.optim.Adam(trained_in(system, side), lr=rate, betas=(0.5, 0.999)) for side in system.sides
    }
    order = []
    for losses in system.losses(batch, step):
        order.append(losses.trains)
        sum(losses.terms.values(), torch.zeros(())).backward(inputs=trained_in(system, losses.trains))
        optimisers[losses.trains].step()
        optimisers[losses.trains].zero_grad()
    return order


def trained_in(system: System, side: str) -> list[nn.Parameter]:
    return [parameter for parameter in system.get_submodule(side).parameters() if parameter.requires_grad]
