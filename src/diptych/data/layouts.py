"""What a folder of pictures is: which files belong together, and to which split they belong."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from diptych.data.settings import DataSettings
from diptych.errors import DiptychError
from diptych.formats import ENDINGS, list_pictures

SPLIT_NAMES = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
DOMAIN_NAMES = (
    ("A", "B"),
    ("a", "b"),
    ("source", "target"),
    ("sources", "targets"),
    ("input", "output"),
    ("inputs", "outputs"),
    ("input", "target"),
    ("inputs", "targets"),
    ("label", "photo"),
    ("labels", "photos"),
    ("label", "image"),
    ("labels", "images"),
    ("label", "img"),
    ("labels", "img"),
    ("x", "y"),
    ("X", "Y"),
)


@dataclass(frozen=True)
class Entry:
    """One example: one file with both halves, or files for either side; ``name`` is what its results are called."""

    name: str
    a: tuple[Path, ...]
    b: Path | None = None


@dataclass(frozen=True)
class Layout:
    """What was recognised: kind is "side-by-side", "folders", "unpaired" or "single"; a and b are as the folder has them.

    Of "unpaired" layouts the splits hold all of a, and ``others`` all of b.
    """

    kind: str
    words: str
    splits: dict[str, list[Entry]]
    others: dict[str, list[Entry]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def root_of(settings: DataSettings) -> Path:
    """The folder that the settings name.

    Raises:
        DiptychError: when there is none.
    """
    if not settings.folder:
        raise DiptychError("data.folder is not set; say where the pictures are: data.folder=FOLDER.")
    path = Path(settings.folder).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        raise DiptychError(f"data.folder is {path}, which is a file; give the folder that it lies in.")
    from diptych.data.catalog import resolve  # the catalogue is needed only for names

    return resolve(settings.folder)


def discover(settings: DataSettings) -> Layout:
    """Recognise the layout of ``settings.folder``, or follow what the settings name.

    Raises:
        DiptychError: when the folder holds nothing that fits the task, with what was looked for.
    """
    root = root_of(settings)
    if settings.task not in ("pairs", "unpaired"):
        return with_splits(
            "single", f"pictures, from which the source is derived ({settings.task})", singles(root), settings
        )
    if settings.source_folders or settings.target_folder:
        return named_folders(root, settings)
    found = domain_folders(root) if settings.layout != "side-by-side" else {}
    if found:
        return two_folders(found, settings)
    if settings.layout == "folders":
        raise DiptychError(f"{root} has no pair of folders that is known (such as A and B, or trainA and trainB).")
    entries = singles(root)
    if settings.task == "unpaired":
        layout = with_splits(
            "side-by-side", "side by side pictures (a|b), their halves taken as two piles", entries, settings
        )
        return Layout("side-by-side", layout.words, layout.splits, layout.splits)
    return with_splits("side-by-side", "side by side pictures (a|b)", entries, settings)


def singles(root: Path) -> dict[str, list[Entry]]:
    """Pictures of the split folders, or those of the folder itself under the split "" (to be split by share)."""
    splits: dict[str, list[Entry]] = {}
    for split, names in SPLIT_NAMES.items():
        for name in names:
            if (root / name).is_dir() and (pictures := list_pictures(root / name)):
                splits[split] = [Entry(path.stem, (path,)) for path in pictures]
    if splits:
        return splits
    pictures = list_pictures(root)
    if not pictures:
        raise DiptychError(
            f"there is no picture in {root}, nor in its folders train, val or test, nor folders such as A and B or trainA "
            f"and trainB (endings: {' '.join(sorted(ENDINGS))})."
        )
    return {"": [Entry(path.stem, (path,)) for path in pictures]}


def domain_folders(root: Path) -> dict[str, tuple[Path, Path]]:
    """The two domains' folders by split; "" where they have none. trainA/trainB, train/A and A/train are all known."""
    found: dict[str, tuple[Path, Path]] = {}
    for first, second in DOMAIN_NAMES:
        for split, names in SPLIT_NAMES.items():
            for name in names:
                shapes = [
                    (root / f"{name}{first}", root / f"{name}{second}"),
                    (root / f"{name}_{first}", root / f"{name}_{second}"),
                    (root / name / first, root / name / second),
                    (root / first / name, root / second / name),
                ]
                for a, b in shapes:
                    if a.is_dir() and b.is_dir() and not a.samefile(b):
                        found.setdefault(split, (a, b))
        if found:
            return found
        a, b = root / first, root / second
        if a.is_dir() and b.is_dir() and not a.samefile(b):
            return {"": (a, b)}
    return {}


