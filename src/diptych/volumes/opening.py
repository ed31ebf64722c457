"""Open a volume by its path: a file by its ending, or a folder with a DICOM series."""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from diptych.errors import DiptychError
from diptych.files import require_regular_file
from diptych.pictures.formats import ENDINGS, natural
from diptych.volumes.dicom import Dicom
from diptych.volumes.metaimage import MetaImage
from diptych.volumes.nifti import Nifti
from diptych.volumes.stacks import ArrayStack, TiffStack
from diptych.volumes.volume import Volume

READERS: dict[str, Callable[[Path], Volume]] = {
    ".nii.gz": Nifti,
    ".nii": Nifti,
    ".mha": MetaImage,
    ".mhd": MetaImage,
    ".nrrd": MetaImage,
    ".npy": ArrayStack,
    ".tif": TiffStack,
    ".tiff": TiffStack,
}
ONLY_VOLUMES = (".nii.gz", ".nii", ".mha", ".mhd", ".nrrd")
"""Endings that plain pictures never have."""
OPENED = 32  # headers that are kept
Stamp = tuple[tuple[str, int, int], ...]
"""(name, bytes, time of change) of each file of a volume."""


def ending_of(path: Path) -> str:
    """The ending by which a volume is known, such as ".nii.gz"; empty for others."""
    return next((ending for ending in READERS if path.name.lower().endswith(ending)), "")


def stem_of(path: Path) -> str:
    """The name without that ending."""
    ending = ending_of(path)
    return path.name[: -len(ending)] if ending else path.name


def stamp_of(path: Path) -> Stamp:
    """What tells one state of a volume's files from another.

    Raises:
        DiptychError: where there is nothing.
    """
    try:
        files = [path]
        if path.is_dir():
            files = sorted((one for one in path.iterdir() if one.is_file()), key=lambda one: one.name)
        found = [(one.name, os.stat(one)) for one in files]
    except FileNotFoundError:
        raise DiptychError(f"{path} is not there; was it moved or removed?") from None
    except OSError as problem:
        raise DiptychError(f"{path} cannot be read: {problem.strerror}.") from None
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in found)


def open_volume(path: Path) -> Volume:
    """The volume at ``path``; its header is read once as long as its files do not change.

    Raises:
        DiptychError: when it is no volume, damaged, or holds what is not read.
    """
    return opened(path, stamp_of(path))


@lru_cache(maxsize=OPENED)
def opened(path: Path, stamp: Stamp) -> Volume:
    if path.is_dir():
        return Dicom(path)
    ending = ending_of(require_regular_file(path))
    if not ending:
        raise DiptychError(
            f"{path} is no volume by its ending ({' '.join(READERS)}); of a DICOM series name the folder."
        )
    if not stamp[0][1]:
        raise DiptychError(f"{path} is empty (0 bytes); remove it or copy it again.")
    return READERS[ending](path)


def volumes_in(folder: Path) -> list[Path]:
    """The volumes in a folder in natural order: files by their ending, and folders of files, which are DICOM series."""
    try:
        inside = [one for one in folder.iterdir() if not one.name.startswith((".", "__"))]
    except OSError as problem:
        raise DiptychError(f"{folder} cannot be listed: {problem.strerror}.") from None
    found = [one for one in inside if (one.is_file() and ending_of(one)) or (one.is_dir() and is_series(one))]
    return sorted(found, key=lambda one: natural(one.name))


def is_series(folder: Path) -> bool:
    """Whether a folder holds files, and none that is a volume or a picture by its ending, as a DICOM series does."""
    try:
        files = [one for one in folder.iterdir() if one.is_file() and not one.name.startswith(".")]
    except OSError:
        return False
    return bool(files) and not any(ending_of(one) or one.suffix.lower() in ENDINGS for one in files)
