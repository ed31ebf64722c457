"""Pictures of the report: small, few, and laid out for a wide screen."""

import base64
import io
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

GRIDS = 24  # sample grids, at most
GRID_BYTES = 200_000  # of one encoded grid or sheet; base64 adds a third, so all grids take 6.4 MB
SHEETS = 4  # of the last evaluations
SIDE = 1600  # the longer side, at most
GAP = 8  # pixels between columns
PIXELS = 700_000_000  # larger pictures are no sample grids and are not decoded


def spread(grids: list[Path]) -> list[Path]:
    """At most GRIDS of them, evenly spaced, the first and the last included."""
    if len(grids) <= GRIDS:
        return grids
    return [grids[place * (len(grids) - 1) // (GRIDS - 1)] for place in range(GRIDS)]


@lru_cache(GRIDS + SHEETS)
def embedded(path: Path, tile: tuple[int, int] | None = None, stamp: tuple[int, ...] = ()) -> str:
    """A picture as a data URL, WebP of at most GRID_BYTES; empty when it cannot be read.

    Args:
        tile: height and width of the pictures of a grid, whose rows are laid out in columns.
        stamp: the state of the file; one that has changed is read again.
    """
    try:
        # Image.open refuses large pictures, such as a grid of eight 4K pictures.
        with open(path, "rb") as file, PngImagePlugin.PngImageFile(file) as opened:
            if opened.width * opened.height > PIXELS:
                return ""
            picture = folded(opened.convert("RGB"), tile)
    except Exception:  # damaged files raise many types
        return ""
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    for quality in (80, 60, 40):
        data = encoded(picture, quality)
        if len(data) <= GRID_BYTES:
            break
    while len(data) > GRID_BYTES:
        picture = picture.resize((max(1, picture.width * 3 // 4), max(1, picture.height * 3 // 4)))
        data = encoded(picture, 60)
    return "data:image/webp;base64," + base64.b64encode(data).decode()


def encoded(picture: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=2)
    return buffer.getvalue()


def folded(picture: Image.Image, tile: tuple[int, int] | None) -> Image.Image:
    """Lay out a tall grid in columns, closest to a screen's shape; unchanged when it does not consist of whole tiles."""
    if tile is None or min(tile) < 1 or picture.height % tile[0] or picture.width % tile[1]:
        return picture
    rows = picture.height // tile[0]

    def shape(columns: int) -> float:
        high = -(-rows // columns) * tile[0]
        wide = columns * picture.width + (columns - 1) * GAP
        return max(wide / (2.2 * high), 2.2 * high / wide)

    columns = min(range(1, rows + 1), key=shape)
    high, step = -(-rows // columns) * tile[0], picture.width + GAP
    if columns == 1:
        return picture
    pixels = np.asarray(picture)
    sheet = Image.new("RGBA", (columns * step - GAP, high))  # gaps and missing rows are transparent
    for column in range(columns):
        sheet.paste(Image.fromarray(pixels[column * high : (column + 1) * high]), (column * step, 0))
    return sheet
