"""The reference as text for a terminal, and as docs/options.md."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from diptych.reference.fields import Field
from diptych.reference.names import TOOLKITS, Elsewhere, advice_of, also, elsewhere

COLUMNS, MARGIN = 100, 10
FEW = 4
"""Options that are shown in full."""
TITLES = {
    "data": "`[data]`: which pictures, and what is drawn from them",
    "data.augment": "`[data.augment]`: how training pictures are changed",
    "data.source": "`[data.source]` and `[data.target]`: what the pictures of a side are",
    "training": "`[training]`",
}
INTRODUCTION = """\
# Every option

Written from the code by `make options`; the same on a terminal, searched by any word: `diptych options WORD`.

    diptych options                      # every option, a line or two each
    diptych options cyclegan             # those of a system
    diptych options training.seed        # one in full
    diptych options gradient clipping    # by the field's words, or another toolkit's name such as lambda_L1

An option is set in a recipe file, or as `key=value` behind `diptych train RECIPE`. The defaults here are those of the
code. A recipe may say otherwise: `diptych recipes NAME` shows what it sets.
"""
OTHERS = """
## Names of other toolkits

What the options of pytorch-CycleGAN-and-pix2pix, pix2pixHD, SPADE and contrastive-unpaired-translation (CUT, which has
those of the first too) are called here. Some of their versions spell a name differently (`batchSize`, `niter`). Their
weights, but for CUT's, can be imported: [import.md](import.md). Wishes that no option alone fulfils stand between them.

| there | of | here |
|---|---|---|
"""


def in_full(field: Field) -> str:
    """One option, a line for each thing to know."""
    parts = {
        "values": field.kind,
        "default": field.default,
        "meaning": field.meaning,
        "change": advice_of(field).change,
        "also": ", ".join(also(field)),
    }
    return "\n".join([title(field), *(line(name, text) for name, text in parts.items())])


def in_short(field: Field) -> str:
    return f"{title(field)} = {field.default}\n" + textwrap.indent(textwrap.fill(field.meaning, COLUMNS - 4), "    ")


def title(field: Field) -> str:
    return f"{field.key} ({field.system})" if field.system else field.key


def line(name: str, text: str) -> str:
    return textwrap.fill(text, COLUMNS, initial_indent=f"  {name:<{MARGIN - 2}}", subsequent_indent=" " * MARGIN)


def answer_of(other: Elsewhere | None, found: Sequence[Field]) -> str:
    """What a search gives: a few options in full, more of them in short."""
    of = f" of {toolkits(other)}" if other and other.toolkits else ""
    first = [f"{other.name.replace('_', ' ') if not of else other.name}{of}: {other.ours}."] if other else []
    return "\n".join([*first, *map(in_full if len(found) <= FEW else in_short, found)])


def toolkits(other: Elsewhere) -> str:
    return ", ".join(name for letter, name in TOOLKITS.items() if letter in other.toolkits)


def markdown(fields: Iterable[Field]) -> str:
    """The whole of docs/options.md."""
    others = sorted(elsewhere().values(), key=lambda one: one.name.casefold())
    rows = (row(f"`{other.name}`", toolkits(other), other.ours) for other in others)
    return INTRODUCTION + "".join(sections(fields)) + OTHERS + "".join(rows)


def sections(fields: Iterable[Field]) -> Iterator[str]:
    for (system, place), options in groupby(fields, lambda one: (one.system, one.key.rpartition(".")[0])):
        name = f"`[options]` of {system}" if system else TITLES[place]
        yield f"\n## {name}\n\n| option | default | values | meaning | change it | also looked for as |\n|---|---|---|---|---|---|\n"
        for field in options:
            change, words = advice_of(field).change, ", ".join(also(field))
            yield row(f"`{field.key}`", f"`{field.default}`", field.kind, field.meaning, change, words)


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"
