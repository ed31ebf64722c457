"""``diptych translate`` of volumes."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diptych.commands import STREAM
from diptych.errors import DiptychError, UsageError
from diptych.machine import progress
from diptych.translator.many.jobs import identity
from diptych.translator.translator import Translator
from diptych.translator.volumes import VolumeJob, is_for_volumes
from diptych.volumes.opening import ONLY_VOLUMES, ending_of, is_series, open_volume, stem_of, volumes_in


@dataclass(frozen=True)
class VolumeOptions:
    """What the command says of how volumes are translated."""

    axis: str
    batch: int
    seed: int | None
    tile: int | None
    overwrite: bool


def volumes_among(inputs: Sequence[str]) -> list[Path]:
    """The volumes that the inputs name; empty where they are pictures.

    Raises:
        UsageError: for volumes and pictures together.
    """
    found: list[Path] = []
    others = []
    for one in inputs:
        path = Path(one)
        inside = volumes_in(path) if one != STREAM and path.is_dir() and not is_series(path) else []
        if one == STREAM:
            others.append(one)
        elif path.name.lower().endswith(ONLY_VOLUMES) or (path.is_dir() and is_series(path)):
            found.append(path)
        elif inside and any(place.name.lower().endswith(ONLY_VOLUMES) or place.is_dir() for place in inside):
            found += inside
        else:
            others.append(one)
    if found and others:
        stacks = [one for one in others if ending_of(Path(one))]
        if len(stacks) < len(others):
            raise UsageError(
                f"{others[0]} is no volume and {found[0]} is one; translate pictures and volumes one after the other."
            )
        found += [Path(one) for one in stacks]
    return found


def translate_volumes(
    translator: Translator, volumes: Sequence[Path], stack: Sequence[Path], out: Path, options: VolumeOptions
) -> int:
    """One after the other; 1 where some could not be translated."""
    if not is_for_volumes(translator.card):
        raise UsageError(
            f"{volumes[0]} is a volume, and this translator takes pictures; train one on slices with data.slices=1 or 3."
        )
    if str(out) == STREAM:
        raise UsageError("a volume needs a file to be written to; give --out a name such as ct.nii.gz.")
    translator.tile = options.tile
    places = places_for(volumes, out)
    known = identity(translator)
    failed = 0
    for path, place in zip(volumes, places, strict=True):
        if place.exists() and not options.overwrite:
            print(f"{place} is there already and is kept; replace it with --overwrite.")
            continue
        try:
            sources = [path, *(beside(path, one) for one in stack)]
            translate_one(translator, sources, place, options, known)
        except DiptychError as problem:
            if len(volumes) == 1:
                raise
            print(f"NOT TRANSLATED: {problem}")
            failed += 1
    return int(failed > 0)


def translate_one(
    translator: Translator, sources: Sequence[Path], place: Path, options: VolumeOptions, known: str
) -> None:
    job = VolumeJob(translator, sources, place, options.axis, options.batch, options.seed, known)
    for remark in job.like.remarks:
        print(f"notice: {remark}")
    began = time.perf_counter()
    if place.is_dir() and options.overwrite:
        raise DiptychError(f"{place} is a folder with a series, which is not replaced; remove it, or name another.")
    job.run(lambda plane, done, total: progress.show_share(f"translating {sources[0].name} ({plane})", done, total))
    size = "x".join(map(str, open_volume(sources[0]).shape[::-1]))
    unit = f" {translator.card.target.unit}" if translator.card.target.unit else ""
    low, high = translator.card.target.range
    print(
        f"{place}: {size} voxels of {translator.card.target.depth}, {low:g} to {high:g}{unit}, {', '.join(job.planes)} slices, "
        f"in {time.perf_counter() - began:.0f} s. Not for diagnosis: it is computed, not measured."
    )


def places_for(volumes: Sequence[Path], out: Path) -> list[Path]:
    """Where each result goes: ``out`` itself for one volume, else files in it that are called as the volumes are."""
    series = len(volumes) == 1 and volumes[0].is_dir()
    if len(volumes) == 1 and (ending_of(out) or series):
        return [out]
    if ending_of(out):
        raise UsageError(f"{out} is one file, and there are {len(volumes)} volumes; give --out a folder.")
    names = [f"{stem_of(path)}{ending_of(path).replace('.mhd', '.mha')}" for path in volumes]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"two of the volumes are called {twice}; translate them into two folders.")
    return [out / name for name in names]


def beside(path: Path, stack: Path) -> Path:
    """The partner of a volume: the file itself, or that of its name in a folder."""
    if stack.is_file() or (stack.is_dir() and is_series(stack)):
        return stack
    found = [one for one in volumes_in(stack) if stem_of(one) == stem_of(path)]
    if len(found) != 1:
        raise DiptychError(f"{stack} has no volume called {stem_of(path)}; correct --stack.")
    return found[0]
