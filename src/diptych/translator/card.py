"""The card of a translator: all that is needed to use its weights, as readable JSON."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from diptych.errors import DiptychError
from diptych.files import as_json, from_json, require_regular_file
from diptych.machine.runtimes import OnnxFile
from diptych.pictures.kinds import Kind
from diptych.pictures.resizing import Smooth
from diptych.pictures.sizes import Fit, resized_size
from diptych.tables import from_table

if TYPE_CHECKING:
    from diptych.networks import NetworkSpec

FORMAT = 1
CARD = "card.json"
"""Its file in a run or a model folder."""
EXAMPLES = "examples"
"""A folder of examples that a model folder may hold: what it is judged on and what its page shows."""
LICENCE, ATTRIBUTION = "licence of the data", "attribution"
"""Facts of a card's provenance."""
REGISTERED = "registered by"
"""Of a network that is not ours the fact whose code registered it, as ``registry`` writes it."""
SLICES, AXIS = "slices", "axis"
"""Of a network for volumes the facts how many neighbouring slices each volume gives to a source, and of which plane."""
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError, DiptychError)
"""Exceptions that a foreign or damaged card may cause."""


@dataclass(frozen=True)
class Card:
    """One direction of translation, such as "a-to-b"."""

    way: str
    module: str  # path of the network among the weights of a run
    network: str
    arguments: dict[str, Any]
    source: Kind
    target: Kind
    multiple: int  # both sides of what the network sees must be divisible by it
    size: tuple[int, int]  # height, width of the training crops
    scale: int = 1  # how many times larger a result is than its source
    fit: Fit | Literal["own"] = "own"  # how training brought pictures to their size; own: not known
    load_size: tuple[int, int] | None = None  # height, width before the crop; None = not known
    filter: Smooth = "bicubic"  # with which they were resized
    averaged: bool = False  # the running average of the weights is meant
    seed: int = 0  # of the noise, so that the same picture gives the same result every time
    provenance: dict[str, Any] = field(default_factory=dict)  # system, data, licence, version

    @property
    def licence(self) -> str:
        """Of the training data; empty where it is not stated."""
        return str(self.provenance.get(LICENCE, ""))

    @property
    def attribution(self) -> str:
        """Whose pictures were trained on, in sentences; empty where it is not stated."""
        return str(self.provenance.get(ATTRIBUTION, ""))

    @property
    def spec(self) -> "NetworkSpec":
        from diptych.networks import NetworkSpec  # torch with it, which a reader of cards may do without

        return NetworkSpec(self.network, self.arguments)

    @property
    def rule(self) -> Fit | Literal["own"]:
        """How a picture is brought to the scale of training before it is translated.

        "own", which leaves it as it is, where that scale is not known: cards of earlier versions, and some imported
        networks. Also for super-resolution, which is trained on crops of small pictures, and for inpainting, which keeps
        every known pixel.
        """
        return "own" if self.scale > 1 or self.source.colour == "holed" else self.fit

    def network_size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of a picture at the scale of training."""
        return (height, width) if self.rule == "own" else resized_size(self.rule, height, width, self.size, self.size)

    @property
    def same_picture(self) -> bool:
        """Whether a result shows the source itself, only enlarged, filled in or coloured."""
        return self.scale > 1 or self.source.colour == "holed" or self.target.colour == "chroma"


def write_cards(cards: list[Card]) -> str:
    """The text of ``card.json``."""
    return as_json({"diptych": FORMAT, "translators": [entry_of(card) for card in cards]}, indent=2) + "\n"


def read_cards(path: Path) -> dict[str, Card]:
    """The cards in a ``card.json`` by direction; the first is the default.

    Raises:
        DiptychError: when the file is missing, or holds no card.
    """
    require_regular_file(path)
    try:
        table = from_json(path.read_text(encoding="utf-8"))
        cards = {entry["way"]: card_of(entry) for entry in table["translators"]}
    except FileNotFoundError:
        raise DiptychError(
            f"{path.parent} holds no translator: there is no {path.name}. Name a run or a model folder."
        ) from None
    except (OSError, *UNREADABLE) as problem:
        raise DiptychError(
            f"{path} is no card that this version can read ({type(problem).__name__}: {problem}); export or copy the folder again."
        ) from None
    if not cards:
        raise DiptychError(f"{path} names no translator; export or copy the folder again.")
    return cards


def card_in(file: OnnxFile) -> Card:
    """The card of an exported file.

    Raises:
        DiptychError: when this version cannot read it, or its network has other channels.
    """
    try:
        card = card_of(file.card)
    except UNREADABLE as problem:
        raise DiptychError(f"the card in {file.place} is none that this version can read ({problem}).") from None
    stated = [kind.stored_channels if file.inside else kind.network_channels for kind in (card.source, card.target)]
    if any(isinstance(found, int) and found != wanted for found, wanted in zip(file.channels, stated, strict=True)):
        raise DiptychError(
            f"the card in {file.place} speaks of {stated[0]} channels in and {stated[1]} out, and the network has "
            f"{' and '.join(map(str, file.channels))}; export it again."
        )
    return card


def write_card(card: Card) -> str:
    """The text of the card in an exported file."""
    return as_json(entry_of(card))


def entry_of(card: Card) -> dict[str, Any]:
    entry = asdict(card) | {"source": card.source.as_dict(), "target": card.target.as_dict()}
    if "data" in card.provenance:
        entry["provenance"] = card.provenance | {"data": data_of(card)}
    return entry


def data_of(card: Card) -> str:
    """Name of the training data; of a folder its last part alone, since cards are published."""
    return re.split(r"[\\/]", str(card.provenance.get("data", "")).rstrip("\\/"))[-1]


def card_of(entry: Mapping[str, Any]) -> Card:
    card = from_table(Card, entry)
    if min(card.multiple, card.scale, *card.size) < 1:
        raise ValueError("its multiple, scale and size must be at least 1")
    return card
