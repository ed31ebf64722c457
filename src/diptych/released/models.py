"""A model folder from foreign weights: the network, its encoder where it has one, and a card."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from diptych import checkpoints
from diptych.errors import DiptychError
from diptych.files import write_text
from diptych.networks import NetworkSpec, sized
from diptych.pictures.kinds import Kind
from diptych.pictures.sizes import Exact, Size, parse_size, size_text
from diptych.released import Imported, chosen, imported, opened, taken
from diptych.translator.card import Card, write_cards


def write_model(
    file: Path, out: Path, layout: str, given: Mapping[str, Any], encoder: Path | None, size: Size = None
) -> str:
    """Write ``out`` and say in a few sentences what was taken.

    Args:
        size: at which its pictures are translated: "own", or to what they are stretched; None = as its project tests.

    Raises:
        DiptychError: when the file cannot be taken over, or translates nothing by itself.
        UsageError: for an unknown layout or key.
    """
    sides = parse_size(size)
    tensors = opened(file)
    kind = chosen(layout, tensors, file)
    if not kind.network:
        raise DiptychError(f"{file} is {kind.words}, which translates nothing; give the generator's file.")
    inner = imported(encoder) if encoder else None
    if inner is not None and inner.layout.name != kind.encoder:
        raise DiptychError(f"{encoder} is {inner.layout.words}, which does not belong to {kind.words} ({file}).")
    found = taken(kind, tensors, {**given, **widths(inner)}, file)
    spec = kind.spec(found.arguments)
    styled = bool(spec.arguments.get("style") or spec.arguments.get("features"))
    if styled and inner is None:
        raise DiptychError(f"{file} takes styles that its encoder finds; give that file too, with --encoder.")
    if inner is not None and not styled:
        raise DiptychError(f"{file} takes no styles, so {encoder} has no use; leave --encoder away.")
    network = filled(spec, found, inner, file)
    out.mkdir(parents=True, exist_ok=True)
    weights = {f"system.generator.{name}": tensor for name, tensor in network.state_dict().items()}
    checkpoints.save(out / "weights.safetensors", weights, {})
    card = card_of(found, spec, network, file, sides)
    write_text(out / "card.json", write_cards([card]))
    count = sum(parameter.numel() for parameter in network.parameters())
    return f"{file} is {kind.words}, {count:,} weights: {described(spec)}.{assumed(spec, given)} {scale_of(card, size)}"


def widths(inner: Imported | None) -> dict[str, Any]:
    """What an encoder tells of its generator."""
    if inner is None:
        return {}
    features = {"features": inner.arguments["features"]} if "features" in inner.arguments else {}
    return {"encoder_width": inner.arguments["width"], **features}


def filled(spec: NetworkSpec, found: Imported, inner: Imported | None, file: Path) -> torch.nn.Module:
    """The network with the weights of a generator and its encoder.

    Raises:
        DiptychError: when some are missing, of another shape, or too many.
    """
    tensors = dict(found.tensors)
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
    return network


def assumed(spec: NetworkSpec, given: Mapping[str, Any]) -> str:
    """A sentence on what the file does not tell and nobody said."""
    open_to_doubt = ("classes", "boundary", *(("depth",) if spec.arguments.get("depth") == "normal" else ()))
    names = [name for name in open_to_doubt if name not in given] if spec.arguments.get("classes") else []
    if not names:
        return ""
    return f" Assumed, since no file tells it: {' '.join(f'{name}={word(spec.arguments[name])}' for name in names)}."


def scale_of(card: Card, size: Size) -> str:
    """A sentence on the size at which its pictures will be translated."""
    if card.rule == "stretch":
        whose = "as its project tests" if size is None else "as you say"
        return f"Pictures are translated at {size_text(card.size)}, {whose}, and brought back to their size (--size)."
    why = "its project does not tell another" if size is None and card.scale == 1 else "it is made for that"
    return f"Pictures are translated at their own size; {'as you say' if size == 'own' else why} (--size)."


def word(value: Any) -> str:
    """As the command takes it."""
    return str(value).lower()


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


def card_of(found: Imported, spec: NetworkSpec, network: torch.nn.Module, file: Path, size: Exact | None) -> Card:
    arguments = spec.arguments
    source, target = kind_of(arguments["channels_in"]), kind_of(arguments["channels_out"])
    if (arguments["channels_in"], arguments["channels_out"]) == (1, 2):  # pix2pix's colourisation
        source, target = Kind(colour="lightness"), Kind(colour="chroma")
    if arguments.get("classes"):
        unknown = 255 if arguments["unknown"] else -1
        source = Kind(
            colour="labels", classes=arguments["classes"], unknown=unknown, instances=bool(arguments["boundary"])
        )
    tested_at = found.layout.tested_at(arguments) if found.layout.tested_at is not None else None
    sides = tested_at if size is None or size == "training" else None if size == "own" else size
    return Card(
        way="a-to-b",
        module="generator",
        network=spec.name,
        arguments=arguments,
        source=source,
        target=target,
        multiple=sized(network).multiple,
        size=sides or tested_at or (256, 256),
        fit="stretch" if sides else "own",
        load_size=sides,
        scale=arguments.get("factor", 1),
        provenance={"diptych": version("diptych"), "imported from": file.name, "layout": found.layout.name},
    )