def two_folders(found: dict[str, tuple[Path, Path]], settings: DataSettings) -> Layout:
    names = ", ".join(f"{a.name} and {b.name}" for a, b in found.values())
    if settings.task == "unpaired":
        piles = [{s: [Entry(p.stem, (p,)) for p in filled(pair[i])] for s, pair in found.items()} for i in (0, 1)]
        first = with_splits("unpaired", f"two piles in {names}", piles[0], settings)
        second = with_splits("unpaired", "", piles[1], settings)
        return Layout("unpaired", first.words, first.splits, second.splits)
    splits, problems = {}, []
    for split, (a, b) in found.items():
        splits[split], lost = matched([a], b)
        problems += lost
    layout = with_splits("folders", f"two folders matched by name ({names})", splits, settings)
    return Layout(layout.kind, layout.words, layout.splits, problems=tuple(problems))


def named_folders(root: Path, settings: DataSettings) -> Layout:
    """The folders that the recipe names; {split} in a name stands for train, val and test."""
    if not settings.source_folders or not settings.target_folder:
        raise DiptychError("data.source_folders and data.target_folder go together; set both.")
    wanted = [*settings.source_folders, settings.target_folder]
    divided = any("{split}" in name for name in wanted)
    splits, problems = {}, []
    for split in SPLIT_NAMES if divided else ("",):
        folders = [root / name.replace("{split}", split) for name in wanted]
        if divided and not all(folder.is_dir() for folder in folders):
            continue
        for folder in folders:
            if not folder.is_dir():
                raise DiptychError(f"there is no folder {folder}; correct data.source_folders or data.target_folder.")
        splits[split], lost = matched(folders[:-1], folders[-1])
        problems += lost
    if not splits:
        raise DiptychError(f"{root} has none of the folders {', '.join(wanted)} for train, val or test.")
    layout = with_splits(
        "folders", f"{' + '.join(settings.source_folders)} -> {settings.target_folder}", splits, settings
    )
    return Layout(layout.kind, layout.words, layout.splits, problems=tuple(problems))


def filled(folder: Path) -> list[Path]:
    pictures = list_pictures(folder)
    if not pictures:
        raise DiptychError(f"there is no picture in {folder} (endings: {' '.join(sorted(ENDINGS))}).")
    return pictures


def matched(sources: list[Path], target: Path) -> tuple[list[Entry], list[str]]:
    """Examples whose name is in every folder, and a sentence for each picture that lacks a partner."""
    piles = [{path.stem: path for path in filled(folder)} for folder in [*sources, target]]
    complete = [name for name in piles[0] if all(name in pile for pile in piles)]
    problems = []
    for pile in piles:
        for name in pile.keys() - set(complete):
            lacking = next(other for other, p in zip([*sources, target], piles, strict=True) if name not in p)
            problems.append(f"{pile[name]} has no partner in {lacking}; add it there, or remove this one.")
    if not complete:
        raise DiptychError(
            f"no name in {sources[0]} is also in {target}; partners must be called alike, whatever their ending."
        )
    return [Entry(name, tuple(pile[name] for pile in piles[:-1]), piles[-1][name]) for name in complete], sorted(
        problems
    )


def with_splits(kind: str, words: str, splits: dict[str, list[Entry]], settings: DataSettings) -> Layout:
    """Splits as the folders give them; one that is missing is taken from train by a hash of the name.

    The hash, unlike a shuffle, moves no picture to another split when pictures are added.
    """
    whole = splits.pop("", None)
    if whole is not None:
        splits["train"] = whole
    if "train" not in splits:
        raise DiptychError(
            f"{settings.folder} has pictures for {', '.join(splits)} but none to train on; add a folder train."
        )
    if "val" not in splits:
        train, val = divided(splits["train"], settings.validation_share)
        splits |= {"train": train, "val": val}
        words += f"; {len(val)} of {len(train) + len(val)} set apart to validate, by a hash of their names"
    return Layout(kind, words, {split: splits[split] for split in SPLIT_NAMES if split in splits})


def divided(entries: list[Entry], share: float) -> tuple[list[Entry], list[Entry]]:
    """(train, val), neither empty where there are two entries or more."""
    ranks = {entry.name: int.from_bytes(hashlib.sha256(entry.name.encode()).digest()[:8]) / 2**64 for entry in entries}
    if len(entries) < 2:
        raise DiptychError(f"there is only {len(entries)} picture to train and validate on; add more.")
    val = {name for name, rank in ranks.items() if rank < share}
    val = val or {min(ranks, key=ranks.__getitem__)}
    if len(val) == len(ranks):
        val.remove(max(ranks, key=ranks.__getitem__))
    return [e for e in entries if e.name not in val], [e for e in entries if e.name in val]


def files_of(entries: Iterable[Entry]) -> list[Path]:
    """All files of the entries."""
    return [path for entry in entries for path in (*entry.a, *([entry.b] if entry.b else []))]
