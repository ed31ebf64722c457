"""Compare an exported file with its network: the largest difference, and the loss by lower precision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.paired import l1, psnr
from diptych.exporting.samples import Sample
from diptych.exporting.tracing import example
from diptych.pictures.depths import is_float
from diptych.translator.engines import OnnxRuntime
from diptych.translator.translator import Translator

TOLERANCE = 1e-3
"""The largest difference allowed in a float32 file, of values in [-1, 1]."""
TOLERANCE_BFLOAT16 = 4e-2
"""The same for an engine that computes in bfloat16: five grey levels at the worst pixel of random pictures."""
SEED = 5
"""Any seed but the default 0, so that a file that ignores its seed is noticed."""
RANDOM = ((1, (3, 2)), (3, (1, 2)))
"""Batch, and how often the smallest size is repeated each way: no two of batch, height and width are alike."""
BatchFunction = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Comparison:
    """Differences of values in [-1, 1]."""

    random: float
    """The largest over random pictures."""
    pictures: int = 0
    """Number of real pictures; without any, what follows is 0."""
    real: float = 0.0
    """The largest over real pictures."""
    l1: float = 0.0
    """Mean absolute difference of both outputs over the real pictures."""
    psnr: float = 0.0
    """PSNR of the file's outputs against the network's, in dB."""
    to_target: tuple[float, float] | None = None
    """L1 of the network's and of the file's outputs to the targets, for pairs."""

    @property
    def max_difference(self) -> float:
        return max(self.random, self.real)

    def sentence(self) -> str:
        found = f"worst difference to PyTorch {self.random:.1e} on random pictures"
        if self.pictures:
            found += f", {self.real:.1e} on {self.pictures} real ones (values in [-1, 1]); mean {self.l1:.1e}, PSNR {self.psnr:.1f} dB"
        if self.to_target is not None:
            found += "; L1 to the targets {:.4f} before, {:.4f} after".format(*self.to_target)
        return f"{found}."


def compare(translator: Translator, exported: Translator | BatchFunction, samples: Sequence[Sample]) -> Comparison:
    """Run both on random pictures of two sizes and on ``samples``.

    A file with its processing inside returns stored pictures; it is compared with the translator's stored pictures.

    Raises:
        DiptychError: when the file's output has another shape, or is not finite.
    """
    stored = isinstance(exported, Translator) and holds_processing(exported)

    def outputs_of(source: Tensor) -> tuple[Tensor, Tensor]:
        wanted = run(translator, source, stored)
        found = run(exported, source, stored) if isinstance(exported, Translator) else exported(source)
        if found.shape != wanted.shape:
            raise DiptychError(f"the exported file gives {tuple(found.shape)} instead of {tuple(wanted.shape)}.")
        if not torch.isfinite(found).all():
            raise DiptychError("the exported file gives NaN or infinity.")
        return wanted, found

    random = max_difference(
        [outputs_of(example(translator.card, "outside", count, repeats)) for count, repeats in RANDOM]
    )
    if not samples:
        return Comparison(random)
    outputs = [outputs_of(sample.source) for sample in samples]
    targets = [
        (sample.target, *both) for sample, both in zip(samples, outputs, strict=True) if sample.target is not None
    ]
    before = [l1(wanted, target) for target, wanted, _ in targets]
    after = [l1(found, target) for target, _, found in targets]
    return Comparison(
        random,
        len(samples),
        max_difference(outputs),
        mean([l1(found, wanted) for wanted, found in outputs]),
        mean([psnr(found, wanted).clamp(max=200) for wanted, found in outputs]),
        (mean(before), mean(after)) if targets else None,
    )


def max_difference(outputs: Sequence[tuple[Tensor, Tensor]]) -> float:
    return max((wanted - found).abs().max().item() for wanted, found in outputs)


def mean(values: list[Tensor]) -> float:
    return torch.cat(values).mean().item()


def run(translator: Translator, source: Tensor, stored: bool) -> Tensor:
    if not stored:
        return translator.batch(source, seed=SEED)
    card = translator.card
    pictures = [card.source.to_stored(one) for one in source]
    results = translator.translate_many(pictures, size="own", seed=SEED)
    return torch.stack([card.target.to_tensor(one) for one in results])


def holds_processing(exported: Translator) -> bool:
    return isinstance(exported.engine, OnnxRuntime) and exported.engine.inside


def tolerance(exported: Translator | BatchFunction) -> float:
    """The largest difference allowed in float32. A stored value between two grey levels may round to the other one."""
    if not isinstance(exported, Translator) or not holds_processing(exported):
        return TOLERANCE
    kind = exported.card.target
    return TOLERANCE + (0 if is_float(kind.depth) else 2 / (kind.range[1] - kind.range[0]))
