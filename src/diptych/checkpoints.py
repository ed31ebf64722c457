"""Checkpoint files: tensors and a few facts in one safetensors file, written atomically.

A file is written under another name, flushed to the disk and renamed. Its checksum covers its whole content, so a damaged file
is recognised. Nothing is unpickled.
"""

import errno
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from diptych.errors import DiptychError
from diptych.files import as_json, atomic_write, from_json, named_in_utf8, require_regular_file

Facts = dict[str, int | float | str]


class Checkpoint(NamedTuple):
    """The content of a checkpoint file."""

    tensors: dict[str, Tensor]
    facts: Facts


class DamagedCheckpoint(DiptychError):
    """A checkpoint that cannot be read or has the wrong checksum."""


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
    """The tensors on the CPU and contiguous, as a file stores them; without a copy where they are so already."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix`` and a dot, by the rest of their names."""
    return {name[len(prefix) + 1 :]: tensor for name, tensor in tensors.items() if name.startswith(f"{prefix}.")}


def save(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, int | float | str]) -> None:
    """Write a checkpoint. When this fails, the former file at ``path`` stays.

    Raises:
        DiptychError: when the disk is full or read-only.
    """
    kept = contiguous_on_cpu(tensors)
    text = as_json(dict(sorted(facts.items())))
    metadata = {"facts": text, "sha256": checksum(kept, text)}
    with atomic_write(path) as beside:
        try:
            safetensors.torch.save_file(kept, beside, metadata)
            sort_metadata(beside)
        except safetensors.SafetensorError as problem:  # it words the system's error itself
            number = re.search(r"\(os error (\d+)\)", str(problem))
            raise OSError(int(number[1]) if number else errno.EIO, str(problem)) from None


def sort_metadata(path: Path) -> None:
    """Sort a safetensors file's metadata, whose order is random, so that equal contents are equal bytes.

    A file begins with the length of its header, eight bytes, and the header in JSON, padded with spaces.
    """
    with open(path, "rb+") as file:
        size = int.from_bytes(file.read(8), "little")
        header = from_json(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        data = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        assert len(data) <= size
        file.seek(8)
        file.write(data.ljust(size))


UNREADABLE = (OSError, safetensors.SafetensorError, KeyError, ValueError, RuntimeError)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An open safetensors file.

    Raises:
        DamagedCheckpoint: when the file is missing, or it or its metadata cannot be read.
    """
    try:
        with named_in_utf8(require_regular_file(path)) as named, safetensors.safe_open(named, "pt") as file:
            yield file
    except UNREADABLE as problem:
        reason = str(problem) or type(problem).__name__
        raise DamagedCheckpoint(f"{path} is damaged ({reason}); take another, or copy it again.") from None


def parse_facts(text: str) -> Facts:
    facts: Facts = from_json(text)
    if not isinstance(facts, dict):
        raise ValueError("its facts are no table")
    return facts


def read_facts(path: Path) -> Facts:
    """The facts of a checkpoint, without its tensors and without a check of the checksum.

    Raises:
        DamagedCheckpoint: when the file is missing or cannot be read.
    """
    with opened(path) as file:
        return parse_facts((file.metadata() or {})["facts"])


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        DamagedCheckpoint: when the file cannot be read or its checksum is wrong.
    """
    with opened(path) as file:
        metadata, names = file.metadata() or {}, file.keys()
        tensors = {name: file.get_tensor(name) for name in names}
        facts = parse_facts(metadata["facts"])
    if checksum(tensors, metadata["facts"]) != metadata.get("sha256"):
        raise DamagedCheckpoint(f"{path} is damaged (its checksum is another); take another, or copy it again.")
    return Checkpoint(tensors, facts)
