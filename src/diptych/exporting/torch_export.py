"""torch.export programs: files that torch loads without diptych."""

import io
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diptych.exporting.comparison import SEED, BatchFunction
from diptych.exporting.tracing import Noise, program
from diptych.files import named_in_utf8, write_bytes
from diptych.machine.runtimes import folded
from diptych.pictures.padding import pad
from diptych.translator.card import write_card
from diptych.translator.translator import Translator

CARD = "card.json"


def write(translator: Translator, place: Path, noise: Noise) -> None:
    """Write (source[, seed]) -> target with the inputs of ``onnx_files`` and processing "outside"; the card is in the file.

    Raises:
        DiptychError: when the network cannot be traced or the place cannot be written.
    """
    exported = program(translator, "outside", noise)
    for node in exported.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    # Tracing assumes sizes of 2 or more and guards against 1, where the same operations hold (``compare`` checks it).
    exported._guards_code = []
    file = io.BytesIO()  # saved to a path, the file would contain the path's name
    torch.export.save(exported, file, extra_files={CARD: write_card(translator.card)})
    write_bytes(place, file.getbuffer())


def runner(place: Path, translator: Translator) -> BatchFunction:
    """The file's function, with padding and cropping as in the translator."""
    with named_in_utf8(place) as named:
        file = torch.export.load(named)
    loaded: Any = file.module()
    card = translator.card

    def run(source: Tensor) -> Tensor:
        padded = pad(source, card.multiple)
        seed = (torch.tensor(folded(SEED), dtype=torch.int32),) if takes_seed else ()
        with torch.inference_mode():
            found: Tensor = loaded(padded, *seed)
        height, width = source.shape[-2:]
        return found[..., : height * card.scale, : width * card.scale]

    takes_seed = len(file.graph_signature.user_inputs) > 1
    return run
