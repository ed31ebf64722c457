"""Evaluation from Python, of any iterable of pictures."""

from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn import functional

from diptych.errors import UsageError
from diptych.evaluation.evaluate import Verdict, choose, evaluate
from diptych.evaluation.metrics import Example, as_rgb, chosen
from diptych.evaluation.requirements import NETWORK, Resources
from diptych.pictures.formats import from_array, from_pillow
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.values.batches import data_in


def judge(
    outputs: Iterable[Any],
    targets: Iterable[Any] | None = None,
    metrics: str = "l1,psnr,ssim,perceptual",
    *,
    kind: Kind | None = None,
    network: str = NETWORK,
) -> Verdict:
    """Evaluate pictures one after another; a generator may give any number of them.

    Args:
        outputs: PIL or numpy pictures, (H, W) or (H, W, C), of the kind.
        targets: as many of the same sizes; None for metrics that need none.
        metrics: names as for ``diptych evaluate``, with commas.
        kind: what the pictures are; None = 8-bit RGB.
        network: of frechet, kernel, coverage and, where it has maps, perceptual.

    Returns:
        ``scores`` with 95 % intervals, and ``pictures``, a value a picture by metric.

    Raises:
        UsageError: when a metric is not known or cannot be had, or the two do not match.
    """
    pictured = examples(outputs, targets, kind or Kind())
    first = next(pictured, None)
    if first is None:
        raise UsageError("there is no picture to judge.")
    resources = Resources(
        paired=targets is not None, targets=targets is not None, side=min(first.output.shape[-2:]), network=network
    )
    names, _ = choose(chosen(metrics), resources)
    return evaluate(chain([first], pictured), names, resources)


def examples(outputs: Iterable[Any], targets: Iterable[Any] | None, kind: Kind) -> Iterator[Example]:
    missing = object()
    if targets is None:
        for number, picture in enumerate(outputs):
            yield example_of(str(number), kind, tensor_of(picture, kind))
        return
    for number, (made, real) in enumerate(zip_longest(outputs, targets, fillvalue=missing)):
        if made is missing or real is missing:
            more, fewer = ("targets", "outputs") if made is missing else ("outputs", "targets")
            raise UsageError(f"there are {number} {fewer}, and more {more}; give a target for each output.")
        output, target = tensor_of(made, kind), tensor_of(real, kind)
        if output.shape != target.shape:
            raise UsageError(
                f"output {number} is {size_of(output)} and its target {size_of(target)}; resize one of them."
            )
        yield example_of(str(number), kind, output, target)


def example_of(
    name: str, kind: Kind, output: Tensor, target: Tensor | None = None, lightness: Stored | None = None, **more: Any
) -> Example:
    """Output and target, (1, channels, H, W) of the Kind, with their previews, for which chroma needs the lightness.

    Where one of the pictures is NaN, it has no data, and none of them counts there.
    """
    if kind.has_gaps:
        known = data_in(output) if target is None else data_in(output) * data_in(target)
        if (source := more.get("source")) is not None and source.is_floating_point():
            known = known * functional.interpolate(data_in(source), known.shape[-2:])
            more["source"] = source.nan_to_num(nan=0.0)
        output = output.nan_to_num(nan=0.0) * known
        target = None if target is None else target.nan_to_num(nan=0.0) * known
        if (again := more.get("again")) is not None:
            more["again"] = again.nan_to_num(nan=0.0) * known
        more["weights"] = known

    def seen(picture: Tensor) -> Tensor:
        return as_rgb(kind.preview(picture[0], lightness))

    return Example(name, output, seen(output), target, None if target is None else seen(target), **more)


def tensor_of(picture: Any, kind: Kind) -> Tensor:
    if isinstance(picture, np.ndarray):
        return kind.to_tensor(from_array(picture, kind))[None]
    if isinstance(picture, Image.Image):
        return kind.to_tensor(from_pillow(picture, kind))[None]
    raise UsageError(f"a picture is a PIL image or a numpy array, not {type(picture).__name__}.")


def size_of(picture: Tensor) -> str:
    return f"{picture.shape[-1]}x{picture.shape[-2]}"
