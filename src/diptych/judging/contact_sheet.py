"""A sheet of source, output and target in columns with titles, large enough to be looked at."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps

from diptych.evaluation.metrics import Example
from diptych.evaluation.set_metrics import as_bytes

SIDE, TITLE, GAP = 192, 28, 24  # pixels: a picture's side, the row of titles, between two columns of examples


def contact_sheet(examples: Sequence[Example], titles: Sequence[str], columns: int = 2) -> npt.NDArray[np.uint8]:
    """(height, width, 3): the examples from top to bottom, column by column; each as wide as its titles are many.

    Pictures keep their shape, on white in the middle of their square.
    """
    rows, wide = -(-len(examples) // columns), len(titles) * SIDE + GAP
    sheet = Image.new("RGB", (columns * wide - GAP, TITLE + rows * SIDE), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for place, title in enumerate(list(titles) * columns):
        column, part = divmod(place, len(titles))
        draw.text((column * wide + part * SIDE + SIDE // 2, TITLE // 2), title, "black", font, anchor="mm")
    for number, example in enumerate(examples):
        column, row = divmod(number, rows)
        views = (example.source_rgb, example.output_rgb, example.target_rgb)
        for part, view in enumerate(view for view in views if view is not None):
            tile = ImageOps.pad(Image.fromarray(as_bytes(view)), (SIDE, SIDE), Image.Resampling.LANCZOS, "white")
            sheet.paste(tile, (column * wide + part * SIDE, TITLE + row * SIDE))
    return np.asarray(sheet)
