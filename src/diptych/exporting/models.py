"""Model folders: a card, the weights without training state, and a README."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from diptych import checkpoints
from diptych.data.public.licences import Licence, licence_of
from diptych.errors import DiptychError
from diptych.evaluation.evaluate import THROUGH
from diptych.exporting.tracing import has_noise
from diptych.files import write_text
from diptych.pictures.kinds import Kind
from diptych.pictures.sizes import size_text
from diptych.report.curves import number
from diptych.training.checkpoint_choice import named_by_step
from diptych.training.run import read_lines, read_recipe
from diptych.translator.card import ATTRIBUTION, LICENCE, Card, write_cards
from diptych.translator.engines import Eager
from diptych.translator.translator import Translator


def write_model(
    translator: Translator, place: Path, out: Path, checkpoint: str, precision: str, terms: Licence
) -> None:
    """Write card.json, weights.safetensors and README.md into ``out``.

    Args:
        translator: of the engine torch, loaded from ``place``.
        precision: of the stored weights; computation is in float32.

    Raises:
        DiptychError: when a place cannot be written.
    """
    assert isinstance(translator.engine, Eager)
    card, dtype = described(translator, place, checkpoint, terms), getattr(torch, precision)
    weights = {
        f"system.{card.module}.{name}": tensor.to(dtype) if tensor.is_floating_point() else tensor
        for name, tensor in translator.engine.network.state_dict().items()
    }
    digest = checkpoints.checksum(checkpoints.contiguous_on_cpu(weights), "{}")
    stored = precision if precision == "float32" else f"stored as {precision}, computed in float32"
    card = replace(card, provenance=card.provenance | {"weights": f"{stored}, sha256 {digest}"})
    checkpoints.save(out / "weights.safetensors", weights, {})
    write_text(out / "card.json", write_cards([card]))
    write_text(out / "README.md", readme(card, sum(tensor.numel() for tensor in weights.values())))


def described(translator: Translator, place: Path, checkpoint: str, terms: Licence) -> Card:
    """The card with the facts of the training and the terms of its data."""
    card = translator.card
    assert isinstance(translator.engine, Eager)
    facts: dict[str, Any] = dict(card.provenance)
    facts |= {"checkpoint": named_by_step(place, checkpoint)} if (place / "recipe.toml").is_file() else {}
    facts |= {"scores": scores_of(place, str(facts.get("checkpoint", ""))) or facts.get("scores", {})}
    facts |= {LICENCE: terms.licence, ATTRIBUTION: terms.attribution}
    facts |= {"noise": "of dropout or style, by the seed" if has_noise(translator.engine.network) else "none"}
    facts |= {"torch": version("torch").split("+")[0]}
    return replace(card, averaged=False, provenance={name: fact for name, fact in facts.items() if fact})


def trained_on(place: Path) -> str:
    """The data folder in a run's recipe; empty without a recipe."""
    return read_recipe(place).data.folder if (place / "recipe.toml").is_file() else ""


def terms_for(place: Path, card: Card, licence: str = "", attribution: str = "") -> Licence:
    """The given terms, else those of the run's data set, else those that the card has."""
    folder = trained_on(place)
    known = licence_of(folder) if folder else Licence()
    return Licence(licence or known.licence or card.licence, attribution or known.attribution or card.attribution)


def scores_of(place: Path, checkpoint: str) -> dict[str, float]:
    """The validation scores at the step of the checkpoint; empty without such."""
    try:
        found = read_lines(place / "scores.jsonl")
    except OSError as problem:
        file = place / "scores.jsonl"
        raise DiptychError(f"{file} cannot be read ({problem}); remove it to export without scores.") from None
    at = [line for line in found if checkpoint.isdecimal() and line["step"] == int(checkpoint)]
    line = at[-1] if at else {}
    flattering = line.get(THROUGH)
    marks = {name: f"{name} ({THROUGH})" for name in flattering} if isinstance(flattering, list) else {}
    return {marks.get(name, name): round(value, 5) for name, value in line.items() if number(value) is not None}


def readme(card: Card, weights: int) -> str:
    """A model card in Markdown."""
    facts = dict(card.provenance)
    scores = facts.pop("scores", {})
    attribution, licence = facts.pop(ATTRIBUTION, ""), facts.pop(LICENCE, "")
    rows = "".join(f"| {name} | {value} |\n" for name, value in facts.items())
    measured = ", ".join(f"{name} {value}" for name, value in scores.items() if name != "step")
    terms = " ".join(filter(None, [licence and f"{licence}.", attribution])) or "Not stated; ask whoever trained it."
    height, width = card.size
    return f"""# {facts.get("recipe") or card.network}: {card.source.colour} to {card.target.colour}

Turns {kind_note(card.source)} into {kind_note(card.target)}. A {card.network} of {weights:,} weights, trained on crops of
{height}x{width} pixels; {size_note(card)}.

    diptych translate THIS_FOLDER drawing.png --out result.png

```python
from diptych import Translator
result = Translator.load("THIS_FOLDER")(picture)  # PIL or numpy
```

| | |
|---|---|
{rows}
Validation at that checkpoint: {measured or "not recorded"} (values in [-1, 1]).

## Terms of the training data

{terms}

## Limits

It has learned from the pictures above and nothing else: what is unlike them comes out wrong, and it does not say so. What it
paints is invented, never a record of what was there.
"""


def size_note(card: Card) -> str:
    """How pictures of other sizes are translated."""
    larger = f", and come out {card.scale} times larger" if card.scale > 1 else ""
    padded = f"padded to multiples of {card.multiple} and cropped back{larger}"
    if card.rule not in ("stretch", "shorter-side"):
        return f"other sizes are {padded}"
    way = f"to {size_text(card.size)}" if card.rule == "stretch" else f"until their shorter side is {min(card.size)}"
    return f"others are resized {way} ({card.filter}) and the results back, or with `--size own` {padded}"


def kind_note(kind: Kind) -> str:
    """A sentence's name for pictures of a Kind."""
    if kind.colour == "labels":
        names = f" ({', '.join(kind.names)})" if kind.names else ""
        return f"class maps of {kind.classes} classes{names}"
    what = {"rgb": "RGB pictures", "grey": "grey pictures", "holed": "RGB pictures with a transparent hole"}
    found = what.get(kind.colour, f"pictures of {kind.network_channels} channels ({kind.colour})")
    if kind.colour == "slices":
        found = f"stacks of {kind.channels} neighbouring slices of volumes"
    low, high = kind.range
    unit, scale = f" {kind.unit}" if kind.unit else "", ", logarithmic" if kind.scale == "logarithmic" else ""
    return f"{found} ({kind.depth}, {low:g} to {high:g}{unit}{scale})"
