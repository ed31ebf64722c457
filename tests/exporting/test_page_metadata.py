"""The metadata of an exported page: title, link preview, manifest and icons."""

from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

from diptych.exporting.page_metadata import CARD, CELL, PageMetadata
from diptych.exporting.showcase import colours_of, title_of
from diptych.pictures.kinds import Kind
from diptych.serving.page import assets
from diptych.translator.card import Card


def card_of(data: str, direction: str = "a-to-b", way: str = "a-to-b", source: Kind = Kind()) -> Card:
    facts = {"data": data, "direction": direction}
    return Card(way, "generator", "unet", {}, source, Kind(), multiple=1, size=(8, 8), provenance=facts)


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (card_of("openmoji-143"), "Outlines to coloured drawings"),
        (card_of("facades", "b-to-a"), "Label maps to photos of facades"),
        (card_of("horse2zebra", way="b-to-a"), "Zebras to horses"),
        (card_of("pictures/mine", source=Kind(colour="labels", classes=2)), "cats: class maps to pictures"),
        (card_of("facades", source=Kind(colour="holed")), "cats: pictures with holes to pictures"),
    ],
)
def test_the_title_says_what_is_made_of_what(card: Card, expected: str) -> None:
    assert title_of(card, "cats") == expected


class Head(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "meta":
            self.said[told.get("property") or told.get("name") or ""] = told.get("content") or ""
        if tag == "link":
            self.said[told["rel"] or ""] = told["href"] or ""


def test_words_are_escaped_and_addresses_whole() -> None:
    page = (assets.page_folder() / "index.html").read_text(encoding="utf-8")
    index = PageMetadata('Cats "R" <us> \\1', [], "A & B", "https://example.org/cats").index(page)
    assert "<title>Cats &quot;R&quot; &lt;us&gt; \\1</title>" in index
    assert index.count("<title>") == index.count('name="description"') == 1
    said = Head(index).said
    assert said["og:title"] == 'Cats "R" <us> \\1'
    assert said["og:image"] == "https://example.org/cats/card.png"
    assert said["og:url"] == "https://example.org/cats/"
    assert said["og:image:alt"].endswith("A & B")
    assert said["manifest"] == "manifest.webmanifest"


def test_the_card_holds_source_and_counterpart() -> None:
    red, blue = (np.full((10, 20, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))
    card = PageMetadata("Red to blue", [(red, blue)]).card()
    assert card.size == CARD
    assert card.getpixel((600, 30 + CELL // 2)) == (255, 0, 0)
    assert card.getpixel((600, 60 + CELL + CELL // 2)) == (0, 0, 255)
    assert card.getpixel((10, 10)) == (246, 243, 236)


def test_without_pictures_the_card_has_words() -> None:
    plain, other = (np.asarray(PageMetadata(title, []).card()) for title in ("Cats", "Dogs to cats"))
    assert plain.shape == (CARD[1], CARD[0], 3)
    assert (plain[:, :520] == other[:, :520]).all(), "the icon"
    assert (plain[:, 540:] != other[:, 540:]).any()


def test_drawn_sources_have_few_colours_and_photographs_many() -> None:
    drawn = np.full((40, 40, 3), 255, np.uint8)
    drawn[5:35, 5:9] = drawn[5:9, 5:35] = 0
    drawn[20:30, 20:30] = (200, 0, 0)
    soft = np.asarray(Image.fromarray(drawn).resize((64, 64), Image.Resampling.BICUBIC))
    tensors = [torch.tensor(one / 127.5 - 1).permute(2, 0, 1).float() for one in (drawn, soft)]
    assert colours_of(Kind(), tensors) == [[200, 0, 0], [0, 0, 0], [255, 255, 255]]
    photo = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert colours_of(Kind(), [photo]) == []
    assert colours_of(Kind(), []) == []
