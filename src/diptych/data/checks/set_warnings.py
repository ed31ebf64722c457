"""What a set of examples as a whole gives reason to doubt."""

import numpy as np
import numpy.typing as npt

from diptych.data.checks.compare import Facts, Problem, near_partners
from diptych.data.entries import Layout
from diptych.data.settings import DataSettings
from diptych.pictures.formats import Header
from diptych.pictures.kinds import Kind


def one_class(counts: list[npt.NDArray[np.int64]], kind: Kind) -> list[Problem]:
    """Maps from which nothing can be learned, as when the foreground was taken for unknown."""
    present = [number for number in range(kind.classes) if sum(int(one[number]) for one in counts)]
    if len(present) != 1:
        return []
    unknown = f", and all else ({kind.unknown}) for no class" if kind.unknown >= 0 else ""
    words = f"the class maps hold class {kind.class_name(present[0])} alone{unknown}; correct them, or data.source."
    return [Problem("one class only", words)]


def doubtful_layout(settings: DataSettings, layout: Layout, headers: list[Header]) -> list[Problem]:
    """What was recognised, and is more probably something else."""
    if layout.kind == "unpaired":
        piles = [[entry.name for entry in pile["train"]] for pile in (layout.splits, layout.others)]
        words = near_partners(*piles)
        return [Problem("names nearly match", words)] if words else []
    if layout.kind != "side-by-side" or settings.layout == "side-by-side":
        return []
    high = [header for header in headers if header.width <= header.height]
    sizes = {(header.width, header.height) for header in headers}
    cameras = any((height, width) in sizes for width, height in sizes if width != height)  # which are turned for some
    if not cameras and 2 * len(high) <= len(headers):
        return []
    one = high[0]
    return [
        Problem(
            "single pictures?",
            f"{len(high)} of {len(headers)} pictures are square or upright, and would be cut into a left and a right half of "
            f"{one.width // 2}x{one.height}. If they are single pictures, say how to derive their source (data.task=edges, "
            f"greyscale, colorization, holed or shrunk) or train without pairs; if they are pairs, set data.layout=side-by-side.",
        )
    ]


def range_used(settings: DataSettings, facts: list[Facts]) -> list[str]:
    """16-bit files whose values use little of the range, as those of a camera with twelve bits."""
    lines = []
    for side, kind in (("source", settings.source), ("target", settings.target)):
        peaks = [fact.peaks[side] for fact in facts if side in fact.peaks]
        if kind.depth != "uint16" or kind.colour == "labels" or not peaks or max(peaks) >= kind.range[1] / 2:
            continue
        bits = max(int(max(peaks)).bit_length(), 1)
        lines.append(
            f"The {side} pictures reach {max(peaks):.0f} of {kind.range[1]:.0f}, {100 * max(peaks) / kind.range[1]:.1f} % of the "
            f"range, so networks would see them dark; for values of {bits} bits set data.{side}.high={2**bits - 1}."
        )
    return lines
