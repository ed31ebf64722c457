"""Metadata of an exported page: title, link preview (Open Graph), web app manifest and icons."""

import html
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from diptych.data.public.catalog import domains
from diptych.serving.service.listing import title
from diptych.translator.card import Card, data_of

RGBArray = npt.NDArray[np.uint8]

CARD = (1200, 630)
"""Width and height of the link preview, as most sites show it."""
CELL, COLUMNS = 270, 4
PAPER, INK = (246, 243, 236), (31, 42, 48)
ICONS = {"icon-192.png": (192, 0.84), "icon-512.png": (512, 0.84), "icon-maskable.png": (512, 0.58)}
"""Sides, and the share of the side that the drawing covers; phones crop a maskable icon to their own shape."""


@dataclass(frozen=True)
class PageMetadata:
    """The title, the preview's pictures and the address of a page."""

    title: str
    pairs: Sequence[tuple[RGBArray, RGBArray]]
    """Sources and their translations, 8-bit RGB."""
    attribution: str = ""
    address: str = ""
    """Where the folder will be, such as https://example.org/page/; may be empty."""

    @property
    def description(self) -> str:
        return f"{self.title}: draw on the left, and the counterpart appears on the right, in your own browser."

    def index(self, page: str) -> str:
        """The page's HTML with this metadata in its head."""
        plain = (r"<title>.*?</title>", r'<meta name="description".*?>')
        assert all(re.search(part, page) for part in plain)
        page = re.sub(plain[1] + r"\n?", "", page)
        return re.sub(plain[0], lambda _: "\n".join(self.head()), page, count=1)

    def head(self) -> list[str]:
        base = self.address.rstrip("/") + "/" if self.address else ""
        properties = {
            "og:type": "website",
            "og:title": self.title,
            "og:description": self.description,
            "og:image": f"{base}card.png",
            "og:image:width": str(CARD[0]),
            "og:image:height": str(CARD[1]),
            "og:image:alt": " ".join([f"{self.title}.", self.attribution]).strip(),
        } | ({"og:url": base} if base else {})
        return [
            f"<title>{html.escape(self.title)}</title>",
            f'<meta name="description" content="{html.escape(self.description)}">',
            *(f'<meta property="{name}" content="{html.escape(value)}">' for name, value in properties.items()),
            '<meta name="twitter:card" content="summary_large_image">',
            '<meta name="theme-color" content="#1f7a74">',
            '<link rel="manifest" href="manifest.webmanifest">',
            '<link rel="apple-touch-icon" href="icon-192.png">',
        ]

    def manifest(self) -> dict[str, Any]:
        """The web app manifest, by which a phone installs the page."""
        icons = [
            {"src": name, "type": "image/png", "sizes": f"{side}x{side}"}
            | {"purpose": "maskable" if "maskable" in name else "any"}
            for name, (side, _) in ICONS.items()
        ]
        return {
            "name": self.title,
            "short_name": self.title if len(self.title) <= 12 else "diptych",
            "description": self.description,
            "start_url": ".",
            "scope": ".",
            "display": "standalone",
            "background_color": "#f6f3ec",
            "theme_color": "#1f7a74",
            "icons": icons,
        }

    def pictures(self) -> dict[str, Image.Image]:
        """card.png and the icons."""
        return {"card.png": self.card()} | {name: icon(side, share) for name, (side, share) in ICONS.items()}

    def card(self) -> Image.Image:
        """The link preview: sources above their translations; without pictures, the icon and the title."""
        card = Image.new("RGB", CARD, PAPER)
        if not self.pairs:
            card.paste(icon(400, 0.84), (100, 115))
            draw = ImageDraw.Draw(card)
            title = textwrap.fill(self.title, 18, break_long_words=False, break_on_hyphens=False)
            draw.multiline_text((540, 315), title, INK, ImageFont.load_default(64), "lm", 16)
            return card
        shown = list(self.pairs[:COLUMNS])
        between = (CARD[0] - len(shown) * CELL) // (len(shown) + 1)
        for column, pair in enumerate(shown):
            for row, picture in enumerate(pair):
                square = ImageOps.fit(Image.fromarray(picture), (CELL, CELL), Image.Resampling.BICUBIC)
                card.paste(square, (between + column * (CELL + between), 30 + row * (CELL + 30)))
        return card


def title_of(card: Card, name: str) -> str:
    """Source and target domain of a known data set; otherwise a title from the Kinds."""
    known = domains(data_of(card)) if not card.same_picture else None
    if known is None:
        return title(card, name)
    turned = (card.provenance.get("direction") == "b-to-a") != (card.way == "b-to-a")
    source, target = reversed(known) if turned else known
    return f"{source[0].upper()}{source[1:]} to {target}"


def icon(side: int, share: float) -> Image.Image:
    """The page's icon.svg, of side 32, on the paper's colour."""
    fine = 4 * side
    picture = Image.new("RGB", (fine, fine), PAPER)
    draw = ImageDraw.Draw(picture)
    unit = fine * share / 32
    edge = (fine - 32 * unit) / 2

    def at(*places: tuple[float, float]) -> list[tuple[float, float]]:
        return [(edge + x * unit, edge + y * unit) for x, y in places]

    draw.rectangle(at((15, 3), (17, 29)), (181, 138, 58))
    for leaf, colour in (
        (((3, 6), (14, 4), (14, 28), (3, 26)), (255, 255, 255)),
        (((29, 6), (18, 4), (18, 28), (29, 26)), (31, 122, 116)),
    ):
        draw.polygon(at(*leaf), colour)
        draw.line(at(*leaf, leaf[0], leaf[1]), INK, round(2 * unit), "curve")
    steps = [part / 24 for part in range(25)]
    stroke = [
        (6 + 3 * t * (1 - t) ** 2 + 12 * t**2 * (1 - t) + 5 * t**3, 20 - 15 * t * (1 - t) - 8 * t**3) for t in steps
    ]
    draw.line(at(*stroke), INK, round(1.6 * unit), "curve")
    draw.ellipse(at((20.5, 12), (26.5, 18)), (255, 209, 102))
    return picture.resize((side, side), Image.Resampling.LANCZOS)
