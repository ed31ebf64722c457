"""Metadata of an exported page: title, link preview (Open Graph), web app manifest and icons."""

import html
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

RGBArray = npt.NDArray[np.uint8]

CARD = (1200, 630)
"""Width and height of the link preview, as most sites show it."""
CELL, COLUMNS = 270, 4
PAPER, INK = (246, 243, 236), (31, 42, 48)
ICONS = {"icon-192.png": 192, "icon-512.png": 512, "icon-maskable.png": 512}
"""Sides of the page's icon.svg on paper; of the maskable one, which phones crop to their own shape, the drawing covers less."""


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
            for name, side in ICONS.items()
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

    def card(self) -> Image.Image:
        """The link preview: sources above their translations; without pictures, the icon and the title."""
        card = Image.new("RGB", CARD, PAPER)
        if not self.pairs:
            with Image.open(icon_path("icon-512.png")) as icon:
                card.paste(icon.resize((400, 400), Image.Resampling.LANCZOS), (100, 115))
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


def icon_path(name: str) -> Path:
    return Path(str(resources.files("diptych.exporting"))) / "icons" / name
