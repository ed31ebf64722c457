"""Two folders that hold partners whatever they are called, and what their names say of which is the source."""

import json
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Literal

from diptych.data.folders import SPLIT_NAMES, Tree, by_split, folders_in
from diptych.data.layouts import discover, domain_folders
from diptych.data.listings import listing
from diptych.data.settings import DataSettings, root_of
from diptych.errors import DiptychError

SOURCES, TARGETS = {"source", "sources", "input", "inputs"}, {"target", "targets", "output", "outputs"}
DRAWN = {
    *("label", "labels", "edge", "edges", "sketch", "sketches", "drawing", "drawings", "line", "lines"),
    *("outline", "outlines", "mask", "masks", "segmentation", "segmentations", "seg", "map", "maps"),
    *("annot", "annotation", "annotations"),
}
"""Whole words in the names of folders: of sources and of targets, and of what is a source because it is drawn."""
SPLIT_WORDS = sorted({word for words in SPLIT_NAMES.values() for word in words}, key=len, reverse=True)


def named_source(first: str, second: str) -> Literal["", "a", "b"]:
    """Which of two folders their names, relative to the set, call the source; empty where they call neither so, or both."""
    one, other = words_of(first), words_of(second)
    no_words: set[str] = set()
    for sources, targets in ((SOURCES, TARGETS), (DRAWN, no_words)):
        a, b = (bool(mine & sources or its & targets) for mine, its in ((one, other), (other, one)))
        if a != b:
            return "a" if a else "b"
    return ""


def words_of(name: str) -> set[str]:
    """The words of a name in small letters, without those of splits: train/my_labels, trainLabels and labels-train."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)
    words = {part.lower() for part in parts} | {part.lower() for part in re.findall(r"[A-Za-z]+", name)}
    stripped = {word.removeprefix(split) for split in SPLIT_WORDS for word in words}
    return stripped - {"", *SPLIT_WORDS}


def with_own_folders(settings: DataSettings, task_stated: bool) -> DataSettings:
    """Settings that name the only two folders with pictures, where their names are not known and most pictures have a partner.

    Raises:
        DiptychError: when these are not partners, with how to name them.
    """
    if settings.source_folders or settings.layout == "side-by-side":
        return settings
    if (names := two_folders(root_of(settings))) is None:
        return settings
    first, second = names if named_source(*names) != "b" else names[::-1]
    if settings.direction == "a-to-b":
        named = replace(settings, source_folders=(first,), target_folder=second)
        with suppress(DiptychError):
            layout = discover(named)
            if settings.task == "unpaired" or len(layout.problems) <= sum(map(len, layout.splits.values())):
                return named
        why = "few names of pictures are in both"
    else:
        why = "their names are not known, so data.direction does not say which is the source"
    unpaired = "" if task_stated else "; for two sets without pairs add data.task=unpaired"
    raise DiptychError(
        f"{settings.folder} holds the folders {first} and {second}, and {why}. If they are partners, give these the same name, and say "
        f"which folder is the source: {folder_words(first, second)}{unpaired}."
    )


def folder_words(source: str, target: str) -> str:
    """Both settings for a shell."""
    sources = json.dumps([source], ensure_ascii=False)
    return f"{quote(f'data.source_folders={sources}')} {quote(f'data.target_folder={target}')}"


def two_folders(root: Path) -> tuple[str, str] | None:
    """The names of the only two folders with pictures in a root, or in its folder train, if they are of no known layout."""
    inside = folders_in(root)
    splits = [folder for folder in inside if folder.name.lower() in SPLIT_WORDS]
    train = [folder for folder in splits if folder.name.lower() in SPLIT_NAMES["train"]]
    if splits:
        inside = folders_in(train[0]) if train and len(splits) == len(inside) else []
    if len(inside) != 2 or any(listing(folder).pictures for folder in (root, *train)) or domain_folders(root)[0]:
        return None
    first, second = (folder.name for folder in inside)
    found, _ = by_split(Tree(root), (first, second))
    return (
        (first, second) if found and all(listing(place).pictures for pair in found.values() for place in pair) else None
    )
