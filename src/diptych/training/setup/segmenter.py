"""The segmenter of ``options.labels``: trained on sources and their class maps before a system is, and written as a file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from diptych import checkpoints
from diptych.data import DataSettings
from diptych.data.settings import as_size
from diptych.errors import DiptychError, UsageError
from diptych.evaluation.fcn_labels import Labels, Reader, count_of, palette_of, resolved
from diptych.evaluation.labels import IGNORED, ClassMap
from diptych.evaluation.segmentation import Plan, batch_of, learn, resized_classes
from diptych.machine.devices import matmul_precision
from diptych.networks.features.plain_fcn import PlainFCN
from diptych.systems.parts.labels_kept import LAYOUT

RATE = 2e-3
SEED = 1
"""Not that of the segmenter that judges."""
HELD_OUT = 40  # training pictures by which the command tells how good it is


def write_segmenter(
    settings: DataSettings, labels: Labels, out: Path, say: Callable[[str], None], device: torch.device
) -> str:
    """Train a segmenter on sources at the scale of training, write it to ``out``, and describe it in a sentence.

    Raises:
        UsageError: where there are no class maps, or for crops that it cannot take.
        DiptychError: where a class map is missing or holds another class.
    """
    labels = resolved(labels, settings)
    if not labels.where or labels.where == "target":
        raise UsageError("a segmenter learns from class maps of the sources; name their folder with --labels.")
    if odd := [side for side in as_size(settings.crop_size) if side % PlainFCN.multiple]:
        raise UsageError(f"data.crop_size has a side of {odd[0]}; a segmenter needs multiples of {PlainFCN.multiple}.")
    palette = palette_of(settings, labels)
    reader = Reader(settings, "train", labels, palette)
    classes, channels = count_of(labels, palette, reader, settings), settings.source.network_channels

    def read(number: int) -> tuple[Tensor, ClassMap]:
        source = reader.dataset.sample(number, np.random.default_rng(number))[0]
        return source, resized_classes(reader(number), (source.shape[1], source.shape[2]))

    count, plan = len(reader.dataset), Plan(classes, labels.steps, SEED)
    say(f"Training a segmenter on {count} sources ({LAYOUT}, {classes} classes, {plan.steps} steps, seed {SEED}) ...")
    torch.manual_seed(plan.seed)
    network = PlainFCN(channels, classes)
    with matmul_precision("float32", device):
        learn(network, [{"params": network.parameters(), "lr": RATE}], plan, count, read, say, device)
        accuracy = accuracy_of(network, read, min(count, HELD_OUT), classes, device)
    facts: checkpoints.Facts = {"layout": LAYOUT, "channels": channels, "classes": classes, "steps": plan.steps}
    checkpoints.save(out, network.state_dict(), facts)
    return f"{out}: right on {accuracy:.1%} of the pixels of {min(count, HELD_OUT)} pictures that it was trained on."


@torch.inference_mode()
def accuracy_of(
    network: PlainFCN, read: Callable[[int], tuple[Tensor, ClassMap]], count: int, classes: int, device: torch.device
) -> float:
    """Share of known pixels, in [0, 1]; NaN where none is known."""
    right = known = 0
    for number in range(count):
        pictures, maps = batch_of(read, np.array([number]), np.random.default_rng(0), classes)
        found = network(pictures.to(device)).argmax(1).cpu()
        right += int((found == maps).sum())
        known += int((maps != IGNORED).sum())
    if not known:
        raise DiptychError("no class map holds a pixel of a known class; look at the class maps.")
    return right / known
