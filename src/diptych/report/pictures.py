"""Pictures within the page: few, small, and laid out for a wide screen."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

GRIDS = 24  # sample grids, first and last among them
GRID_BYTES = 200_000  # of one encoded grid or sheet; a third more as text, so that all grids take 6.4 MB
SHEETS = 4  # of evaluations, the last ones
SIDE = 1600  # the longer side, at most
GAP = 8  # pixels between columns
PIXELS = 700_000_000  # more are not decoded: that is no sample grid


def spread(grids: list[Path]) -> list[Path]:
    """At most GRIDS of them, evenly, with the first and the last."""
    if len(grids) <= GRIDS:
        return grids
    return [grids[place * (len(grids) - 1) // (GRIDS - 1)] for place in range(GRIDS)]


def embedded(path: Path, tile: tuple[int, int] | None = None) -> str:
    """A picture as a data address, WebP of at most GRID_BYTES; empty where it cannot be read.

    Args:
        path: the picture.
        tile: height and width of a picture in it; a grid of rows of such is laid out in columns.
    """
    try:
        # Not by Image.open, which refuses what is large: eight 4K pictures, and our own.
        with open(path, "rb") as file, PngImagePlugin.PngImageFile(file) as opened:
            if opened.width * opened.height > PIXELS:
                return ""
            picture = folded(opened.convert("RGB"), tile)
    except Exception:  # a damaged file throws anything
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
    """A tall grid in columns, nearest to a screen's shape; as it is where it does not consist of whole tiles."""
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
    sheet = Image.new("RGBA", (columns * step - GAP, high))  # what a last column lacks is transparent, as the gaps are
    for column in range(columns):
        sheet.paste(Image.fromarray(pixels[column * high : (column + 1) * high]), (column * step, 0))
    return sheet
