"""To which size pictures are brought, and of which size crops are, by those of the pictures."""

from collections.abc import Mapping
from dataclasses import replace
from statistics import median
from typing import Any

from diptych.data.checks.check import scale_advice
from diptych.data.checks.survey import Survey
from diptych.data.settings import as_size
from diptych.errors import DiptychError
from diptych.pictures.sizes import Fit
from diptych.training.setup.choice import Chosen, Rule

JITTER = 286 / 256  # load size over crop size, as in the papers
SQUARE = 1.1  # longer side over shorter side up to which pictures are stretched to a square
LEAST_SIDE = 16  # of pictures, and of a stated load size
LAYOUT = 16  # times the area of a crop up to which crops of a picture still show how it is laid out


def sizes(found: Survey, side: int, stated: Mapping[str, Any]) -> Rule:
    """A crop of ``side`` or the largest that fits; pictures shrink to just above it, unless crops show enough of them as they are.

    Of the sizes and the fit, those that are stated bind the others. A stated load size is never made void by ``fit="none"``.
    """
    every, settings = found.sizes, found.settings
    crop, why = settings.crop_size, ""
    if "data.crop_size" not in stated:
        crop, why = chosen_crop(found, side, stated)
    if settings.slices and not {"data.fit", "data.load_size"} & stated.keys():
        millimetres = "a millimetre is as many pixels in training as in the volume to be translated"
        return {"data.crop_size": Chosen(crop, why), "data.fit": Chosen("none", millimetres)}
    load = settings.load_size
    if "data.load_size" not in stated:
        tall, wide = (round(side * JITTER) for side in as_size(crop))
        load = tall if tall == wide else (tall, wide)
    square = sum(max(size) <= SQUARE * min(size) for size in every) >= 0.9 * len(every)
    fit: Fit = "stretch" if square else "shorter-side"
    shape = "the pictures are square" if square else "keeps the shape of the pictures"
    rule: Rule = {"data.crop_size": Chosen(crop, why)}
    fitted = replace(settings, load_size=load, crop_size=crop, fit=fit)
    much_larger = bool(scale_advice(fitted, list(found.headers), found.layout.kind == "side-by-side"))
    if settings.fit == "none" and "data.fit" in stated:
        return rule
    if much_larger and not {"data.load_size", "data.fit"} & stated.keys():
        height, width = max(sorted(set(every)), key=every.count)
        tall, wide = as_size(crop)
        share = tall * wide / (height * width)
        if share * LAYOUT >= 1:
            words = f"pictures of {height}x{width} are much larger: crops at full resolution, each {100 * share:.0f} % of one"
            return rule | {"data.fit": Chosen("none", words)}
        shape += f", {height}x{width}, and shrink to show their layout; crops at full resolution: data.fit=none"
    return rule | {
        "data.load_size": Chosen(load, "an eighth more than the crop, so that crops differ"),
        "data.fit": Chosen(fit, shape),
    }


def chosen_crop(found: Survey, side: int, stated: Mapping[str, Any]) -> tuple[int, str]:
    """The largest up to ``side`` that a stated load size has room for, else the pictures; and why.

    Raises:
        DiptychError: where that is too small.
    """
    settings = found.settings
    room, what = int(median(min(size) for size in found.sizes)), "the pictures' shorter side is"
    if room < LEAST_SIDE:
        raise DiptychError(
            f"pictures in {settings.folder} have {room} pixels on their shorter side; {LEAST_SIDE} are the least."
        )
    if "data.load_size" in stated and settings.fit != "none":
        room, what = min(as_size(settings.load_size)), "data.load_size is"
        if room < LEAST_SIDE:
            raise DiptychError(f"data.load_size is {room}; {LEAST_SIDE} are the least from which a crop is chosen.")
    crop = largest_crop(min(side, room))
    return crop, "what fits this machine" if crop == side else f"{what} {room}"


def largest_crop(room: int) -> int:
    """The largest crop up to ``room`` that the networks take: a multiple of 32, or 24 or 16."""
    return room // 32 * 32 or room // 8 * 8
