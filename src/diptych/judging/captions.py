"""Captions on contact sheets, in the first font that has all letters; Pillow has no fallback between fonts."""

from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

CAPTION = 14  # pixels
SIZE = 11
FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf"),
    *("NotoSansCJK-Regular.ttc", "wqy-microhei.ttc", "DroidSansFallbackFull.ttf"),
    *("NotoSansArabic-Regular.ttf", "NotoSansDevanagari-Regular.ttf", "NotoSansThai-Regular.ttf"),
    *("Arial Unicode.ttf", "PingFang.ttc", "Hiragino Sans GB.ttc"),  # of macOS
    *("segoeui.ttf", "msyh.ttc", "YuGothM.ttc", "malgun.ttf", "Nirmala.ttf", "LeelawUI.ttf"),  # of Windows
)
"""Searched in the system's folders of fonts."""
ADVICE = "a font such as Debian's fonts-wqy-microhei or Noto Sans"
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font_at(place: int) -> Font | None:
    """Pillow's own font, then those of ``FONTS``; None if it is not installed."""
    if place == 0:
        return ImageFont.load_default()
    try:
        return ImageFont.truetype(FONTS[place - 1], SIZE)
    except (OSError, ImportError):  # the latter of a Pillow without FreeType
        return None


@lru_cache(maxsize=65536)
def has(place: int, letter: str) -> bool:
    """Whether a font has a letter: its drawing differs from that of an unassigned code point."""
    font = font_at(place)
    if font is None:
        return False
    if not isinstance(font, ImageFont.FreeTypeFont):
        return letter.isascii()
    drawings = [font.getmask(one) for one in (letter, "\U0010ffff")]
    return letter.isspace() or bytes(drawings[0]) != bytes(drawings[1]) or drawings[0].size != drawings[1].size


def font_for(text: str) -> Font | None:
    """The first font that has every letter; None if there is none, or for unprintable characters."""
    if not text.isprintable():  # escape sequences, line ends, names that are no UTF-8
        return None
    for place in range(len(FONTS) + 1):
        if all(has(place, letter) for letter in text):
            return font_at(place)
    return None


def numbered(names: list[str], table: str) -> str:
    """A sentence if some names cannot be drawn: where to look up their numbers."""
    odd = sum(font_for(name) is None for name in names)
    if not odd:
        return ""
    return (
        f"{odd} of {len(names)} names cannot be drawn with the fonts that are installed; on sheet.png these pictures have their "
        f"number in {table}. Install {ADVICE} to see names."
    )


def line(text: str, instead: str, width: int) -> npt.NDArray[np.uint8]:
    """(CAPTION, width, 3): black on white; ``instead`` where no font has all the letters."""
    picture = Image.new("RGB", (width, CAPTION), "white")
    font = font_for(text)
    ImageDraw.Draw(picture).text((2, 1), text if font else instead, fill="black", font=font or font_at(0))
    return np.asarray(picture)
