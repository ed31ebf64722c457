"""Working copies: a volume in standing order with one axis first, as a memory map, so that its slices are read in any order.

Compressed files cannot be read from the middle, and slices across the file's own lie scattered in it. A copy is made in one pass with
bounded memory, is kept in the cache folder, and is known by path, size and date of the volume's files.
"""

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from diptych.errors import DiptychError
from diptych.files import as_json, atomic_write, from_json, remove_partial_files, write_text
from diptych.machine import progress
from diptych.volumes.geometry import Values
from diptych.volumes.opening import open_volume, stamp_of
from diptych.volumes.volume import Volume

DIRECT_BYTES = 256 * 2**20
"""Up to here a mapped volume is read across its own slices without a copy: the system keeps all of it in memory."""
MAPS = 64  # that are open at a time


def cache_limit() -> float:
    """Bytes that working copies may take together: DIPTYCH_VOLUME_CACHE_GIB of the environment, or 20 GiB."""
    stated = os.environ.get("DIPTYCH_VOLUME_CACHE_GIB", "20")
    try:
        return float(stated) * 2**30
    except ValueError:
        raise DiptychError(f'DIPTYCH_VOLUME_CACHE_GIB is "{stated}"; set it to a number of GiB such as 50.') from None


@dataclass(frozen=True)
class Facts:
    """The lowest and the highest value of each slice along an axis; NaN where a slice holds values that are not finite."""

    lowest: tuple[float, ...]
    highest: tuple[float, ...]

    @property
    def occupied(self) -> tuple[int, ...]:
        """Slices that are not all of one value."""
        return tuple(n for n, (low, high) in enumerate(zip(self.lowest, self.highest, strict=True)) if low < high)

    @property
    def broken(self) -> tuple[int, ...]:
        """Slices with NaN or infinity."""
        return tuple(n for n, low in enumerate(self.lowest) if low != low)


class Slices:
    """The slices of a volume along an axis: an array in standing order with that axis first, read-only."""

    def __init__(self, array: Values, facts: Facts) -> None:
        self.array, self.facts = array, facts

    def stack(self, index: int, count: int) -> Values:
        """(H, W, count): slice ``index`` and its neighbours on both sides; beyond the end the last is repeated."""
        half = count // 2
        numbers = np.clip(np.arange(index - half, index - half + count), 0, len(self.array) - 1)
        return np.stack([np.asarray(self.array[number]) for number in numbers], axis=-1)


def slices_of(path: Path, axis: int, cache: Path) -> Slices:
    """The slices of the volume at ``path`` along an axis in standing order; a copy is made in ``cache`` if need be.

    Raises:
        DiptychError: when the volume is damaged, or the copy cannot be written.
    """
    return kept(path, stamp_of(path), axis, cache)


@lru_cache(maxsize=MAPS)
def kept(path: Path, stamp: object, axis: int, cache: Path) -> Slices:
    volume = open_volume(path)
    key = hashlib.sha256(os.fsencode(f"{path.absolute()}\n{stamp}\n{axis}")).hexdigest()[:32]
    copy, known = cache / f"{key}.npy", cache / f"{key}.json"
    array = direct(volume, axis)
    if array is None:
        array = working_copy(volume, axis, copy)
    facts = recalled(known, len(array))
    if facts is None:
        facts = measured(array)
        with suppress(DiptychError):
            write_text(known, as_json({"lowest": facts.lowest, "highest": facts.highest}))
    return Slices(array, facts)


def direct(volume: Volume, axis: int) -> Values | None:
    """The file's own memory map, in order, where that reads well."""
    own = volume.geometry.orientation.axes[axis] == 0
    size = int(np.prod(volume.shape)) * np.dtype(volume.depth).itemsize
    if not volume.mapped or not (own or size <= DIRECT_BYTES):
        return None
    array = volume.mapped_array()
    if array is None:
        return None
    turned: Values = np.moveaxis(volume.geometry.orientation.standing(array), axis, 0)
    return turned


def working_copy(volume: Volume, axis: int, place: Path) -> Values:
    """The copy at ``place``, made if it is not there."""
    with suppress(OSError, ValueError):
        os.utime(place)  # the copies used last are kept longest
        return opened_copy(place)
    make_room(place.parent, int(np.prod(volume.shape)) * np.dtype(volume.depth).itemsize)
    orientation = volume.geometry.orientation
    shape = volume.shape[axis], *volume.shape[:axis], *volume.shape[axis + 1 :]
    with atomic_write(place) as beside:
        copy = np.lib.format.open_memmap(beside, mode="w+", dtype=volume.depth, shape=shape)
        stored = orientation.stored(np.moveaxis(copy, 0, axis))  # a view in the file's order
        for start, values in volume.parts():
            stored[start : start + len(values)] = values
            progress.show_share(f"unpacking {volume.path.name}", start + len(values), len(stored))
        copy.flush()
        del stored, copy
    return opened_copy(place)


def opened_copy(place: Path) -> Values:
    copy: Values = np.load(place, mmap_mode="r", allow_pickle=False)
    return copy


def make_room(folder: Path, needed: int) -> None:
    """Remove the copies used longest ago, as many as the limit asks for."""
    remove_partial_files(folder)
    copies = []
    with suppress(OSError):
        for one in folder.glob("*.npy"):
            with suppress(OSError):
                found = one.stat()
                copies.append((found.st_mtime, found.st_size, one))
    held = sum(size for _, size, _ in copies) + needed
    for _, size, one in sorted(copies):
        if held <= cache_limit():
            return
        with suppress(OSError):
            one.unlink()
        held -= size


def measured(array: Values) -> Facts:
    lowest, highest = [], []
    for picture in array:
        low, high = float(picture.min()), float(picture.max())
        finite = np.isfinite(low) and np.isfinite(high)
        lowest.append(low if finite else float("nan"))
        highest.append(high if finite else float("nan"))
    return Facts(tuple(lowest), tuple(highest))


def recalled(place: Path, count: int) -> Facts | None:
    """What an earlier run measured; None where there is nothing whole."""
    try:
        found = from_json(place.read_text(encoding="utf-8"))
        low, high = (
            tuple(float("nan") if one is None else float(one) for one in found[key]) for key in ("lowest", "highest")
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Facts(low, high) if len(low) == len(high) == count else None
