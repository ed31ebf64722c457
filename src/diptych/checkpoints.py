"""Checkpoint files: tensors and a few words in one safetensors file, whole or not there.

A file is written beside its place, flushed to the disk and renamed; it carries a checksum over everything it holds, so a
damaged one is recognised. Nothing is ever unpickled.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.files import as_json, from_json, named_in_utf8, written_beside

Facts = dict[str, int | float | str]


class Checkpoint(NamedTuple):
    """What a file held."""

    tensors: dict[str, Tensor]
    facts: Facts


class DamagedCheckpoint(DiptychError):
    """A checkpoint that cannot be trusted."""


def checksum(tensors: Mapping[str, Tensor], facts: str) -> str:
    """SHA-256 over names, types, shapes and bytes in the order of the names, and over the facts."""
    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def contiguous_on_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as a file holds them: on the processor, in the order of their shape; the same memory where they are so already."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def with_prefix(place: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What stands under ``place``, such as "system" or "average.generator", by the rest of the names."""
    return {name[len(place) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{place}.")}


def save(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, int | float | str]) -> None:
    """Write a checkpoint; when this fails, what stood at ``path`` before stands there still.

    Raises:
        DiptychError: when the disk is full or read-only.
    """
    kept = contiguous_on_cpu(tensors)
    words = as_json(dict(sorted(facts.items())))
    metadata = {"facts": words, "sha256": checksum(kept, words)}
    with written_beside(path) as beside:
        try:
            safetensors.torch.save_file(kept, beside, metadata)
            sort_metadata(beside)
        except safetensors.SafetensorError as problem:  # it words the system's error itself
            raise OSError(str(problem)) from None


def sort_metadata(path: Path) -> None:
    """Bring a safetensors file's words into order, so that equal contents are equal bytes: safetensors' own is by chance.

    A file begins with the length of its header, eight bytes, and the header in JSON, filled up with spaces.
    """
    with open(path, "rb+") as file:
        size = int.from_bytes(file.read(8), "little")
        header = from_json(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        words = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        assert len(words) <= size
        file.seek(8)
        file.write(words.ljust(size))


UNREADABLE = (OSError, safetensors.SafetensorError, KeyError, ValueError, RuntimeError)


def damaged(path: Path, problem: BaseException) -> DamagedCheckpoint:
    return DamagedCheckpoint(
        f"{path} is damaged ({str(problem) or type(problem).__name__}); take another, or copy it again."
    )


def parse_facts(words: str) -> Facts:
    facts: Facts = from_json(words)
    if not isinstance(facts, dict):
        raise ValueError("its facts are no table")
    return facts


def read_facts(path: Path) -> Facts:
    """What a checkpoint says of itself, without its tensors and unverified.

    Raises:
        DamagedCheckpoint: when there is no such file, or it cannot be read.
    """
    try:
        with named_in_utf8(path) as named, safetensors.safe_open(named, "pt") as file:
            return parse_facts((file.metadata() or {})["facts"])
    except UNREADABLE as problem:
        raise damaged(path, problem) from None


def load(path: Path, verify: bool = True) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        DamagedCheckpoint: when the file cannot be read or its checksum is another.
    """
    try:
        with named_in_utf8(path) as place, safetensors.safe_open(place, "pt") as file:
            metadata = file.metadata() or {}
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        words = metadata["facts"]
        facts = parse_facts(words)
    except UNREADABLE as problem:
        raise damaged(path, problem) from None
    if verify and checksum(tensors, words) != metadata.get("sha256"):
        raise DamagedCheckpoint(f"{path} is damaged (its checksum is another); take another, or copy it again.")
    return Checkpoint(tensors, facts)
