"""Metadata that a result takes over from its source's file: the colour profile and the georeference."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Value = tuple[float, ...] | tuple[int, ...] | str

# Tag numbers: TIFF 6.0; OGC GeoTIFF 1.1, annex B; GDAL's driver for GeoTIFF.
ORIENTATION, PROFILE = 274, 34675
PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, GEO_KEYS = 33550, 33922, 34264, 34735
GEO_DOUBLES, GEO_WORDS, GDAL_METADATA, GDAL_NODATA = 34736, 34737, 42112, 42113
SHORT, ASCII, DOUBLE = 3, 2, 12
GEOREFERENCE = {
    **dict.fromkeys((PIXEL_SCALE, TIEPOINTS, TRANSFORMATION, GEO_DOUBLES), DOUBLE),
    **dict.fromkeys((GEO_WORDS, GDAL_METADATA), ASCII),
    GEO_KEYS: SHORT,
}
"""Georeferencing tags of a TIFF, with their types."""
ABOUT_VALUES = (GDAL_METADATA,)
"""Tags that describe pixel values, not the place."""
RASTER_TYPE, PIXEL_IS_POINT = 1025, 2
SPACES = {1: b"GRAY", 3: b"RGB "}
"""Bytes 16 to 19 of a profile, by the channels of the pictures that it can belong to (ICC.1, 7.2.6)."""


@dataclass(frozen=True)
class Metadata:
    """What a file carries besides its pixels."""

    profile: bytes = b""
    """An ICC profile."""
    place: Mapping[int, Value] = field(default_factory=dict)
    """Georeferencing tags of a TIFF, by number."""
    nodata: float | None = None
    """The value of pixels without data, which may be NaN; GDAL's tag says it."""
    see_through: bool = False
    """Whether some of the picture was transparent: reading composites it."""

    def for_result(self, channels: int, scale: int = 1, same: bool = True) -> "Metadata":
        """The metadata of a result with so many channels that is ``scale`` times as large.

        The profile and the tags about values describe only the ``same`` picture, so other results do not carry them.
        The profile must also fit the number of channels.
        """
        nodata = self.nodata if same else None
        profile = self.profile if same and self.profile[16:20] == SPACES.get(channels) else b""
        place = {code: value for code, value in self.place.items() if same or code not in ABOUT_VALUES}
        return Metadata(profile, place if scale == 1 else enlarged(place, scale), nodata)


NO_METADATA = Metadata()


def enlarged(place: Mapping[int, Value], scale: int) -> dict[int, Value]:
    """The same place on earth for a raster with ``scale`` times as many rows and columns."""
    found = dict(place)
    # If coordinates are those of pixel centres, the first centre of the finer raster lies before that of the coarser.
    keys = place.get(GEO_KEYS, ())
    entries = [keys[start : start + 4] for start in range(4, len(keys) - 3, 4)]
    points = any(entry[0] == RASTER_TYPE and entry[3] == PIXEL_IS_POINT for entry in entries)
    shift = (scale - 1) / 2 if points else 0.0
    if isinstance(sizes := place.get(PIXEL_SCALE), tuple) and len(sizes) >= 2:
        found[PIXEL_SCALE] = (sizes[0] / scale, sizes[1] / scale, *sizes[2:])
    if isinstance(ties := place.get(TIEPOINTS), tuple) and len(ties) % 6 == 0:
        table = np.array(ties, dtype=np.float64).reshape(-1, 6)
        table[:, :2] = table[:, :2] * scale + shift
        found[TIEPOINTS] = tuple(table.reshape(-1).tolist())
    if isinstance(matrix := place.get(TRANSFORMATION), tuple) and len(matrix) == 16:
        back = np.diag([1 / scale, 1 / scale, 1, 1])
        back[:2, 3] = -shift / scale
        found[TRANSFORMATION] = tuple((np.array(matrix).reshape(4, 4) @ back).reshape(-1).tolist())
    return found


# In


