"""Translators as the service offers them, and their description for clients."""

import io
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from diptych.pictures.kinds import Kind
from diptych.serving.page.browser_model import BrowserModel, split_model
from diptych.serving.service.onnx_translator import OnnxTranslator
from diptych.translator.card import Card, data_of
from diptych.translator.scaling import TranslatorBase

if TYPE_CHECKING:
    from torch import Tensor

BROWSER_SOURCES = ("rgb", "grey", "labels", "holed")
BROWSER_TARGETS = ("rgb", "grey")


@dataclass(frozen=True)
class KindEntry:
    """The pictures of one domain."""

    colour: str
    depth: str
    channels: int
    """Of a file."""
    classes: int
    names: list[str]
    """Of the classes."""
    palette: list[list[int]]
    """RGB of each class, 0 to 255; empty where there are no classes."""
    background: list[int]
    """RGB under transparent pixels."""
    instances: bool
    """Whether an instance map belongs to it."""


@dataclass(frozen=True)
class Entry:
    """The description of a translator."""

    name: str
    way: str
    title: str
    source: KindEntry
    target: KindEntry
    size: list[int]
    """Height and width of the crops of training."""
    fit: str
    """How a picture is brought to that scale: stretch, shorter-side, none, or own, which leaves it as it is."""
    filter: str
    multiple: int
    """Both sides are padded to a multiple of it."""
    scale: int
    """How many times larger a result is."""
    noise: bool
    """Whether the seed matters."""
    licence: str
    attribution: str
    data: str
    network: str
    system: str
    engine: str
    precision: str
    examples: list[str]
    """Addresses of example pictures."""
    results: list[str]
    """Addresses of their counterparts, where they are stored."""
    about: str
    """One sentence of what it does."""
    colours: list[list[int]]
    """RGB of the colours that its drawn sources had; empty where they had many."""
    browser: dict[str, Any] | None
    """Where the network for the browser is; null where there is none."""


@dataclass(frozen=True)
class Listing:
    """All translators."""

    translators: list[Entry]
    served: bool
    """Whether a service translates, or the browser alone."""


@dataclass(frozen=True)
class Offer:
    """A translator under the name by which it is asked for."""

    name: str
    translator: TranslatorBase
    noise: bool = False
    licence: str = ""
    attribution: str = ""
    examples: Sequence[bytes] = field(default_factory=tuple)
    """Example pictures, PNG as ``preview_png`` makes them."""
    browser: BrowserModel | None = None
    """The network for the browser."""
    results: Sequence[bytes] = field(default_factory=tuple)
    """The examples' counterparts, PNG."""
    colours: Sequence[list[int]] = field(default_factory=tuple)
    title: str = ""
    about: str = ""

    @property
    def pictures(self) -> dict[str, bytes]:
        """Examples and their results by address."""
        folder = f"examples/{self.name}"
        examples = {f"{folder}/{number}.png": picture for number, picture in enumerate(self.examples)}
        return examples | {f"{folder}/{number}.result.png": picture for number, picture in enumerate(self.results)}

    def entry(self, browser: dict[str, Any] | None) -> dict[str, Any]:
        """As JSON; ``browser`` describes the network for the browser."""
        addresses = list(self.pictures)
        card = self.translator.card
        return asdict(
            Entry(
                name=self.name,
                way=card.way,
                title=self.title or title(card, self.name),
                source=kind_entry(card.source),
                target=kind_entry(card.target),
                size=list(card.size),
                fit=card.rule,
                filter=card.filter,
                multiple=card.multiple,
                scale=card.scale,
                noise=self.noise,
                licence=self.licence,
                attribution=self.attribution,
                data=data_of(card),
                network=card.network,
                system=str(card.provenance.get("system", "")),
                engine=self.translator.engine.name,
                precision=self.translator.engine.precision,
                examples=addresses[: len(self.examples)],
                results=addresses[len(self.examples) :],
                about=self.about or about(card),
                colours=list(self.colours),
                browser=browser,
            )
        )


def kind_entry(kind: Kind) -> KindEntry:
    """Class maps get a palette, also where the Kind states none."""
    return KindEntry(
        colour=kind.colour,
        depth=kind.depth,
        channels=kind.stored_channels,
        classes=kind.classes,
        names=[kind.class_name(number) for number in range(kind.classes)],
        palette=kind.colours()[: kind.classes].tolist() if kind.colour == "labels" else [],
        background=list(kind.background),
        instances=kind.instances,
    )


def preview_png(kind: Kind, tensor: "Tensor") -> bytes:
    """A network's input (channels, height, width) as a PNG for the page.

    8-bit RGB, class maps in the palette's colours, holes transparent.
    """
    image = kind.preview(tensor)
    if kind.colour == "holed":
        opacity = np.where(tensor[3:].numpy() > 0, 0, 255).astype(np.uint8).transpose(1, 2, 0)
        image = np.concatenate([image, opacity], axis=2)
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


KINDS = {"labels": "class maps", "rgb": "pictures", "grey": "grey pictures", "holed": "pictures with holes"}


def about(card: Card) -> str:
    """One sentence of what a translator of unknown data does."""
    source, target = (KINDS.get(kind.colour, kind.colour) for kind in (card.source, card.target))
    return f"Draw or open {source}, and the network answers with {target}."


def title(card: Card, name: str) -> str:
    source, target = (KINDS.get(kind.colour, kind.colour) for kind in (card.source, card.target))
    return f"{name}: {source} to {target}"


def unique_name(place: Path, way: str, taken: Sequence[str]) -> str:
    """A name for an address: of the folder, with the direction where one is given, and a number where it is taken."""
    stem = place.stem if place.suffix == ".onnx" else place.resolve().name
    base = re.sub(r"[^A-Za-z0-9_-]+", "-", f"{stem}-{way}" if way else stem).strip("-") or "translator"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def offer_of_file(place: Path, translator: OnnxTranslator, taken: Sequence[str], browser: bool) -> Offer:
    """An exported file. The browser may use the same file where its processing is outside."""
    name = unique_name(place, "", taken)
    in_browser = browser and not translator.engine.inside and runs_in_browser(translator.card)
    return Offer(
        name,
        translator,
        len(translator.engine.inputs) > 1,
        translator.card.licence,
        translator.card.attribution,
        browser=split_model(place, name, translator.engine.precision) if in_browser else None,
    )


def runs_in_browser(card: Card) -> bool:
    """Whether the page can make the network's input and show its output."""
    for kind in (card.source, card.target):
        if (
            kind.depth != "uint8"
            or kind.has_gaps
            or kind.scale != "linear"
            or (kind.colour != "labels" and kind.range != (0.0, 255.0))
        ):
            return False
    return card.source.colour in BROWSER_SOURCES and card.target.colour in BROWSER_TARGETS
