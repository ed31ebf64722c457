"""Checksums of archives: published ones, and those of earlier downloads."""

import contextlib
import hashlib
from pathlib import Path

from diptych.errors import DiptychError
from diptych.files import write_text


def remembered(place: Path) -> str:
    """The SHA-256 of the archive that ``place`` was made from, now or earlier; empty where there was none."""
    with contextlib.suppress(OSError):
        return place.with_name(f"{place.name}.sha256").read_text(encoding="utf-8").strip()
    return ""


def remember(place: Path, sha256: str) -> None:
    """Keep the SHA-256 for the next download of ``place``."""
    write_text(place.with_name(f"{place.name}.sha256"), sha256 + "\n")


def verify(origin: str, archive: Path, sha256: str, md5: str) -> str:
    """The SHA-256 of ``archive``; a file that has other checksums than those that are known is removed with a DiptychError."""
    for algorithm, expected in (("md5", md5), ("sha256", sha256)):
        with open(archive, "rb") as file:
            digest = hashlib.file_digest(file, algorithm).hexdigest()
        if expected and digest != expected:
            archive.unlink()
            raise DiptychError(
                f"what came from {origin} has the {algorithm.upper()} sum {digest}, but {expected} is known for it: it was damaged on "
                f"the way or is another file by now. It was removed; try again, or unpack it by hand and set data.folder to that folder."
            )
    return digest
