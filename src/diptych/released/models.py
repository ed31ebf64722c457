"""A model folder from foreign weights: the network, its encoder where it has one, and a card."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from diptych import checkpoints
from diptych.card import Card, write_cards
from diptych.errors import DiptychError, UsageError
from diptych.files import write_text
from diptych.images import Kind
from diptych.networks import NetworkSpec
from diptych.released import Imported, imported
from diptych.tables import closest

KNOWN = (
    *("classes", "boundary", "depth", "size", "features", "encoder_width"),
    *("dropout", "dropout_at_test", "statistics"),
)


def write_model(
    file: Path, out: Path, layout: str, given: Mapping[str, Any], encoder: Path | None, size: tuple[int, int]
) -> str:
    """Write ``out`` and say in a sentence what was taken.

    Raises:
        DiptychError: when the file cannot be taken over, or translates nothing by itself.
        UsageError: for an unknown layout or key.
    """
    if odd := [key for key in given if key not in KNOWN]:
        raise UsageError(f'"{odd[0]}" is not known{closest(odd[0], KNOWN)}; known here: {", ".join(KNOWN)}.')
    given = dict(given)
    inner = imported(encoder) if encoder else None
    if inner is not None:
        given |= {"encoder_width": inner.arguments["width"]}
        given |= {"features": inner.arguments["features"]} if "features" in inner.arguments else {}
    found = imported(file, layout, given)
    if not found.layout.network:
        raise DiptychError(f"{file} is {found.layout.words}, which translates nothing; give the generator's file.")
    spec, tensors = found.layout.spec(found.arguments), dict(found.tensors)
    if spec.arguments.get("style") and inner is None:
        raise DiptychError(f"{file} takes styles that its encoder finds; give that file too, with --encoder.")
    if inner is not None:
        tensors |= {f"encoder.{name}": tensor for name, tensor in inner.tensors.items()}
    network = spec.build()
    missing = [name for name in network.state_dict() if name not in tensors and not name.startswith("styles.")]
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    try:
        network.load_state_dict({**network.state_dict(), **tensors})
    except RuntimeError as problem:
        raise DiptychError(f"{file} is not {found.layout.words}: {str(problem).splitlines()[-1].strip()}") from None
    if missing:
        raise DiptychError(f"{file} lacks {missing[0]} and {len(missing) - 1} other tensors of {found.layout.words}.")
    out.mkdir(parents=True, exist_ok=True)
    weights = {f"system.generator.{name}": tensor for name, tensor in network.state_dict().items()}
    checkpoints.save(out / "weights.safetensors", weights, {})
    write_text(out / "card.json", write_cards([card_of(found, spec, network, file, size)]))
    count = sum(parameter.numel() for parameter in network.parameters())
    return f"{file} is {found.layout.words}, {count:,} weights: {described(spec)}."


def described(spec: NetworkSpec) -> str:
    shown = (
        "channels_in",
        "channels_out",
        "classes",
        "boundary",
        "depth",
        "blocks",
        "width",
        "norm",
        "factor",
        "style",
    )
    return ", ".join(f"{name} {spec.arguments[name]}" for name in shown if name in spec.arguments)


def kind_of(channels: int) -> Kind:
    """RGB and grey as such."""
    plain = {1: Kind(colour="grey"), 3: Kind()}
    return plain.get(channels) or Kind(colour="channels", channels=channels)


def card_of(found: Imported, spec: NetworkSpec, network: torch.nn.Module, file: Path, size: tuple[int, int]) -> Card:
    arguments = spec.arguments
    source = kind_of(arguments["channels_in"])
    if arguments.get("classes"):
        unknown = 255 if arguments["unknown"] else -1
        source = Kind(
            colour="labels", classes=arguments["classes"], unknown=unknown, instances=bool(arguments["boundary"])
        )
    return Card(
        way="a-to-b",
        module="generator",
        network=spec.name,
        arguments=arguments,
        source=source,
        target=kind_of(arguments["channels_out"]),
        multiple=int(network.multiple),  # type: ignore[arg-type]  # every generator has it
        size=size,
        scale=arguments.get("factor", 1),
        provenance={"diptych": version("diptych"), "imported from": file.name, "layout": found.layout.name},
    )
