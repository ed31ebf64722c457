"""Recognise the layout of a folder: which files belong together, and to which split."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from itertools import product
from pathlib import Path

from diptych.data.entries import Entry, Layout, checked, paths_of
from diptych.data.folders import NAME_THEM, SPLIT_NAMES, Folders, Tree, by_split, folders_in, named_folders, pictures_in
from diptych.data.listings import Stamps, listing, stamps_below
from diptych.data.settings import LAYOUTS, OF_TWO, DataSettings, root_of
from diptych.data.shards import reading
from diptych.data.shards.index import INDEX
from diptych.data.volumes.layout import volume_layout
from diptych.data.volumes.sets import holds_volumes
from diptych.errors import DiptychError, of_users_code
from diptych.pictures.formats import stem

FAMILIES = (
    ("a", "b"),
    ("x", "y"),
    ("source sources", "target targets"),
    ("input inputs", "output outputs target targets"),
    ("label labels edges sketch sketches", "photo photos image images img imgs picture pictures"),
    ("photo photos image images img imgs picture pictures", "mask masks annotation annotations gt"),
    ("", "annot"),  # train and trainannot
)
"""Names of the folders of a and of b; capitals do not matter."""
LABELS, INSTANCES, PHOTOS = "label labels", "inst instance instances", "img image images photo photos"
"""Names of the folders of class maps, instance maps and photos."""


def discover(settings: DataSettings) -> Layout:
    """Recognise the layout of ``settings.folder``, or follow what the settings name.

    Raises:
        DiptychError: when the folder holds nothing that fits the task, with what was looked for; when it can be
            understood in two ways, or a picture is in two splits.
    """
    if reading.are_at(settings.folder):
        return reading.layout_of(settings)
    root = root_of(settings)
    if settings.slices:
        return volume_layout(root, settings, divided)
    anywhere = settings.target_folder or settings.layout in LAYOUTS.added
    stamps = None if anywhere else stamps_below(root)
    return recognised(root, settings) if stamps is None else remembered(root, settings, stamps)


@lru_cache(maxsize=4)
def remembered(root: Path, settings: DataSettings, stamps: Stamps) -> Layout:
    """As ``recognised``, which finds the same as long as the folders' stamps are the same."""
    return recognised(root, settings)


def recognised(root: Path, settings: DataSettings) -> Layout:
    try:
        layout = layout_of(root, settings)
    except DiptychError:
        if reading.without_index(root):
            raise DiptychError(f"{root} holds shards without their index {INDEX}; copy that beside them.") from None
        if holds_volumes(root):
            raise DiptychError(f"{root} holds volumes: set data.slices=1, or 3 for slices with neighbours.") from None
        raise
    if may_overlap(layout.folders):
        no_overlap({split: [*pile, *layout.others.get(split, [])] for split, pile in layout.splits.items()})
    unused = left_over(root, layout)
    return replace(layout, description=f"{layout.description}; not used: {', '.join(unused)}") if unused else layout


def layout_of(root: Path, settings: DataSettings) -> Layout:
    if settings.layout in LAYOUTS:
        return of_registered(root, settings)
    if settings.source_folders:
        return of_folders(*named_folders(root, [*settings.source_folders, settings.target_folder]), settings)
    if settings.task not in OF_TWO:
        words = f"pictures, from which the source is derived ({settings.task})"
        piles, folders = singles(root, settings.target_folder)
        if settings.task == "shrunk" and (sized := {split: by_suffix(pile) for split, pile in piles.items()}) != piles:
            words, piles = "large and small pictures by their suffixes (_HR and _LR)", sized
        return with_splits("single", words, piles, settings, folders)
    if settings.task == "labelled" and settings.source.instances and settings.layout != "side-by-side":
        return of_folders(*labelled_folders(root), settings)
    found, lacking = domain_folders(root) if settings.layout != "side-by-side" else ({}, [])
    if found:
        return of_folders(found, lacking, settings)
    if settings.layout == "folders":
        raise DiptychError(
            f"{root} has no pair of folders that is known (A and B, trainA and trainB, ...); {NAME_THEM}."
        )
    words = "side by side pictures (a|b)" + (", their halves taken as two piles" if settings.task == "unpaired" else "")
    piles, folders = singles(root)
    layout = with_splits("side-by-side", words, piles, settings, folders)
    return replace(layout, others=layout.splits) if settings.task == "unpaired" else layout


