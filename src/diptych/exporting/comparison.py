"""Compare an exported file with its network: the worst difference, and the loss by lower precision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.evaluation.paired import l1, psnr
from diptych.exporting.samples import Sample
from diptych.exporting.tracing import example
from diptych.translator.engines import OnnxRuntime
from diptych.translator.translator import Translator

TOLERANCE = 1e-3
"""The largest difference allowed in a float32 file, of values in [-1, 1]."""
ROUGH = 4e-2
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
    """The worst over random pictures."""
    real: float | None
    """The worst over real pictures; None without any."""
    pictures: int
    l1: float | None = None
    """Mean absolute difference of both outputs over the real pictures."""
    psnr: float | None = None
    """PSNR of the file's outputs against the network's, in dB."""
    to_target: tuple[float, float] | None = None
    """L1 of the network's and of the file's outputs to the targets, for pairs."""

    @property
    def worst(self) -> float:
        return max(self.random, self.real or 0.0)

    def sentence(self) -> str:
        found = f"worst difference to PyTorch {self.random:.1e} on random pictures"
        if self.real is None or self.l1 is None or self.psnr is None:
            return f"{found}."
        found += f", {self.real:.1e} on {self.pictures} real ones (values in [-1, 1]); mean {self.l1:.1e}, PSNR {self.psnr:.1f} dB"
        if self.to_target is None:
            return f"{found}."
        before, after = self.to_target
        return f"{found}; L1 to the targets {before:.4f} before, {after:.4f} after."


def compare(translator: Translator, exported: Translator | BatchFunction, samples: Sequence[Sample]) -> Comparison:
    """Run both on random pictures of two sizes and on ``samples``.

    A file with its processing inside returns stored pictures; it is compared with the translator's stored pictures.
    """
    card = translator.card
    stored = isinstance(exported, Translator) and holds_processing(exported)

    def outputs_of(source: Tensor) -> tuple[Tensor, Tensor]:
        if isinstance(exported, Translator):
            wanted, found = (run(one, source, stored) for one in (translator, exported))
        else:
            wanted, found = translator.batch(source, seed=SEED), exported(source)
        if found.shape != wanted.shape:
            raise DiptychError(f"the exported file gives {tuple(found.shape)} instead of {tuple(wanted.shape)}.")
        if not torch.isfinite(found).all():
            raise DiptychError("the exported file gives NaN or infinity.")
        return wanted, found

    random = [outputs_of(example(card, "outside", count, repeats)) for count, repeats in RANDOM]
    worst = max((wanted - found).abs().max().item() for wanted, found in random)
    if not samples:
        return Comparison(worst, None, 0)
    outputs = [outputs_of(sample.source) for sample in samples]
    real = max((wanted - found).abs().max().item() for wanted, found in outputs)
    off = torch.cat([l1(found, wanted) for wanted, found in outputs]).mean().item()
    close = torch.cat([psnr(found, wanted).clamp(max=200) for wanted, found in outputs]).mean().item()
    targets = [
        (sample.target, *made) for sample, made in zip(samples, outputs, strict=True) if sample.target is not None
    ]
    if not targets:
        return Comparison(worst, real, len(samples), off, close)
    before = torch.cat([l1(wanted, target) for target, wanted, _ in targets]).mean().item()
    after = torch.cat([l1(found, target) for target, _, found in targets]).mean().item()
    return Comparison(worst, real, len(samples), off, close, (before, after))


def run(translator: Translator, source: Tensor, stored: bool) -> Tensor:
    if not stored:
        return translator.batch(source, seed=SEED)
    card = translator.card
    pictures = [card.source.to_stored(one) for one in source]
    return torch.stack(
        [card.target.to_tensor(one) for one in translator.translate_many(pictures, size="own", seed=SEED)]
    )


def holds_processing(exported: Translator) -> bool:
    return isinstance(exported.engine, OnnxRuntime) and exported.engine.processing == "inside"


def tolerance(exported: Translator | BatchFunction) -> float:
    """The largest difference allowed in float32. A stored value between two grey levels may round to the other one."""
    if not isinstance(exported, Translator) or not holds_processing(exported):
        return TOLERANCE
    kind = exported.card.target
    return TOLERANCE + (0 if kind.depth == "float32" else 2 / (kind.range[1] - kind.range[0]))


def refuse(comparison: Comparison, most: float, name: str) -> None:
    """Refuse a float32 file that does not compute what its network does.

    Raises:
        DiptychError: with the worst difference.
    """
    if not comparison.worst <= most:
        raise DiptychError(
            f"{name} was not kept: it is off by {comparison.worst:.1e}, and at most {most:.0e} is right in float32; "
            f"this is a fault of the exporter, please report it with the recipe."
        )
