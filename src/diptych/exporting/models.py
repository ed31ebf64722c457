"""Model folders: a card, weights without their training state, and a README that says what it is."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from diptych import checkpoints
from diptych.data.public.licences import Licence, licence_of
from diptych.errors import DiptychError
from diptych.exporting.traced import noisy
from diptych.files import write_text
from diptych.pictures.kinds import Kind
from diptych.pictures.sizes import size_text
from diptych.report.curves import number
from diptych.training.run import read_lines, read_recipe
from diptych.translator.card import Card, write_cards
from diptych.translator.engines import Eager
from diptych.translator.translator import Translator
from diptych.translator.weights import weights_path

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def write_model(
    translator: Translator, place: Path, out: Path, checkpoint: str, precision: str, terms: Licence
) -> None:
    """Write card.json, weights.safetensors and README.md into ``out``.

    Args:
        translator: of the engine torch, loaded from ``place``.
        precision: of the weights; they are computed with in float32.

    Raises:
        DiptychError: when a place cannot be written.
    """
    assert isinstance(translator.engine, Eager)
    card = described(translator, place, checkpoint, terms)
    weights = {
        f"system.{card.module}.{name}": tensor.to(DTYPES[precision]) if tensor.is_floating_point() else tensor
        for name, tensor in translator.engine.network.state_dict().items()
    }
    card = replace(card, provenance=card.provenance | {"weights": f"{precision}, sha256 {digest(weights)}"})
    checkpoints.save(out / "weights.safetensors", weights, {})
    write_text(out / "card.json", write_cards([card]))
    write_text(out / "README.md", readme(card, sum(tensor.numel() for tensor in weights.values())))


def digest(weights: dict[str, torch.Tensor]) -> str:
    return checkpoints.checksum(checkpoints.still(weights), "{}")


def described(translator: Translator, place: Path, checkpoint: str, terms: Licence) -> Card:
    """The card with all that is known of the training and of the terms."""
    card = translator.card
    assert isinstance(translator.engine, Eager)
    facts: dict[str, Any] = dict(card.provenance)
    facts |= {"checkpoint": weights_path(place, checkpoint).stem} if (place / "recipe.toml").is_file() else {}
    facts |= {"scores": scores_of(place, str(facts.get("checkpoint", "")))}
    facts |= {"licence of the data": terms.licence, "attribution": terms.attribution}
    facts |= {"noise": "of dropout or style, by the seed" if noisy(translator.engine.network) else "none"}
    facts |= {"torch": version("torch").split("+")[0]}
    return replace(card, averaged=False, provenance={name: fact for name, fact in facts.items() if fact})


def terms_for(place: Path, licence: str, attribution: str) -> Licence:
    """As told, else what the data set of a run says."""
    known = Licence()
    if (place / "recipe.toml").is_file():
        known = licence_of(read_recipe(place).data.folder)
    return Licence(licence or known.licence, attribution or known.attribution)


def scores_of(place: Path, checkpoint: str) -> dict[str, float]:
    """The validation scores at the checkpoint, or of the best one."""
    try:
        found = read_lines(place / "scores.jsonl")
    except OSError as problem:
        words = f"{place / 'scores.jsonl'} cannot be read ({problem}); remove it to export without scores."
        raise DiptychError(words) from None
    at = [line for line in found if checkpoint.isdecimal() and line["step"] == int(checkpoint)]
    return {name: round(value, 5) for name, value in at[-1].items() if number(value) is not None} if at else {}


def readme(card: Card, weights: int) -> str:
    """A model card in Markdown."""
    facts = dict(card.provenance)
    scores = facts.pop("scores", {})
    attribution, licence = facts.pop("attribution", ""), facts.pop("licence of the data", "")
    rows = "".join(f"| {name} | {value} |\n" for name, value in facts.items())
    measured = ", ".join(f"{name} {value}" for name, value in scores.items() if name != "step")
    terms = " ".join(filter(None, [licence and f"{licence}.", attribution])) or "Not stated; ask whoever trained it."
    height, width = card.size
    return f"""# {facts.get("recipe") or card.network}: {card.source.colour} to {card.target.colour}

Turns {words_of(card.source)} into {words_of(card.target)}. A {card.network} of {weights:,} weights, trained on crops of
{height}x{width} pixels; {words_on_size(card)}.

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


def words_on_size(card: Card) -> str:
    """What becomes of pictures of other sizes."""
    larger = f", and come out {card.scale} times larger" if card.scale > 1 else ""
    padded = f"padded to multiples of {card.multiple} and cropped back{larger}"
    if card.rule not in ("stretch", "shorter-side"):
        return f"other sizes are {padded}"
    way = f"to {size_text(card.size)}" if card.rule == "stretch" else f"until their shorter side is {min(card.size)}"
    return f"others are resized {way} ({card.filter}) and the results back, or with `--size own` {padded}"


def words_of(kind: Kind) -> str:
    """A Kind for a reader."""
    if kind.colour == "labels":
        names = f" ({', '.join(kind.names)})" if kind.names else ""
        return f"class maps of {kind.classes} classes{names}"
    what = {"rgb": "RGB pictures", "grey": "grey pictures", "holed": "RGB pictures with a transparent hole"}
    found = what.get(kind.colour, f"pictures of {kind.network_channels} channels ({kind.colour})")
    low, high = kind.range
    return f"{found} ({kind.depth}, {low:g} to {high:g})"
