"""Read shards: a folder or a web address with ``shards.json`` and the tars that it names."""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from diptych.data.entries import Entry, Layout, Member, Shard
from diptych.data.public.catalog import cache_folder
from diptych.data.settings import OF_TWO, DataSettings
from diptych.data.shards.index import INDEX, SPLITS, Index, ShardFacts
from diptych.data.shards.store import RemoteShard, fetched_text, store_in
from diptych.errors import DiptychError, UsageError
from diptych.files import expand_user, sha256_of

GIB = 2**30


def is_address(folder: str) -> bool:
    return folder.startswith(("http://", "https://"))


def are_at(folder: str) -> bool:
    """Whether ``folder`` is an address, or a folder with an index of shards."""
    return is_address(folder) or (bool(folder) and (expand_user(folder) / INDEX).is_file())


def without_index(root: Path) -> bool:
    return any(root.glob("*-[0-9][0-9][0-9][0-9][0-9].tar"))


class LocalShard(Shard):
    """A tar on this disk; DiptychError if it is missing or has another length than the index says."""

    def __init__(self, path: Path, facts: ShardFacts) -> None:
        self.path = path
        self.name = str(path)
        try:
            size = os.stat(path).st_size
        except OSError as problem:
            raise DiptychError(f"the shard {path} cannot be read: {problem.strerror}; copy it here again.") from None
        if size != facts.size:
            raise DiptychError(
                f"the shard {path} has {size:,} bytes and {facts.size:,} are in {INDEX}: it is truncated or another; "
                f"copy it here again."
            )

    def local_path(self) -> Path:
        return self.path


def index_at(folder: str) -> Index:
    """The index of a folder or an address, read once a process as long as it does not change.

    Raises:
        DiptychError: when it is not there or is damaged.
    """
    if is_address(folder):
        return remote_index(folder.rstrip("/"))
    path = expand_user(folder) / INDEX
    try:
        found = os.stat(path)
    except OSError as problem:
        raise DiptychError(f"{path} cannot be read: {problem.strerror}.") from None
    return local_index(path, (found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=4)
def local_index(path: Path, stamp: tuple[int, int]) -> Index:
    try:
        return Index.from_text(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeError) as problem:
        raise DiptychError(f"{path} cannot be read: {problem}.") from None


@lru_cache(maxsize=4)
def remote_index(address: str) -> Index:
    return Index.from_text(fetched_text(f"{address}/{INDEX}"), f"{address}/{INDEX}")


def shards_of(settings: DataSettings) -> dict[str, Shard]:
    """The shards by name; those on this disk are checked."""
    folder, index = settings.folder, index_at(settings.folder)
    if is_address(folder):
        refuse_small_cache(settings, index)
        store = store_in(cache_folder("shards"), int(settings.shard_cache_gib * GIB))
        return {facts.name: RemoteShard(store, folder.rstrip("/"), facts) for facts in index.shards}
    return {facts.name: LocalShard(expand_user(folder) / facts.name, facts) for facts in index.shards}


def refuse_small_cache(settings: DataSettings, index: Index) -> None:
    """UsageError if the cache is too small, so that shards would be downloaded again and again."""
    room, window = settings.shard_cache_gib * GIB, settings.shuffle_window
    needed = 2 * window * max(shard.size for shard in index.shards) if window else index.size
    if min(needed, index.size) <= room:
        return
    what = f"two windows of {window} shards" if window else f"the shards at {settings.folder}"
    remedy = ", or set data.shuffle_window to the number of shards to shuffle together, such as 8"
    remedy = ", or data.shuffle_window smaller" if window else "" if settings.task == "unpaired" else remedy
    raise UsageError(
        f"{what} take {needed / GIB:.2f} GiB and data.shard_cache_gib is {settings.shard_cache_gib:g}; make it larger{remedy}."
    )


def layout_of(settings: DataSettings) -> Layout:
    """The layout of the shards for the recipe's task.

    Raises:
        DiptychError: when they cannot be read, are not whole, or hold something else than the task needs.
    """
    index = index_at(settings.folder)
    refuse_unfit(settings, index)
    shards = shards_of(settings)
    piles: dict[tuple[str, str], list[tuple[int, Entry]]] = {}
    for facts in index.shards:
        pile = piles.setdefault((facts.split, facts.pile), [])
        for example in facts.examples:
            *first, last = (Member(shards[facts.name], *file) for file in example.files)
            entry = Entry(example.name, tuple(first), last) if first else Entry(example.name, (last,))
            pile.append((example.place, entry))
    sorted_piles = {key: [entry for _, entry in sorted(pile, key=lambda item: item[0])] for key, pile in piles.items()}
    splits = {split: sorted_piles[split, "a"] for split in SPLITS if (split, "a") in sorted_piles}
    others = {split: sorted_piles[split, "b"] for split in SPLITS if (split, "b") in sorted_piles}
    kind = index.kind
    if settings.task == "unpaired" and index.kind != "unpaired":
        kind = "side-by-side" if index.files == 1 else "unpaired"
        others = splits
        if index.files == 2:
            others = {split: [Entry(e.name, (e.b,)) for e in pile if e.b] for split, pile in splits.items()}
            splits = {split: [Entry(e.name, e.a) for e in pile] for split, pile in splits.items()}
    elif index.kind != "unpaired":
        kind = "single" if settings.task not in OF_TWO else "side-by-side" if index.files == 1 else "folders"
    description = f"{len(shards)} shards of {index.size / 1e6:,.0f} MB: {index.words}"
    return Layout(kind, description, splits, others, sharded=True, remote=is_address(settings.folder))


def refuse_unfit(settings: DataSettings, index: Index) -> None:
    """UsageError for shards of another task, and for settings that do not go with shards."""
    task, files = settings.task, index.files
    if settings.source_folders or settings.target_folder or settings.layout != "auto":
        raise UsageError(
            f"the shards of {settings.folder} say what belongs together; leave data.layout, data.source_folders and "
            f"data.target_folder away."
        )
    if "train" not in {shard.split for shard in index.shards}:
        raise DiptychError(f"{settings.folder} holds no shard of the split train; pack its folder again.")
    if index.kind == "unpaired":
        fits = task == "unpaired"
    elif task in OF_TWO:
        fits = files == (3 if task == "labelled" and settings.source.instances else 2) or files == 1 or task == "pairs"
    else:
        fits = files == 1 or (task == "shrunk" and files == 2)
    if not fits:
        raise UsageError(
            f'{settings.folder} holds "{index.kind}" examples of {files} file{"s" if files > 1 else ""}, which do not fit '
            f'data.task = "{task}"; change the task, or pack the folder again with --task {task}.'
        )
    if task == "unpaired" and settings.shuffle_window:
        raise UsageError(
            'data.shuffle_window does not go with data.task = "unpaired", whose targets are drawn from all.'
        )


def damaged(settings: DataSettings) -> Iterator[str]:
    """A sentence for each shard whose checksum is not that of the index; remote ones are all downloaded."""
    shards = shards_of(settings)
    for facts in index_at(settings.folder).shards:
        name, place = shards[facts.name].name, shards[facts.name].local_path()
        try:
            digest = sha256_of(place)
        except OSError as problem:
            raise DiptychError(f"{name} cannot be read in {place.parent}: {problem.strerror}.") from None
        if digest != facts.sha256:
            yield f"{name} is damaged: its SHA-256 is not that of {INDEX}; copy it here again."