def domain_folders(root: Path) -> tuple[Folders, list[str]]:
    """The folders of the two domains, by the usual names; trainA, train/A and A/train are all recognised."""
    tree = Tree(root)
    pairs = [pair for first, second in FAMILIES for pair in product(first.split() or [""], second.split())]
    matches = [match for match in (by_split(tree, pair) for pair in pairs) if match[0]]
    if len(matches) > 1:
        first, second = (" and ".join(folder.name for folder in next(iter(found.values()))) for found, _ in matches[:2])
        raise DiptychError(f"{root} has several pairs of folders ({first}; {second}); {NAME_THEM}.")
    return matches[0] if matches else ({}, [])


def labelled_folders(root: Path) -> tuple[Folders, list[str]]:
    """The folders of class maps, instance maps and photos, such as train_label, train_inst and train_img.

    Raises:
        DiptychError: when there are none.
    """
    tree = Tree(root)
    for names in product(LABELS.split(), INSTANCES.split(), PHOTOS.split()):
        found, lacking = by_split(tree, names)
        if found:
            return found, lacking
    raise DiptychError(
        f"{root} has no folders of labels, instances and images (train_label, train_inst, train_img); {NAME_THEM}."
    )


def by_suffix(entries: list[Entry]) -> list[Entry]:
    """Pair entries whose names end in _HR and _LR; unchanged if any has no partner."""
    files = {entry.name: entry.a[0] for entry in entries}
    large = [name for name in files if name.upper().endswith("_HR")]
    partners = {
        name: next((other for other in (f"{name[:-2]}LR", f"{name[:-2]}lr") if other in files), "") for name in large
    }
    if not large or not all(partners.values()) or len(files) != 2 * len(large):
        return entries
    return [Entry(name[:-3], (files[partners[name]],), files[name]) for name in large]


def left_over(root: Path, layout: Layout) -> list[str]:
    """Names of folders in ``root`` with pictures that the layout does not use, which may be a mistake."""
    used = {folder for folders in layout.folders.values() for folder in folders}
    used |= {folder.parent for folder in used}
    names = []
    for folder in folders_in(root):
        with suppress(OSError):  # a folder that cannot be listed is not reported here
            if folder not in used and listing(folder).pictures:
                names.append(folder.name)
    return names


def singles(root: Path, folder: str = "") -> tuple[dict[str, list[Entry]], Folders]:
    """Pictures of the split folders, or of the folder itself under the split ""; and these folders."""
    found = named_folders(root, [folder])[0] if folder else {"": [root]}
    if "" in found:
        inside, _ = by_split(Tree(found[""][0]), ["{split}"])
        found = inside or found
    return {split: entries_of(place) for split, (place,) in found.items()}, found


def entries_of(folder: Path) -> list[Entry]:
    return [Entry(stem(name), (folder / name,)) for name in pictures_in(folder)]


def of_folders(found: Folders, lacking: list[str], settings: DataSettings) -> Layout:
    """The layout of folders that belong together; the last one is b."""
    names = ", ".join(" and ".join(folder.name for folder in folders) for folders in found.values())
    if settings.task == "unpaired":
        piles = [{split: entries_of(pair[side]) for split, pair in found.items()} for side in (0, 1)]
        first, second = (with_splits("unpaired", f"two piles in {names}", pile, settings, found) for pile in piles)
        return replace(first, others=second.splits, problems=tuple(lacking))
    splits = {}
    problems = list(lacking)
    for split, folders in found.items():
        splits[split], lost = matched(folders)
        problems += lost
    layout = with_splits("folders", f"folders matched by name ({names})", splits, settings, found)
    return replace(layout, problems=tuple(problems))


def matched(folders: Sequence[Path]) -> tuple[list[Entry], list[str]]:
    """Examples whose name is in every folder, and a sentence for each picture without a partner."""
    piles = [by_name(folder) for folder in folders]
    complete = [name for name in piles[0] if all(name in pile for pile in piles)]
    if not complete:
        raise DiptychError(
            f"no name in {folders[0]} is also in {folders[-1]}; partners must be called alike, whatever their ending."
        )
    problems = []
    for pile in piles:
        for name in sorted(pile.keys() - set(complete)):
            bare = next(folder for folder, other in zip(folders, piles, strict=True) if name not in other)
            problems.append(f"{pile[name]} has no partner in {bare}; add it there, or remove this one.")
    return [Entry(name, tuple(pile[name] for pile in piles[:-1]), piles[-1][name]) for name in complete], problems


