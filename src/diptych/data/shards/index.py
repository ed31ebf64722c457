"""``shards.json``: which examples a set of shards holds, and where. An index may come from strangers, so it is checked."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from diptych.data.entries import BLOCK
from diptych.errors import DiptychError
from diptych.files import from_json

INDEX = "shards.json"
FORMAT, VERSION = "diptych shards", 1
KINDS = ("side-by-side", "folders", "unpaired", "single")
SPLITS = ("train", "val", "test")
NAME = re.compile(r"[A-Za-z0-9_-]+\.tar")
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Example:
    """One example: its name, its place in its split, and (member, start, size) of its files."""

    name: str
    place: int
    files: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class ShardFacts:
    """One tar. ``pile`` is "a", or "b" for the second of two unpaired piles."""

    name: str
    split: str
    pile: str
    size: int  # bytes
    sha256: str
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Index:
    """All shards of a set; ``kind`` and ``words`` are the kind and description of the folder's layout."""

    kind: str
    words: str
    shards: tuple[ShardFacts, ...]
    licence: str = ""
    attribution: str = ""

    @property
    def files(self) -> int:
        """How many files an example has, the same for all."""
        return len(self.shards[0].examples[0].files)

    @property
    def size(self) -> int:
        """Bytes of all shards together."""
        return sum(shard.size for shard in self.shards)

    def to_text(self) -> str:
        return json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}) + "\n"

    @classmethod
    def from_text(cls, text: str, place: str) -> "Index":
        """Read what ``to_text`` wrote; a DiptychError that names ``place`` for anything else."""
        try:
            found = from_json(text)
            if found["format"] != FORMAT:
                raise ValueError("its format is another")
            if found["version"] != VERSION:
                raise DiptychError(
                    f"{place} was written by another version of diptych; pack the folder again with this."
                )
            shards = tuple(shard_from(item) for item in found["shards"])
            kind, words, licence, attribution = (
                text_of(found[key]) for key in ("kind", "words", "licence", "attribution")
            )
            index = cls(kind, words, shards, licence, attribution)
            index.check()
        except (ValueError, KeyError, TypeError, IndexError) as problem:
            raise DiptychError(
                f"{place} is damaged or was not written by diptych data pack ({problem}); copy it again, or pack again."
            ) from None
        return index

    def check(self) -> None:
        """ValueError for an index that no packing writes."""
        if self.kind not in KINDS or not self.shards:
            raise ValueError("it names no shards or an unknown kind")
        if len({shard.name for shard in self.shards}) != len(self.shards):
            raise ValueError("two shards have one name")
        for shard in self.shards:
            if not (NAME.fullmatch(shard.name) and DIGEST.fullmatch(shard.sha256) and shard.pile in ("a", "b")):
                raise ValueError("a shard's name, pile or checksum is none")
            if shard.split not in SPLITS:
                raise ValueError(f'{shard.name} is of the split "{shard.split}", which is none of {", ".join(SPLITS)}')
            if not shard.examples:
                raise ValueError(f"{shard.name} is empty")
            for example in shard.examples:
                if not example.files:
                    raise ValueError(f"{example.name} has no files")
                if len(example.files) != self.files:
                    raise ValueError(f"{example.name} has another number of files than the others")
                if not all(name.isascii() for name, _, _ in example.files):
                    raise ValueError(f"{example.name} has a file whose name no shard has")
                if any(start < 0 or not 0 <= size <= shard.size - start - BLOCK for _, start, size in example.files):
                    raise ValueError(f"{example.name} lies outside {shard.name}")


def text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def number_of(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value


def shard_from(item: dict[str, Any]) -> ShardFacts:
    examples = tuple(
        Example(
            text_of(example["name"]),
            number_of(example["place"]),
            tuple((text_of(name), number_of(start), number_of(size)) for name, start, size in example["files"]),
        )
        for example in item["examples"]
    )
    name, split, pile, sha256 = (text_of(item[key]) for key in ("name", "split", "pile", "sha256"))
    return ShardFacts(name, split, pile, number_of(item["size"]), sha256, examples)
