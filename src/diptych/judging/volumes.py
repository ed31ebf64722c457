"""Judge folders of translated volumes against their targets: scores inside masks, intervals over volumes, and a sheet of slices."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from diptych.data.public.catalog import cache_folder
from diptych.data.volumes.sets import VolumeSet, by_name, require_one_grid, size_of
from diptych.errors import DiptychError, UsageError
from diptych.evaluation import bootstrap
from diptych.evaluation.metrics import Score
from diptych.evaluation.volumes import PROTOCOLS, Protocol, scores_of
from diptych.judging.captions import line
from diptych.judging.judge import Result, padded
from diptych.machine import progress
from diptych.volumes.geometry import Plane, Values, picture_of
from diptych.volumes.opening import open_volume
from diptych.volumes.store import slices_of

HIGHER = {"mae": False, "psnr": True, "ssim": True, "ms_ssim": True, "ms_ssim_textbook": True}
TILE = 192  # pixels: a side of a slice on the sheet
SHOWN: tuple[tuple[Plane, int], ...] = (("axial", 0), ("coronal", 1), ("sagittal", 2))
Shown = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Folders:
    """Where outputs, targets and masks lie; without masks the whole volume counts."""

    outputs: Path
    targets: Path
    masks: Path | None = None

    def sets(self) -> list[VolumeSet]:
        """Volumes of one name and on one grid.

        Raises:
            DiptychError: where an output has no target or no mask, or lies on another grid.
        """
        made, real = by_name(self.outputs), by_name(self.targets)
        masks = by_name(self.masks) if self.masks is not None else {}
        found = []
        for name, path in made.items():
            if name not in real:
                raise DiptychError(f"{path} has no target in {self.targets}; name outputs as their targets are.")
            if self.masks is not None and name not in masks:
                raise DiptychError(f"{path} has no mask in {self.masks}; add it, called alike.")
            one = VolumeSet(name, (real[name],), path, masks.get(name))
            require_one_grid(one)
            found.append(one)
        return found


def protocol_of(words: str) -> Protocol:
    """A challenge's name, or LOW,HIGH for a range of one's own.

    Raises:
        UsageError: for anything else.
    """
    if words in PROTOCOLS:
        return PROTOCOLS[words]
    if (limits := limits_of(words)) is None:
        raise UsageError(
            f'the protocol is "{words}"; choose from {", ".join(PROTOCOLS)}, or give the range of values as LOW,HIGH.'
        )
    return Protocol(words, *limits, ("mae", "psnr", "ssim", "ms_ssim_textbook"))


def limits_of(words: str) -> tuple[float, float] | None:
    """LOW,HIGH as two numbers of which the first is lower; None for anything else."""
    try:
        low, high = (float(one) for one in words.split(","))
    except ValueError:
        return None
    return (low, high) if low < high else None


def values_of(path: Path) -> Values:
    """(slices, rows, columns) in standing order, a memory map; DiptychError where it holds NaN or infinity."""
    slices = slices_of(path, 0, cache_folder("volumes"))
    if slices.facts.broken:
        raise DiptychError(f"{path} holds values that are not finite in slice {slices.facts.broken[0]}; replace them.")
    return slices.array


def mask_of(one: VolumeSet, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    if one.mask is None:
        return np.ones(shape, dtype=bool)
    mask: npt.NDArray[np.bool_] = np.asarray(values_of(one.mask)) > 0
    if not mask.any():
        raise DiptychError(f"{one.mask} marks nothing; draw the mask, or remove the volume.")
    return mask


def judge_volumes(folders: Folders, protocol: Protocol) -> Result:
    """The scores of each volume, their means, and intervals of the means by bootstrap over volumes."""
    sets = folders.sets()
    pictures: dict[str, list[float]] = {name: [] for name in protocol.metrics}
    for number, one in enumerate(sets):
        progress.show_share(f"judging {one.name}", number, len(sets))
        assert one.target is not None
        target, output = values_of(one.sources[0]), values_of(one.target)
        for name, value in scores_of(target, output, mask_of(one, target.shape), protocol).items():
            pictures[name].append(value)
    progress.show()
    scores = []
    for name, values in pictures.items():
        found = np.array(values)
        low, high = bootstrap.of_mean(found)
        better = "higher is better" if HIGHER[name] else "lower is better"
        scores.append(Score(name, float(found.mean()), low, high, better, len(found), note=unit_of(name, protocol)))
    sizes = {size_of(open_volume(one.sources[0]).shape[::-1]) for one in sets}
    facts = {
        "data": str(folders.targets),
        "split": "",
        "pictures": len(sets),
        "items": "volumes",
        "size": f"{min(sizes)} voxels" if len(sizes) == 1 else f"{len(sizes)} sizes",
        "range": f"{protocol.low:g} to {protocol.high:g} {protocol.unit}".strip(),
        "protocol": protocol.name,
        "mask": str(folders.masks or "none"),
        "metrics": list(protocol.metrics),
    }
    notes = [] if folders.masks else ["there are no masks, so the whole volume counts, air too; give --masks."]
    if protocol.name not in PROTOCOLS:
        notes.append("the range is one's own, so these are not the scores of a challenge.")
    if any(np.isnan(values).any() for values in pictures.values()):
        notes.append(
            "a score is undefined (nan) where a mask has no voxel that a window, at the coarsest scale too, lies around."
        )
    return Result(folders.outputs.name, facts, scores, [one.name for one in sets], pictures, notes)


def unit_of(metric: str, protocol: Protocol) -> str:
    return {"mae": protocol.unit, "psnr": f"dB, of a range of {protocol.range:g}"}.get(metric, "")


# The sheet


def volume_sheet(folders: Folders, result: Result, window: tuple[float, float], most: int = 3) -> Shown:
    """(H, W, 3): the best, the middle and the worst volume, each in three planes as output, target and their difference.

    Args:
        folders: as they were judged.
        result: what came of it.
        window: the lowest and the highest value that is shown, as black and white.
        most: volumes that are shown.
    """
    sets = folders.sets()
    leading = result.scores[0].metric
    order = list(np.argsort(result.pictures[leading], kind="stable"))
    places = order if len(order) <= most else [order[0], order[len(order) // 2], order[-1]]
    rows = [rows_of(sets[place], window, f"{leading} {result.pictures[leading][place]:.4g}") for place in places]
    width = max(row.shape[1] for row in rows)
    return np.concatenate([padded(row, right=width - row.shape[1]) for row in rows])


def rows_of(one: VolumeSet, window: tuple[float, float], score: str) -> Shown:
    """Three planes through the middle of the mask, one below the other, under a caption."""
    assert one.target is not None
    target, output = values_of(one.sources[0]), values_of(one.target)
    middle = middle_of(mask_of(one, target.shape))
    volume = open_volume(one.sources[0])
    own = np.array(volume.geometry.spacing[::-1])[list(volume.geometry.orientation.axes)]
    rows = []
    for plane, axis in SHOWN:
        faces = [
            picture_of(np.take(values, middle[axis], axis).astype(np.float64), axis) for values in (output, target)
        ]
        faces.append(faces[0] - faces[1])
        down, along = (float(own[number]) for number in range(3) if number != axis)
        tiles = [tile(grey(face, window), down, along) for face in faces[:2]]
        tiles.append(tile(difference(faces[2], window), down, along))
        row = np.concatenate(tiles, axis=1)
        caption = (
            f"{one.name}, {plane} {middle[axis]}: output, target, difference (blue: too low, red: too high)  {score}"
        )
        rows.append(np.concatenate([line(caption, f"{plane}  {score}", row.shape[1]), row]))
    return np.concatenate(rows)


def middle_of(mask: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    """The middle of what is marked, along each axis."""
    found = []
    for axis in range(3):
        marked = np.flatnonzero(mask.any(axis=tuple(one for one in range(3) if one != axis)))
        found.append(int(marked[0] + marked[-1]) // 2)
    return tuple(found)


def grey(face: Values, window: tuple[float, float]) -> Shown:
    shares = np.clip((face - window[0]) / (window[1] - window[0]), 0, 1)
    return np.repeat(np.rint(shares * 255).astype(np.uint8)[..., None], 3, axis=2)


def difference(face: Values, window: tuple[float, float]) -> Shown:
    """White where both agree, red where the output is higher and blue where it is lower; full at a quarter of the window."""
    share = np.clip(face / ((window[1] - window[0]) / 4), -1, 1)
    red, blue = 1 + np.minimum(share, 0), 1 - np.maximum(share, 0)
    found: Shown = np.rint(np.stack([red, np.minimum(red, blue), blue], axis=-1) * 255).astype(np.uint8)
    return found


def tile(picture: Shown, down: float, along: float) -> Shown:
    """In the shape that it has in space, in the middle of a white square."""
    height, width = picture.shape[0] * down, picture.shape[1] * along
    scale = TILE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    sized = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))
    top, left = (TILE - size[1]) // 2, (TILE - size[0]) // 2
    found = np.full((TILE, TILE, 3), 255, dtype=np.uint8)
    found[top : top + size[1], left : left + size[0]] = sized
    return found


def window_of(words: str, protocol: Protocol) -> tuple[float, float]:
    """LOW,HIGH as two numbers; by default the protocol's range.

    Raises:
        UsageError: for anything else.
    """
    if not words:
        return protocol.low, protocol.high
    if (limits := limits_of(words)) is None:
        raise UsageError(
            f'the window is "{words}"; give the lowest and the highest value that is shown, such as -160,240.'
        )
    return limits
