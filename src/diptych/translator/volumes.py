"""Translate volumes slice by slice: memory is that of a few slices, and a job that was stopped goes on where it was."""

import hashlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from diptych.data.public.catalog import cache_folder
from diptych.data.volumes.sets import VolumeSet, require_one_grid
from diptych.data.volumes.slice import Slice, measured_as
from diptych.errors import DiptychError, UsageError, write_error
from diptych.files import as_json, from_json, write_text
from diptych.pictures.decoded import Decoded
from diptych.pictures.depths import rounded
from diptych.pictures.kinds import Kind, Stored
from diptych.pictures.to_kind import as_kind
from diptych.translator.card import AXIS, SLICES, Card
from diptych.translator.scaling import TranslatorBase
from diptych.volumes.geometry import PLANES, Plane, Values, picture_of
from diptych.volumes.opening import open_volume, stamp_of
from diptych.volumes.volume import SLAB_BYTES, Volume
from diptych.volumes.writing import require_writable, write_volume

RECORD_SECONDS = 5.0  # after which the slices that are done are recorded
OnSlices = Callable[[str, int, int], None]
"""Called with the plane, the slices done, and their number."""


def is_for_volumes(card: Card) -> bool:
    return SLICES in card.provenance


def planes_of(card: Card, axis: str = "") -> tuple[Plane, ...]:
    """The planes to translate in: the stated one, all three, or that of training.

    Raises:
        UsageError: for another word, and for a translator that was not trained on slices or gives no single values.
    """
    if not is_for_volumes(card) or card.target.stored_channels != 1 or card.scale != 1:
        raise UsageError("this translator was not trained on slices of volumes; train one with data.slices=1 or 3.")
    if axis == "all" and card.target.has_gaps:
        raise UsageError("planes with pixels without data have no mean; give --axis axial, coronal or sagittal.")
    if axis == "all":
        return PLANES
    chosen = axis or str(card.provenance[AXIS])
    planes = tuple(plane for plane in PLANES if plane == chosen)
    if not planes:
        raise UsageError(f'the axis is "{axis}"; choose from {", ".join(PLANES)}, all.')
    return planes


def stacks_of(translator: TranslatorBase, count: int) -> int:
    """Neighbouring slices that each of ``count`` volumes gives.

    Raises:
        UsageError: for another number of volumes than in training.
    """
    slices = int(translator.card.provenance[SLICES])
    wanted = translator.card.source.stored_channels // slices
    if count != wanted:
        raise UsageError(
            f"this translator takes {wanted} volumes of one grid, and {count} {'is' if count == 1 else 'are'} given."
        )
    return slices


def translate_batches(
    translator: TranslatorBase, read: Callable[[int], Stored], axis: int, places: range, batch: int, seed: int | None
) -> Iterator[tuple[int, Values]]:
    """(place, slice in standing order) of each; ``read`` gives the stored source of a place."""
    for start in range(places.start, places.stop, batch):
        chosen = range(start, min(start + batch, places.stop))
        results = translator.translate_many([read(place) for place in chosen], seed=seed)
        for place, result in zip(chosen, results, strict=True):
            yield place, picture_of(result[..., 0], axis)


def translate_array(
    translator: TranslatorBase, sources: Sequence[Values], axis: str = "", batch: int = 1, seed: int | None = None
) -> Values:
    """Translate volumes that are arrays.

    Args:
        translator: of a network that was trained on slices.
        sources: one for each volume of training, (slices towards the head, rows to the back, columns to the left), in the
            source Kind's unit.
        axis: "axial", "coronal", "sagittal", "all" for the mean of the three, or as it was trained.
        batch: slices translated at once.
        seed: of the noise; None = the card's.

    Returns:
        The same shape, of the target Kind's depth.

    Raises:
        DiptychError: for other numbers and shapes of arrays, and values that the source Kind does not hold.
    """
    count = stacks_of(translator, len(sources))
    if any(one.ndim != 3 or one.shape != sources[0].shape for one in sources):
        raise UsageError("volumes are arrays of three axes and of one shape: (slices, rows, columns).")
    found = []
    for plane in planes_of(translator.card, axis):
        number = PLANES.index(plane)
        turned = [np.moveaxis(one, number, 0) for one in sources]

        def read(place: int, turned: Sequence[Values] = turned, number: int = number, plane: str = plane) -> Stored:
            half = count // 2
            near = np.clip(np.arange(place - half, place - half + count), 0, len(turned[0]) - 1)
            stack = np.concatenate([np.stack([one[n] for n in near], axis=-1) for one in turned], axis=-1)
            return as_source(picture_of(stack, number), translator.card.source, f"the volume ({plane} slice {place})")

        result = np.empty(turned[0].shape, translator.card.target.depth)
        for place, picture in translate_batches(translator, read, number, range(len(result)), batch, seed):
            result[place] = picture
        found.append(np.moveaxis(result, 0, number))
    return found[0] if len(found) == 1 else mean_of(found)


def as_source(stack: Stored, kind: Kind, name: str) -> Stored:
    return as_kind(Decoded(np.ascontiguousarray(measured_as(stack, kind, name))), kind, name)


