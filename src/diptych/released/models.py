"""Model folders from foreign weights: the generator, its encoder where it has one, and a card."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from diptych import checkpoints
from diptych.errors import DiptychError
from diptych.files import write_text
from diptych.networks import NetworkSpec, size_limits
from diptych.pictures.kinds import Kind
from diptych.pictures.sizes import Exact, Size, parse_size, size_text
from diptych.released import Imported, choose_layout, convert, import_weights, read_tensors
from diptych.released.layout import choose
from diptych.translator.card import Card, write_cards

DESCRIBED = (
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


def write_model(
    file: Path, out: Path, layout: str, given: Mapping[str, Any], encoder: Path | None, size: Size = None
) -> str:
    """Write the model folder ``out`` and describe it in a few sentences.

    Args:
        size: "own", or the size to which pictures are resized for translation; None = as its project tests.

    Raises:
        DiptychError: when the file cannot be converted, or is no generator.
        UsageError: for an unknown layout or key.
    """
    sides = parse_size(size)
    tensors = read_tensors(file)
    kind = choose_layout(layout, tensors, file)
    if not kind.network:
        raise DiptychError(f"{file} is {kind.description}, which translates nothing; give the generator's file.")
    inner = import_weights(encoder) if encoder else None
    if inner is not None and inner.layout.name != kind.encoder:
        belongs = f"which does not belong to {kind.description} ({file})"
        raise DiptychError(f"{encoder} is {inner.layout.description}, {belongs}.")
    found = convert(kind, tensors, {**given, **widths(inner)}, file)
    spec = NetworkSpec(kind.network, found.arguments)
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
    return f"{file} is {kind.description}, {count:,} weights: {described(spec)}.{assumed(spec, given)} {scale_of(card, size)}"


def widths(inner: Imported | None) -> dict[str, Any]:
    """The arguments of a generator that its encoder's file determines."""
    if inner is None:
        return {}
    return {"encoder_width": inner.arguments["width"], **choose(inner.arguments, "features")}


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
        reason = str(problem).splitlines()[-1].strip()
        raise DiptychError(f"{file} is not {found.layout.description}: {reason}") from None
    if missing:
        others = f"{len(missing) - 1} other tensors of {found.layout.description}"
        raise DiptychError(f"{file} lacks {missing[0]} and {others}.")
    return network


def assumed(spec: NetworkSpec, given: Mapping[str, Any]) -> str:
    """A sentence on the arguments that neither the file nor the user gave."""
    uncertain = ("classes", "boundary", *(("depth",) if spec.arguments.get("depth") == "normal" else ()))
    names = [name for name in uncertain if name not in given] if spec.arguments.get("classes") else []
    listed = " ".join(f"{name}={str(spec.arguments[name]).lower()}" for name in names)
    return f" Assumed, since the file does not contain it: {listed}." if names else ""


def scale_of(card: Card, size: Size) -> str:
    """A sentence on the size at which its pictures will be translated."""
    if card.rule == "stretch":
        whose = "as its project tests" if size is None else "as you say"
        return f"Pictures are translated at {size_text(card.size)}, {whose}, and brought back to their size (--size)."
    why = "its project states no other" if size is None and card.scale == 1 else "it is made for that"
    return f"Pictures are translated at their own size; {'as you say' if size == 'own' else why} (--size)."


def described(spec: NetworkSpec) -> str:
    return ", ".join(f"{name} {value}" for name, value in choose(spec.arguments, *DESCRIBED).items())


def card_of(found: Imported, spec: NetworkSpec, network: torch.nn.Module, file: Path, size: Exact | None) -> Card:
    arguments = spec.arguments
    source, target = (Kind().with_channels(arguments[key]) for key in ("channels_in", "channels_out"))
    if (arguments["channels_in"], arguments["channels_out"]) == (1, 2):  # pix2pix's colourisation
        source, target = Kind(colour="lightness"), Kind(colour="chroma")
    if arguments.get("classes"):
        unknown = 255 if arguments["unknown"] else -1
        instances = bool(arguments["boundary"])
        source = Kind(colour="labels", classes=arguments["classes"], unknown=unknown, instances=instances)
    tested_at = tuple(arguments["size"]) if "size" in arguments else found.layout.tested_at
    sides = tested_at if size is None or size == "training" else None if size == "own" else size
    return Card(
        way="a-to-b",
        module="generator",
        network=spec.name,
        arguments=arguments,
        source=source,
        target=target,
        multiple=size_limits(network).multiple,
        size=sides or tested_at or (256, 256),
        fit="stretch" if sides else "own",
        load_size=sides,
        scale=arguments.get("factor", 1),
        provenance={"diptych": version("diptych"), "imported from": file.name, "layout": found.layout.name},
    )
