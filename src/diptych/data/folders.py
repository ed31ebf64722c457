"""Find the folders of splits and of domains by their names."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from diptych.data.listings import listing
from diptych.errors import DiptychError
from diptych.pictures.formats import ENDINGS

SPLIT_NAMES = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
SHAPES = ("{split}{name}", "{split}_{name}", "{name}_{split}", "{split}/{name}", "{name}/{split}")
NAME_THEM = "name them with data.source_folders and data.target_folder"

Folders = dict[str, list[Path]]
"""By split, the folders that belong together; the split "" stands for a set without splits."""


def pictures_in(folder: Path) -> tuple[str, ...]:
    """Names of the pictures in natural order; DiptychError for an empty or unreadable folder."""
    try:
        pictures = listing(folder).pictures
    except OSError as problem:
        raise DiptychError(f"the folder {folder} cannot be read: {problem.strerror}.") from None
    if not pictures:
        within = ", ".join(inside.name for inside in folders_in(folder)[:5])
        remedy = f"its folders ({within}) have no names that are known: {NAME_THEM}" if within else "fill or remove it"
        raise DiptychError(f"there is no picture in {folder}; {remedy} (endings: {' '.join(sorted(ENDINGS))}).")
    return pictures


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder, without hidden ones; empty if it cannot be listed."""
    try:
        return [folder / name for name in listing(folder).folders]
    except OSError:
        return []


class Tree:
    """Finds folders one or two levels below the root; capitals do not matter."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.alike: dict[str, list[Path]] = {}
        for child in folders_in(root):
            for path in (child, *folders_in(child)):
                self.alike.setdefault(path.relative_to(root).as_posix().lower(), []).append(path)

    def find(self, name: str) -> Path | None:
        if (self.root / name).is_dir():
            return self.root / name
        alike = self.alike.get(name.lower(), [])
        if len(alike) > 1:
            raise DiptychError(f"{alike[0]} and {alike[1]} differ only in their capitals; rename or remove one.")
        return alike[0] if alike else None


def by_split(tree: Tree, names: Sequence[str]) -> tuple[Folders, list[str]]:
    """The folders called ``names`` for each split, and a sentence for each split that lacks some of them.

    Raises:
        DiptychError: when two sets of folders claim one split.
    """
    found: Folders = {}
    lacking = []
    shapes = ("{name}",) if any("{split}" in name for name in names) else SHAPES if all(names) else SHAPES[:1]
    for split, words in SPLIT_NAMES.items():
        for word, shape in product(words, shapes):
            wanted = [shape.replace("{name}", name).replace("{split}", word) for name in names]
            folders = [tree.find(name) for name in wanted]
            present = [folder for folder in folders if folder is not None]
            if len(present) == len(names) and split in found:
                raise DiptychError(f"{found[split][0]} and {present[0]} are both for {split}; remove or rename one.")
            if len(present) == len(names):
                found[split] = present
            elif present and len(set(wanted)) > 1:
                missing = ", ".join(name for name, folder in zip(wanted, folders, strict=True) if folder is None)
                lacking.append(f"{present[0]} is not used: it has no partner {missing}; add that, or remove this one.")
    whole = [folder for folder in map(tree.find, filter(None, names)) if folder is not None]
    if not found and len(whole) == len(names):
        return {"": whole}, []
    return found, lacking if found else []


def named_folders(root: Path, names: Sequence[str]) -> tuple[Folders, list[str]]:
    """The folders that the recipe names; {split} in a name stands for train, val and test."""
    found, lacking = by_split(Tree(root), names)
    if not found:
        absent = next((name for name in names if not (root / name).is_dir()), names[0])
        raise DiptychError(
            f"there is no folder {root / absent}, nor one for train, val or test; "
            f"correct data.source_folders or data.target_folder."
        )
    return found, lacking
