"""Which volumes of a folder belong together: matched by name in folders, or in one folder for each patient."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from diptych.data.folders import NAME_THEM, SPLIT_NAMES, Folders, Tree, by_split
from diptych.data.settings import DataSettings
from diptych.errors import DiptychError
from diptych.files import expand_user
from diptych.volumes.geometry import Geometry
from diptych.volumes.opening import ONLY_VOLUMES, READERS, open_volume, stem_of, volumes_in

FAMILIES = (
    ("a", "b"),
    ("x", "y"),
    ("source", "target"),
    ("input", "target"),
    ("mr", "ct"),
    ("cbct", "ct"),
    ("t1", "t2"),
)
"""Names of the folders of a and of b, or of the files in a patient's folder; capitals do not matter."""


@dataclass(frozen=True)
class VolumeSet:
    """Volumes of one name on one grid; without ``target`` they are one side of an unpaired set."""

    name: str
    sources: tuple[Path, ...]
    target: Path | None = None
    mask: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        return (*self.sources, *((self.target,) if self.target else ()), *((self.mask,) if self.mask else ()))


Sets = dict[str, list[VolumeSet]]
"""By split; "" stands for a folder without splits."""


def volume_sets(root: Path, settings: DataSettings) -> tuple[Sets, Sets, list[str], str]:
    """(sets by split, those of the second side of an unpaired task, a sentence for each volume without partner, description).

    Raises:
        DiptychError: when nothing fits, with what was looked for.
    """
    stated = (*settings.source_folders, settings.target_folder) if settings.source_folders else ()
    for names in [stated] if stated else FAMILIES:
        found, lacking = by_split(Tree(root), names)
        if found:
            words = ", ".join(" and ".join(folder.name for folder in folders) for folders in found.values())
            return of_folders(root, found, lacking, settings, f"volumes matched by name ({words})")
        if patients := of_patients(root, names, settings):
            return patients, {}, [], f"a folder for each patient, with {' and '.join(names)}"
    wanted = " and ".join(stated) if stated else "A and B, MR and CT, T1 and T2, ..."
    raise DiptychError(
        f"{root} has no folders of volumes ({wanted}), nor such volumes in a folder for each patient; {NAME_THEM}."
    )


def of_folders(
    root: Path, found: Folders, lacking: list[str], settings: DataSettings, words: str
) -> tuple[Sets, Sets, list[str], str]:
    problems, sets, others = list(lacking), Sets(), Sets()
    for split, folders in found.items():
        piles = [by_name(folder) for folder in folders]
        if settings.task == "unpaired":
            sets[split] = [VolumeSet(name, (path,)) for name, path in piles[0].items()]
            others[split] = [VolumeSet(name, (path,)) for name, path in piles[-1].items()]
            continue
        complete = [name for name in piles[0] if all(name in pile for pile in piles)]
        if not complete:
            raise DiptychError(
                f"no name in {folders[0]} is also in {folders[-1]}; partners must be called alike, whatever their ending."
            )
        for pile in piles:
            for name in sorted(pile.keys() - set(complete)):
                bare = next(folder for folder, other in zip(folders, piles, strict=True) if name not in other)
                problems.append(f"{pile[name]} has no partner in {bare}; add it there, or remove this one.")
        masks = masks_for(root, complete, settings)
        sets[split] = [
            VolumeSet(name, tuple(pile[name] for pile in piles[:-1]), piles[-1][name], masks.get(name))
            for name in complete
        ]
    return sets, others, problems, words


def by_name(folder: Path) -> dict[str, Path]:
    pile: dict[str, Path] = {}
    for path in volumes_in(folder):
        if (name := stem_of(path)) in pile:
            raise DiptychError(f"{pile[name]} and {path} have one name, so one partner; rename or remove one.")
        pile[name] = path
    if not pile:
        raise DiptychError(
            f"there is no volume in {folder} (endings: {' '.join(READERS)}, or folders of DICOM series)."
        )
    return pile


def masks_for(root: Path, names: Sequence[str], settings: DataSettings) -> dict[str, Path]:
    """The mask of each name; DiptychError where one has none."""
    if not settings.volume_masks:
        return {}
    inside = root / settings.volume_masks
    masks = by_name(inside if inside.is_dir() else expand_user(settings.volume_masks))
    if missing := [name for name in names if name not in masks]:
        raise DiptychError(
            f"{missing[0]} has no mask in {settings.volume_masks} ({len(missing)} have none); add it, called alike."
        )
    return masks


def of_patients(root: Path, names: Sequence[str], settings: DataSettings) -> Sets:
    """Patients' folders in ``root`` or in its split folders, where each holds a volume of every name; empty where none does."""
    if settings.task == "unpaired":
        return {}
    tree, sets = Tree(root), Sets()
    for split, words in SPLIT_NAMES.items():
        for folder in filter(None, map(tree.find, words)):
            sets |= {split: found} if (found := patients_in(folder, names, settings)) else {}
    found = patients_in(root, names, settings)
    return sets or ({"": found} if found else {})


def patients_in(folder: Path, names: Sequence[str], settings: DataSettings) -> list[VolumeSet]:
    sets = []
    for place in sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")):
        held = {stem_of(path).lower(): path for path in volumes_in(place)}
        if not all(name.lower() in held for name in names):
            continue
        *sources, target = (held[name.lower()] for name in names)
        mask = held.get(settings.volume_masks.lower()) if settings.volume_masks else None
        if settings.volume_masks and mask is None:
            raise DiptychError(
                f"{place} has no mask called {settings.volume_masks}; add it, or correct data.volume_masks."
            )
        sets.append(VolumeSet(place.name, tuple(sources), target, mask))
    return sets


def require_one_grid(one: VolumeSet) -> None:
    """Raises: DiptychError where volumes that belong together have not the same voxels in the same places."""
    first = open_volume(one.paths[0])
    for path in one.paths[1:]:
        other = open_volume(path)
        what = ""
        if other.shape != first.shape:
            what = f"has {size_of(other.shape)} voxels, and {one.paths[0]} {size_of(first.shape)}"
        elif other.stored_shape == first.stored_shape and not first.geometry.same_place(
            other.geometry, first.stored_shape
        ):
            what = (
                f"lies elsewhere than {one.paths[0]} ({difference(first.geometry, other.geometry, first.stored_shape)})"
            )
        if what:
            raise DiptychError(f"{path} {what}; resample one onto the other's grid first.")


def difference(first: Geometry, second: Geometry, shape: tuple[int, int, int]) -> str:
    """In what two grids of one shape differ most plainly."""
    if first.letters != second.letters:
        return f"its axes run {second.letters}, not {first.letters}"
    if max(abs(a - b) for a, b in zip(first.spacing, second.spacing, strict=True)) > 1e-3 * min(first.spacing):
        return f"its spacing is {size_of(second.spacing)} mm, not {size_of(first.spacing)}"
    return f"by up to {first.differs(second, shape):.3g} mm"


def size_of(sides: Sequence[float]) -> str:
    return "x".join(f"{side:.4g}" for side in sides)


def holds_volumes(folder: Path) -> bool:
    """Whether there are files in ``folder``, or up to two levels below, that are volumes by an ending which pictures never have."""
    return any(
        path.name.lower().endswith(ONLY_VOLUMES) for depth in ("*", "*/*", "*/*/*") for path in folder.glob(depth)
    )
