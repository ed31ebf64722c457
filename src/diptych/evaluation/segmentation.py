"""The FCN-score of the pix2pix paper (section 5): a segmenter trained on real pictures labels the generated ones.

It is trained on the targets and class maps of the training split. As in the paper, its pictures were reduced to the size
at which translators work and enlarged to that of the class maps. So real and generated pictures lack the same detail.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from diptych import checkpoints
from diptych.errors import DiptychError
from diptych.evaluation.bootstrap import evenly_spaced
from diptych.evaluation.labels import IGNORED, ClassMap
from diptych.machine.devices import matmul_precision
from diptych.networks.blocks import channels_last
from diptych.networks.features.fcn import FCN
from diptych.networks.features.pretrained import CPU, read_weights, weights_file

Say = Callable[[str], None]
Labelled = Callable[[int], tuple[Tensor, ClassMap]]
"""A picture by its number: RGB (3, H, W) in [-1, 1] at the translator's size, and its class map at its own size."""
BATCH = 8
RATE = 1e-3
LONGEST = 512  # side at which the segmenter sees pictures; larger class maps are still compared at their own size


@dataclass(frozen=True)
class Plan:
    """How a segmenter is trained; a part of the protocol of its scores."""

    classes: int
    steps: int = 500
    seed: int = 0

    def summary(self) -> str:
        return f"FCN on EfficientNet-Lite0, {self.classes} classes, {self.steps} steps of {BATCH}, seed {self.seed}"


def seen_size(size: tuple[int, int]) -> tuple[int, int]:
    """The size at which a picture with a class map of ``size`` is shown to the segmenter."""
    share = min(1.0, LONGEST / max(size))
    return max(round(size[0] * share), 1), max(round(size[1] * share), 1)


def resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """(3, H, W) to another size."""
    if tuple(picture.shape[-2:]) == size:
        return picture
    return functional.interpolate(picture[None], size, mode="bilinear", align_corners=False)[0]


def resized_classes(classes: ClassMap, size: tuple[int, int]) -> ClassMap:
    """A class map to another size, each pixel from the nearest."""
    if classes.shape == size:
        return classes
    whole = torch.from_numpy(np.ascontiguousarray(classes))[None, None].float()
    found: ClassMap = functional.interpolate(whole, size, mode="nearest-exact")[0, 0].numpy().astype(np.uint16)
    return found


class Segmenter:
    """Predicts the class of each pixel."""

    def __init__(self, network: FCN, device: torch.device = CPU) -> None:
        self.network = channels_last(network.eval(), device)
        self.device = device

    def __call__(self, picture: Tensor, size: tuple[int, int]) -> ClassMap:
        """RGB (3, H, W) in [-1, 1] to a class map of ``size``."""
        found = self.network.classes(resized(picture.to(self.device), seen_size(size))[None])[0]
        return resized_classes(found.cpu().numpy().astype(np.uint16), size)


def trained(plan: Plan, count: int, read: Labelled, cache: Path, say: Say, device: torch.device = CPU) -> Segmenter:
    """The segmenter for these pictures on ``device``: from the cache, or trained now and kept there."""
    place = cache / f"{fingerprint(plan, count, read)}.safetensors"
    network = FCN(plan.classes)
    if place.is_file():
        try:
            network.load_state_dict(checkpoints.load(place).tensors)
            return Segmenter(network, device)
        except checkpoints.DamagedCheckpoint:
            place.unlink()
    say(f"Training the segmenter on {count} real pictures ({plan.summary()}); it is kept for the next time ...")
    # On GPUs, cross-entropy of maps is not bitwise repeatable.
    place_of_work = CPU if torch.are_deterministic_algorithms_enabled() else device
    with matmul_precision("float32", place_of_work):
        train(network, plan, count, read, say, place_of_work)
    checkpoints.save(place, network.state_dict(), {"steps": plan.steps})
    return Segmenter(network, device)


def fingerprint(plan: Plan, count: int, read: Labelled) -> str:
    """A hash of the plan and of pictures spread over the split, so that other data gets another segmenter."""
    digest = hashlib.sha256(f"{plan} {count}".encode())
    for index in evenly_spaced(count, 100):
        picture, classes = read(index)
        digest.update(picture.numpy().tobytes() + classes.tobytes())
    return digest.hexdigest()[:24]


def train(network: FCN, plan: Plan, count: int, read: Labelled, say: Say, device: torch.device = CPU) -> None:
    """The backbone starts from ImageNet."""
    network.backbone.load_state_dict(read_weights("efficientnet-lite0", weights_file("efficientnet-lite0")))
    torch.manual_seed(plan.seed)
    for score in network.scores:
        for layer in score.modules():
            if isinstance(layer, nn.Conv2d):
                layer.reset_parameters()
    groups = [
        {"params": network.backbone.parameters(), "lr": RATE / 4},
        {"params": network.scores.parameters(), "lr": RATE},
    ]
    learn(network, groups, plan, count, read, say, device)


def learn(
    network: nn.Module,
    groups: list[dict[str, Any]],
    plan: Plan,
    count: int,
    read: Labelled,
    say: Say,
    device: torch.device = CPU,
) -> None:
    """Cross-entropy, Adam with a rate that falls as a cosine, mirroring.

    Args:
        groups: Adam's, of the network's parameters.
    """
    channels_last(network.train(), device)
    optimiser = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, plan.steps)
    rng = np.random.default_rng(plan.seed)
    began, order = time.perf_counter(), np.array([], dtype=np.intp)
    for step in range(1, plan.steps + 1):
        if len(order) < BATCH:
            order = np.concatenate([order, rng.permutation(count)])
        chosen, order = order[:BATCH], order[BATCH:]
        pictures, classes = batch_of(read, chosen, rng, plan.classes)
        logits = network(pictures.to(device).contiguous(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits, classes.to(device), ignore_index=IGNORED)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == plan.steps:
            rate = step / (time.perf_counter() - began)
            left = (plan.steps - step) / rate
            say(f"segmenter: step {step}/{plan.steps}  {rate:.2f} steps/s  left {left:.0f} s  loss {loss.item():.3f}")


def batch_of(
    read: Labelled, chosen: npt.NDArray[np.intp], rng: np.random.Generator, count: int
) -> tuple[Tensor, Tensor]:
    """Pictures and class maps at the size of the first map, each mirrored with probability 0.5.

    Raises:
        DiptychError: when a map holds a class that is none of the ``count``.
    """
    pictures, maps = [], []
    examples = [read(int(index)) for index in chosen]
    size = seen_size((examples[0][1].shape[0], examples[0][1].shape[1]))
    for original, own in examples:
        if (strange := own[(own >= count) & (own != IGNORED)]).size:
            raise DiptychError(
                f"a class map holds class {strange.max()}, and there are {count} classes; give --classes {strange.max() + 1}, "
                f"or --ignore {strange.max()}."
            )
        picture, classes = resized(original, size), resized_classes(own, size)
        if rng.random() < 0.5:
            picture, classes = picture.flip(-1), classes[:, ::-1]
        pictures.append(picture)
        maps.append(torch.from_numpy(np.ascontiguousarray(classes)).long())
    return torch.stack(pictures), torch.stack(maps)
