"""What a page shows before anything is drawn: examples with their results, the sources' colours, and a sentence."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from diptych.data.public.catalog import domains
from diptych.exporting.samples import Sample
from diptych.pictures.kinds import Kind
from diptych.serving.service.listing import preview_png, title
from diptych.translator.card import Card, data_of
from diptych.translator.translator import Translator

RGBArray = npt.NDArray[np.int_]

FEW = 12
"""Colours, at most, of sources that count as drawn with a few; photographs have more."""
RARE, MOST = 0.004, 0.85
"""The share of all pixels below which a colour is the edge between two others; and what the others must cover together."""
QUICK = 2**18
"""Pixels of an example up to which results are computed beforehand: a starting service must not wait for large networks."""
ALIKE = 32
"""Grey levels in a channel by which resizing and compression shift a colour."""


def showcase(translator: Translator, examples: Sequence[Sample], name: str) -> dict[str, Any]:
    """The fields of an ``Offer`` that the page shows.

    Args:
        examples: sources, (1, channels, height, width) each.
        name: the translator's, for a title where its data set says nothing.
    """
    card = translator.card
    sources = [one.source for one in examples]
    quick = all(source.shape[-2] * source.shape[-1] <= QUICK for source in sources)
    return {
        "examples": [preview_png(card.source, source[0]) for source in sources],
        "results": [preview_png(card.target, translator.batch(source)[0]) for source in sources] if quick else [],
        "colours": colours_of(card.source, [source[0] for source in sources]),
        "title": title_of(card, name),
        "about": sentence_of(card),
    }


def colours_of(kind: Kind, sources: Sequence[Tensor]) -> list[list[int]]:
    """RGB of the colours that drawn sources consist of, the most frequent last; none where there are many, or a palette is known.

    Args:
        sources: (channels, height, width) each, in [-1, 1].
    """
    if kind.colour not in ("rgb", "grey") or not sources:
        return []
    pixels = np.concatenate([kind.preview(source).reshape(-1, 3) for source in sources])
    found, counts = np.unique(pixels, axis=0, return_counts=True)
    found = found.astype(int)
    chosen: list[RGBArray] = []
    covered = 0
    for _ in range(FEW + 1):
        left = np.full(len(found), True)
        for one, other in product(chosen, chosen):
            left &= off_segment(found, one, other) > ALIKE  # what lies between two is the soft edge between them
        if not left.any() or (counts * left).max() < RARE * len(pixels):
            break
        chosen.append(found[(counts * left).argmax()])
        covered += counts[left & (np.abs(found - chosen[-1]).max(axis=1) <= ALIKE)].sum()
    if not 2 <= len(chosen) <= FEW or covered < MOST * len(pixels):
        return []
    return [rgb.tolist() for rgb in reversed(chosen)]


def off_segment(points: RGBArray, start: RGBArray, stop: RGBArray) -> npt.NDArray[np.float64]:
    """Largest difference in a channel between each of (n, 3) points and the nearest point of a segment; (n,)."""
    along = stop - start
    share = ((points - start) @ along / max(1, along @ along)).clip(0, 1)
    return np.asarray(np.abs(points - start - share[:, None] * along).max(axis=1), np.float64)


def domains_of(card: Card) -> tuple[str, str] | None:
    """What the sources and the targets of a known data set are."""
    known = domains(data_of(card)) if not card.same_picture else None
    if known is None:
        return None
    turned = (card.provenance.get("direction") == "b-to-a") != (card.way == "b-to-a")
    return (known[1], known[0]) if turned else known


def title_of(card: Card, name: str) -> str:
    """Source and target domain of a known data set; otherwise a title from the Kinds."""
    known = domains_of(card)
    return f"{known[0][0].upper()}{known[0][1:]} to {known[1]}" if known else title(card, name)


def sentence_of(card: Card) -> str:
    """One sentence for whoever opens the page; empty where the data set is not a known one."""
    known = domains_of(card)
    return f"Draw or open {known[0]}, and the network answers with {known[1]}." if known else ""