def of_registered(root: Path, settings: DataSettings) -> Layout:
    """What a registered layout says belongs together.

    Raises:
        DiptychError: for what is no examples by split, or none of the task's.
    """
    name = settings.layout
    where = f'the layout "{name}" of {root}'
    with of_users_code(where):
        found = LAYOUTS[name](root)
    piles = checked(found, where, SPLIT_NAMES)
    words = f"examples by the layout {name}"
    folders = {split: sorted({path.parent for path in paths_of(pile)}) for split, pile in piles.items()}
    if settings.task == "unpaired":
        sources = {split: [Entry(one.name, one.a) for one in pile if one.a] for split, pile in piles.items()}
        targets = {split: [Entry(one.name, (one.b,)) for one in pile if one.b] for split, pile in piles.items()}
        for side, lacking in (("source", sources), ("target", targets)):
            if empty := [split or "train" for split, pile in lacking.items() if not pile]:
                raise DiptychError(
                    f"{where} gives no {side} in {empty[0]}; give pictures of both sides in every split."
                )
        first, second = (with_splits("unpaired", words, side, settings, folders) for side in (sources, targets))
        return replace(first, others=second.splits)
    whole = {(bool(entry.a), bool(entry.b)) for pile in piles.values() for entry in pile}
    if len(whole) > 1 or (False, True) in whole:
        raise DiptychError(f"{where} gives one file of some examples and two of others; give each as many.")
    kind = "folders" if (True, True) in whole else "side-by-side" if settings.task in OF_TWO else "single"
    return with_splits(kind, words, piles, settings, folders)


def by_name(folder: Path) -> dict[str, Path]:
    pile: dict[str, Path] = {}
    for name in pictures_in(folder):
        if (key := stem(name)) in pile:
            raise DiptychError(f"{pile[key]} and {name} would have the same partner; rename one.")
        pile[key] = folder / name
    return pile


def with_splits(
    kind: str, words: str, splits: dict[str, list[Entry]], settings: DataSettings, folders: Folders
) -> Layout:
    """The layout with the splits of the folders; a missing val is taken from train by a hash of the names.

    Unlike a shuffle, the hash moves no picture to another split when pictures are added.
    """
    whole = splits.pop("", None)
    if whole is not None:
        splits["train"] = whole
    if "train" not in splits:
        raise DiptychError(
            f"{settings.folder} has pictures for {', '.join(splits)}, none to train on; add a folder train."
        )
    held_out = "val" not in splits
    if held_out:
        train, val = divided(splits["train"], settings)
        splits |= {"train": train, "val": val}
        words += f"; {len(val)} of {len(train) + len(val)} set apart to validate, by a hash of their names"
    splits = {split: splits[split] for split in SPLIT_NAMES if split in splits}
    return Layout(kind, words, splits, folders=folders, held_out=held_out)


def divided(entries: list[Entry], settings: DataSettings) -> tuple[list[Entry], list[Entry]]:
    """(train, val), neither of them empty."""
    ranks = {
        entry.name: int.from_bytes(hashlib.sha256(os.fsencode(entry.name)).digest()[:8]) / 2**64 for entry in entries
    }
    if len(ranks) < 2:
        raise DiptychError(
            f"{settings.folder} has one example only ({entries[0].name}), and one more is needed to validate on; add pictures."
        )
    val = {name for name, rank in ranks.items() if rank < settings.validation_share}
    val = val or {min(ranks, key=ranks.__getitem__)}
    if len(val) == len(ranks):
        val.remove(max(ranks, key=ranks.__getitem__))
    return [entry for entry in entries if entry.name not in val], [entry for entry in entries if entry.name in val]


def may_overlap(folders: Folders) -> bool:
    """Whether a file may be in two splits; not where the splits have separate folders without links."""
    real = [{os.path.realpath(folder) for folder in places} for places in folders.values()]
    linked = any(links_in(folder) for places in folders.values() for folder in places)
    return linked or len(set().union(*real)) < sum(map(len, real))


def no_overlap(splits: dict[str, list[Entry]]) -> None:
    """DiptychError for a file in two splits, also by links: it would make every score worthless."""
    seen: dict[str, tuple[str, Path]] = {}
    real_folder, links = lru_cache(os.path.realpath), lru_cache(links_in)
    for split, entries in splits.items():
        for path in paths_of(entries):
            place, name = os.path.split(path)
            real = os.path.realpath(path) if name in links(Path(place)) else f"{real_folder(place)}/{name}"
            before, first = seen.setdefault(real, (split, path))
            if before != split:
                raise DiptychError(f"{first} ({before}) and {path} ({split}) are one file; remove it from one split.")


def links_in(folder: Path) -> frozenset[str]:
    """Names of the links in a folder; none if it has gone since it was listed, which reading will report."""
    try:
        return listing(folder).links
    except OSError:
        return frozenset()
