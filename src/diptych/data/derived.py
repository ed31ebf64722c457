"""Sources that are derived from their target: edges, grey, colorization, holes, and smaller pictures."""

from collections.abc import Callable, Sequence

import numpy as np

from diptych.data.entries import Entry
from diptych.data.holes import HOLES, Mask
from diptych.data.pictures import Pictures
from diptych.data.settings import DataSettings, as_size
from diptych.errors import DiptychError
from diptych.pictures.depths import RANGES, rounded
from diptych.pictures.formats import list_pictures
from diptych.pictures.kinds import MASK, Kind, Stored
from diptych.pictures.resizing import resize
from diptych.pictures.to_kind import luma, with_hole

EIGHT_BIT = Kind()
SMALLEST_EDGE = 5  # pixels of a connected edge that is kept


class Derived(Pictures):
    """Pictures whose source is made from the target after the crop."""

    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        picture = self.cache.read(self.entries[index].a[0], self.settings.target)
        (target,) = self.cut([picture], [self.settings.target], rng)
        return DERIVE[self.settings.task](target, self.settings), target


def edges(picture: Stored) -> Stored:
    """Canny's edges, black on white, (H, W, 1 or 3) to (H, W, 1) of the same depth.

    The pix2pix paper uses HED, a network whose weights cannot be shipped. Its clean-up is done here too: components under
    five pixels are removed.
    """
    try:
        import cv2  # an extra
    except ImportError:
        raise DiptychError("data.task = \"edges\" needs OpenCV: pip install 'diptych[edges]'.") from None
    top = RANGES[str(picture.dtype)]
    eight_bit = np.ascontiguousarray(np.rint(picture.astype(np.float32) * (255 / top)).clip(0, 255).astype(np.uint8))
    grey = cv2.cvtColor(eight_bit, cv2.COLOR_RGB2GRAY) if eight_bit.shape[2] == 3 else eight_bit[..., 0]
    middle = float(np.median(grey))
    found = cv2.Canny(cv2.GaussianBlur(grey, (5, 5), 1.0), 0.4 * middle, 0.8 * middle + 20)
    _, labels, facts, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    kept = facts[:, cv2.CC_STAT_AREA] >= SMALLEST_EDGE
    kept[0] = False  # the paper itself
    drawn = kept[labels]
    return np.where(drawn, 0, top).astype(picture.dtype)[..., None]


Derive = Callable[[Stored, DataSettings], Stored]
"""(the stored target, settings) to the stored source."""


def edge_source(picture: Stored, settings: DataSettings) -> Stored:
    """Edges are found in 8 bits, whatever the depths and ranges of the two Kinds."""
    return converted(edges(converted(picture, settings.target, EIGHT_BIT)), EIGHT_BIT, settings.source)


def grey_source(picture: Stored, settings: DataSettings) -> Stored:
    """One channel of ITU-R BT.601 luma."""
    return converted(luma(picture) if picture.shape[2] == 3 else picture, settings.target, settings.source)


DERIVE: dict[str, Derive] = {
    "edges": edge_source,
    "greyscale": grey_source,
    "colorization": lambda picture, settings: picture,  # its lightness and chroma (pix2pix, section 6.2)
}


def converted(picture: Stored, found: Kind, wanted: Kind) -> Stored:
    """Convert values from one Kind's depth and range to another's; channels stay."""
    if (found.depth, found.range) == (wanted.depth, wanted.range):
        return picture
    (low, high), (new_low, new_high) = found.range, wanted.range
    values = np.clip((picture.astype(np.float64) - low) / (high - low), 0, 1) * (new_high - new_low) + new_low
    return rounded(values, wanted.depth)


class Holed(Pictures):
    """Pictures with a hole. In validation each picture has the same hole every time."""

    def __init__(self, settings: DataSettings, entries: Sequence[Entry], train: bool) -> None:
        super().__init__(settings, entries, train)
        self.masks = list_pictures(settings.path_of("mask_folder")) if settings.hole == "files" else []
        if settings.hole == "files" and not self.masks:
            raise DiptychError(f"there is no mask in {settings.path_of('mask_folder')}; correct data.mask_folder.")

    def hole(self, shape: tuple[int, int], index: int, rng: np.random.Generator) -> Mask:
        settings = self.settings
        if not self.masks:
            return HOLES[settings.hole](shape, settings.hole_share, rng)
        place = int(rng.integers(len(self.masks))) if self.train else index % len(self.masks)
        mask = self.cache.read(self.masks[place], MASK)
        white: Mask = resize(mask.copy(), *shape, "nearest")[..., 0] >= 128
        return white

    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        settings = self.settings
        picture = self.cache.read(self.entries[index].a[0], settings.target)
        (target,) = self.cut([picture], [settings.target], rng)
        hole = self.hole(target.shape[:2], index, rng)
        return with_hole(target, hole[..., None], settings.source), target


class Shrunk(Pictures):
    """Large pictures and small ones. The small are resized by antialiased bicubic, or are files of their own.

    Training draws crops. Otherwise a picture is whole, cut at the right and below to a multiple of the factor.
    """

    def stored(self, index: int, rng: np.random.Generator) -> tuple[Stored, Stored]:
        settings, entry, factor = self.settings, self.entries[index], self.settings.factor
        target = self.cache.read(entry.b or entry.a[0], settings.target)
        source = None if entry.b is None else self.cache.read(entry.a[0], settings.source)
        height, width = target.shape[:2]
        if source is not None and (source.shape[0] * factor, source.shape[1] * factor) != (height, width):
            raise DiptychError(
                f"{entry.b} is {width}x{height}, and its partner {entry.a[0]} is {source.shape[1]}x{source.shape[0]}, which is "
                f"not 1/{factor} of it; correct data.factor, or cut the large one."
            )
        if min(height, width) < (min(as_size(settings.crop_size)) if self.train else factor):
            raise DiptychError(
                f"{entry.b or entry.a[0]} is {width}x{height}, smaller than data.crop_size; remove it, or choose a smaller crop."
            )
        return matching_crops(target, source, settings, self.train, rng)


def matching_crops(
    target: Stored, source: Stored | None, settings: DataSettings, train: bool, rng: np.random.Generator
) -> tuple[Stored, Stored]:
    """(source, target): the same crop of a large picture and of its small one, which is made of the crop where there is none."""
    (height, width), factor = target.shape[:2], settings.factor
    top, left, mirrored = 0, 0, False
    if train:
        crop = as_size(settings.crop_size)
        top, left = (
            int(rng.integers((side - part) // factor + 1)) * factor
            for side, part in zip((height, width), crop, strict=True)
        )
        mirrored = settings.mirror and bool(rng.random() < 0.5)
        height, width = crop
    height, width = height // factor * factor, width // factor * factor
    target = mirrored_copy(target[top : top + height, left : left + width], mirrored)
    if source is None:
        source = resize(converted(target, settings.target, settings.source), height // factor, width // factor)
    else:
        rows, columns = (
            slice(top // factor, (top + height) // factor),
            slice(left // factor, (left + width) // factor),
        )
        source = mirrored_copy(source[rows, columns], mirrored)
    return source, target


def mirrored_copy(picture: Stored, mirrored: bool) -> Stored:
    """A copy: pictures of the cache are read-only."""
    return np.array(picture[:, ::-1] if mirrored else picture, order="C")
