"""Checksums of archives: published ones, and those of earlier downloads."""

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import DiptychError
from diptych.files import write_text


@dataclass(frozen=True)
class Checksums:
    """Published checksums of an archive in hexadecimal; empty where there is none."""

    sha256: str = ""
    md5: str = ""


UNKNOWN = Checksums()


def remembered(place: Path) -> str:
    """The SHA-256 of the archive that ``place`` was made from, now or earlier; empty where there was none."""
    with contextlib.suppress(OSError):
        return place.with_name(f"{place.name}.sha256").read_text(encoding="utf-8").strip()
    return ""


def remember(place: Path, sha256: str) -> None:
    """Keep the SHA-256 for the next download of ``place``."""
    write_text(place.with_name(f"{place.name}.sha256"), sha256 + "\n")


def verify(origin: str, archive: Path, known: Checksums) -> str:
    """The SHA-256 of ``archive``; a file that has other checksums than the known ones is removed with a DiptychError."""
    for algorithm, expected in (("md5", known.md5), ("sha256", known.sha256)):
        with open(archive, "rb") as file:
            digest = hashlib.file_digest(file, algorithm).hexdigest()
        if expected and digest != expected:
            archive.unlink()
            raise DiptychError(
                f"what came from {origin} has the {algorithm.upper()} sum {digest}, but {expected} is known for it: it was damaged on "
                f"the way or is another file by now. It was removed; try again, or unpack it by hand and set data.folder to that folder."
            )
    return digest