def mean_of(results: Sequence[Values]) -> Values:
    """Of equal arrays, in their depth."""
    total = np.zeros(results[0].shape, np.float64)
    for one in results:
        total += one
    return rounded(total / len(results), results[0].dtype)


class VolumeJob:
    """The translation of one volume, or of several on one grid, to a file.

    Args:
        translator: of a network that was trained on slices.
        sources: their paths.
        out: a file with a volume's ending, or for a DICOM series a folder.
        axis: as of ``translate_array``.
        batch: slices translated at once.
        seed: of the noise; None = the card's.
        identity: what tells these weights from others.

    Raises:
        DiptychError: when a source cannot be read, they are of several grids, or ``out`` cannot hold the result.
    """

    def __init__(
        self,
        translator: TranslatorBase,
        sources: Sequence[Path],
        out: Path,
        axis: str = "",
        batch: int = 1,
        seed: int | None = None,
        identity: str = "",
    ) -> None:
        self.translator, self.sources, self.out = translator, tuple(sources), out
        self.batch, self.seed = batch, seed
        self.planes = planes_of(translator.card, axis)
        self.count = stacks_of(translator, len(sources))
        require_one_grid(VolumeSet(out.name, self.sources))
        self.like: Volume = open_volume(sources[0])
        require_writable(out, self.like)
        for plane in self.planes:
            self.like.require_plane(plane)
            require_finite(self.sources, plane)
        facts = [str(stamp_of(one)) for one in sources] + [str(one.absolute()) for one in sources]
        words = as_json([asdict(translator.card), facts, seed, identity, out.name, axis])
        self.key = hashlib.sha256(words.encode()).hexdigest()
        self.work = out.absolute().parent / f".{out.name}.unfinished"

    def run(self, on_slices: OnSlices) -> None:
        """Translate, and write the result; what an earlier process did of the same job is kept."""
        try:
            self.begin()
            results = [self.translate_plane(plane, on_slices) for plane in self.planes]
            write_volume(self.out, self.combined(results), self.like, self.translator.card.target.unit)
            shutil.rmtree(self.work)
        except OSError as problem:
            raise write_error(self.out, problem) from None

    def begin(self) -> None:
        """Keep the work of this job, and remove that of another."""
        place = self.work / "job.json"
        with suppress(OSError, ValueError, KeyError, TypeError):
            if from_json(place.read_text(encoding="utf-8"))["key"] == self.key:
                return
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        write_text(place, as_json({"key": self.key}))

    def translate_plane(self, plane: Plane, on_slices: OnSlices) -> Values:
        """(slices, rows, columns) in standing order, a memory map."""
        axis = PLANES.index(plane)
        cache = cache_folder("volumes")
        size = self.like.shape[axis]
        shape = (size, *(side for number, side in enumerate(self.like.shape) if number != axis))
        place, record = self.work / f"{plane}.npy", self.work / f"{plane}.json"
        done = 0
        if place.is_file():
            with suppress(OSError, ValueError, KeyError, TypeError):
                done = min(int(from_json(record.read_text(encoding="utf-8"))["done"]), size)
        if not done:
            np.lib.format.open_memmap(place, mode="w+", dtype=self.translator.card.target.depth, shape=shape)
        result = np.load(place, mmap_mode="r+")

        def read(index: int) -> Stored:
            stacks = [Slice(one, plane, index, self.count, cache) for one in self.sources]
            pixels = np.concatenate([one.stored() for one in stacks], axis=-1)
            return as_source(pixels, self.translator.card.source, str(stacks[0]))

        recorded = time.monotonic()
        try:
            for number, picture in translate_batches(
                self.translator, read, axis, range(done, size), self.batch, self.seed
            ):
                result[number] = picture
                done = number + 1
                if time.monotonic() - recorded >= RECORD_SECONDS:
                    keep_record(result, record, done)
                    recorded = time.monotonic()
                on_slices(plane, done, size)
        finally:
            keep_record(result, record, done)
        return np.moveaxis(result, 0, axis)

    def combined(self, results: Sequence[Values]) -> Values:
        """The result of one plane, or the mean of all, made slab by slab."""
        if len(results) == 1:
            return results[0]
        depth = self.translator.card.target.depth
        mean = np.lib.format.open_memmap(self.work / "mean.npy", mode="w+", dtype=depth, shape=self.like.shape)
        step = max(1, SLAB_BYTES // (8 * int(np.prod(self.like.shape[1:]))))
        for start in range(0, len(mean), step):
            mean[start : start + step] = mean_of([one[start : start + step] for one in results])
        return mean


def keep_record(result: Values, record: Path, done: int) -> None:
    """The slices first, then their number, so that a kill between the two costs work and no slice."""
    if isinstance(result, np.memmap):
        result.flush()
    write_text(record, as_json({"done": done}))


def require_finite(paths: Sequence[Path], plane: Plane) -> None:
    """Raises: DiptychError naming the slices of a volume that hold NaN or infinity, before any work is done."""
    for path in paths:
        broken = Slice(path, plane, 0, 1, cache_folder("volumes")).slices.facts.broken
        if broken:
            names = ", ".join(map(str, broken[:5])) + (" ..." if broken[5:] else "")
            raise DiptychError(
                f"{path} holds values that are not finite (NaN or infinity) in {plane} slices {names}; replace them."
            )
