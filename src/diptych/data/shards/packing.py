"""``diptych data pack``: a folder as plain tar shards and an index, for storage where many small files are slow.

The tars follow WebDataset: the files of an example are neighbours under one number, ``00000017.a.jpg`` and
``00000017.b.png`` (``00000017.jpg`` for a single file), with unchanged bytes. Each split is shuffled once before it is
divided into shards, so a few shards are a fair sample of the whole. The index keeps the place in the folder's order.
"""

import hashlib
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from diptych.data.entries import BLOCK, Entry, File, Layout, content, files_of
from diptych.data.layouts import discover
from diptych.data.public.licences import FILES, licence_of
from diptych.data.settings import DataSettings, root_of
from diptych.data.shards.index import INDEX, Example, Index, ShardFacts
from diptych.errors import DiptychError, UsageError, write_error
from diptych.files import atomic_output, is_vacant, write_text

MEGABYTE = 10**6
END = 2 * BLOCK  # zeros that end a tar


def pack(
    settings: DataSettings,
    out: Path,
    shard_megabytes: float = 256,
    progress: Callable[[int, int], None] | None = None,
) -> Index:
    """Write the examples of ``settings.folder`` as shards into the new folder ``out``, which appears when it is complete.

    Raises:
        DiptychError: when the folder holds nothing that fits, a file cannot be read, or ``out`` holds something.
    """
    if not shard_megabytes > 0:
        raise UsageError(f"--shard-megabytes is {shard_megabytes:g}; give more than 0.")
    layout = discover(settings)
    if layout.sharded:
        raise UsageError(f"{settings.folder} is packed already.")
    if not is_vacant(out):
        raise DiptychError(f"{out} is there already and is not an empty folder; name another with --out.")
    try:
        with atomic_output(out, last=INDEX) as place:
            place.mkdir()
            shards = tuple(written(layout, place, int(shard_megabytes * MEGABYTE), progress))
            licence = licence_of(settings.folder)
            index = Index(layout.kind, layout.description, shards, licence.licence, licence.attribution)
            for name in FILES:
                if (root_of(settings) / name).is_file():
                    shutil.copyfile(root_of(settings) / name, place / name)
            write_text(place / INDEX, index.to_text())
    except OSError as problem:
        raise write_error(out, problem) from None
    return index


def written(
    layout: Layout, folder: Path, most: int, progress: Callable[[int, int], None] | None
) -> Iterator[ShardFacts]:
    """Write the shards one after the other."""
    domains = list(layout.domains())
    total, done = sum(len(entries) for _, _, entries in domains), 0
    for split, domain, entries in domains:
        order = np.random.default_rng(0).permutation(len(entries))
        waiting, number = [(int(place), entries[place]) for place in order], 0
        while waiting:
            name = f"{split}-{domain}-{number:05d}.tar" if layout.kind == "unpaired" else f"{split}-{number:05d}.tar"
            examples, size, digest = fill(folder / name, waiting, most)
            yield ShardFacts(name, split, domain, size, digest, examples)
            number += 1
            done += len(examples)
            if progress is not None:
                progress(done, total)


def fill(path: Path, waiting: list[tuple[int, Entry]], most: int) -> tuple[tuple[Example, ...], int, str]:
    """Write examples from the end of ``waiting``, and remove them there, until the next would not fit; at least one."""
    digest, position = hashlib.sha256(), 0
    examples: list[Example] = []
    with open(path, "xb") as tar:

        def put(data: bytes) -> None:
            nonlocal position
            tar.write(data)
            digest.update(data)
            position += len(data)

        while waiting:
            place, entry = waiting[-1]
            members = [(name, content(file)) for name, file in named(place, entry)]
            blocks = [header(name, len(data)) + data + bytes(-len(data) % BLOCK) for name, data in members]
            if examples and position + sum(map(len, blocks)) + END > most:
                break
            waiting.pop()
            files = []
            for (name, data), block in zip(members, blocks, strict=True):
                files.append((name, position, len(data)))
                put(block)
            examples.append(Example(entry.name, place, tuple(files)))
        put(bytes(END))
    return tuple(examples), position, digest.hexdigest()


def named(place: int, entry: Entry) -> list[tuple[str, File]]:
    """The members of an example: a, further sources a1, a2, ..., and b; one file alone has no letter."""
    files = files_of([entry])
    letters = [f"a{number or ''}." for number in range(len(entry.a))] + ["b."]
    parts = zip(letters if len(files) > 1 else [""], files, strict=False)
    return [(f"{place:08d}.{letter}{file.suffix.lower().lstrip('.')}", file) for letter, file in parts]


def header(name: str, size: int) -> bytes:
    """A tar header without owner or time, so that the same pictures give the same shards."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT)