def from_pillow(picture: Any) -> Metadata:
    """From a Pillow picture that was opened and not yet decoded."""
    tags = getattr(picture, "tag_v2", {}) if picture.format == "TIFF" else {}
    try:
        place = {} if tags.get(ORIENTATION, 1) != 1 else {code: tags[code] for code in GEOREFERENCE if code in tags}
        nodata = number_in(tags.get(GDAL_NODATA))
    except Exception:  # damaged tags raise anything; the picture is read all the same
        place, nodata = {}, None
    return Metadata(profile_of(picture), cleaned(place), nodata)


def profile_of(picture: Any) -> bytes:
    """The ICC profile of a Pillow picture."""
    profile = picture.info.get("icc_profile")
    return profile if isinstance(profile, bytes) else b""


def from_tifffile(page: Any) -> Metadata:
    """From a page that tifffile opened."""
    try:
        wanted = (*GEOREFERENCE, PROFILE, ORIENTATION, GDAL_NODATA)
        found = {code: tag.value for code in wanted if (tag := page.tags.get(code))}
    except Exception:  # as above
        return NO_METADATA
    profile, turned = found.pop(PROFILE, b""), found.pop(ORIENTATION, 1) != 1
    nodata = number_in(found.pop(GDAL_NODATA, None))
    profile = bytes(profile) if isinstance(profile, bytes | tuple) else b""
    return Metadata(profile, {} if turned else cleaned(found), nodata)


def number_in(text: object) -> float | None:
    """The number of GDAL's nodata tag; None where there is none."""
    try:
        return float(str(text).strip().strip("\0"))
    except ValueError:
        return None


def cleaned(place: Mapping[int, Any]) -> dict[int, Value]:
    """Texts as str and numbers as tuples; values that do not fit the tag's type are left out."""
    found: dict[int, Value] = {}
    for code, value in place.items():
        if GEOREFERENCE[code] == ASCII:
            if isinstance(value, str) and value.isascii():
                found[code] = value
            continue
        numbers = value if isinstance(value, tuple) else (value,)
        if GEOREFERENCE[code] == SHORT:
            fits = all(isinstance(number, int) and 0 <= number < 2**16 for number in numbers)
        else:
            fits = all(isinstance(number, int | float) for number in numbers)
        if fits:
            found[code] = numbers
    return found


# Out


def tags_of(metadata: Metadata) -> dict[int, tuple[int, Value]]:
    """Type and value of each tag of a TIFF."""
    tags = {code: (GEOREFERENCE[code], value) for code, value in metadata.place.items()}
    if metadata.nodata is not None:
        nodata = float(metadata.nodata)
        text = str(int(nodata)) if nodata.is_integer() and abs(nodata) < 2**53 else repr(nodata)
        tags[GDAL_NODATA] = (ASCII, text)
    return dict(sorted(tags.items()))


def pillow_options(metadata: Metadata, form: str) -> dict[str, Any]:
    """Arguments for Pillow's ``save`` to the format ``form``, such as "PNG"."""
    options: dict[str, Any] = {"icc_profile": metadata.profile} if metadata.profile and form != "BMP" else {}
    if form == "TIFF" and (tags := tags_of(metadata)):
        from PIL.TiffImagePlugin import ImageFileDirectory_v2

        directory = ImageFileDirectory_v2()
        for code, (kind, value) in tags.items():
            directory.tagtype[code] = kind
            directory[code] = value
        options["tiffinfo"] = directory
    return options


def tifffile_options(metadata: Metadata) -> dict[str, Any]:
    """Arguments for tifffile's ``imwrite``."""
    extra = [(code, kind, len(value), value, True) for code, (kind, value) in tags_of(metadata).items()]
    return {"extratags": extra} | ({"iccprofile": metadata.profile} if metadata.profile else {})


def with_profile(png: bytes, metadata: Metadata) -> bytes:
    """The PNG with its profile as an iCCP chunk after the header (PNG specification, 11.3.2.3)."""
    if not metadata.profile:
        return png
    body = b"iCCP" + b"profile\0\0" + zlib.compress(metadata.profile)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    end = 8 + 25  # the signature, and the header's chunk
    return png[:end] + chunk + png[end:]
