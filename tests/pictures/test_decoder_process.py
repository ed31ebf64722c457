"""What decoding leaves alone in the whole process: standard error, and the libraries' settings in others' programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ODD = """
import io, struct, sys
from diptych.commands.terminal import quieten
from diptych.machine.threads import prepare
prepare([])
quieten()
import numpy as np
from PIL import Image
from diptych.pictures import codecs
from diptych.pictures.metadata import Metadata
from diptych.errors import DiptychError
from diptych.pictures.formats import read, write
from diptych.pictures.kinds import Kind

picture, odd = Image.new("RGB", (64, 64), (9, 90, 200)), []
for compression in ("tiff_lzw", "tiff_adobe_deflate"):
    file = io.BytesIO()
    picture.save(file, "TIFF", compression=compression)
    odd.append(file.getvalue())
    odd[-1] = odd[-1][:12] + bytes(8) + odd[-1][20:]
file = io.BytesIO()
picture.save(file, "JPEG", exif=b"Exif\\0\\0II*\\0\\x08\\0\\0\\0\\xff\\xffabc")
odd.append(file.getvalue())
deep = np.full((8, 8, 3), 999, np.uint16)
odd.append(codecs.encode(deep, ".png", Metadata(b"no profile that libpng would like" * 9)))
for name, at in ((277, 8), (256, 4)):  # samples per pixel, and the count of the width
    tiff = bytearray(codecs.encode(deep, ".tif"))
    start = struct.unpack("<I", tiff[4:8])[0] + 2
    entry = next(place for place in range(start, start + 240, 12) if tiff[place : place + 2] == struct.pack("<H", name))
    tiff[entry + at : entry + at + 2] = struct.pack("<H", 2048)
    odd.append(bytes(tiff))
for data in odd:
    try:
        read(data, Kind())
        print("read")
    except DiptychError as problem:
        print(problem)
try:
    write(io.BytesIO(), np.zeros((1, 65501, 3), np.uint8), "jpg")
except DiptychError as problem:
    print(problem)
"""


def test_nothing_but_our_sentence_reaches_the_terminal() -> None:
    """Neither warnings and logs of Pillow and tifffile nor what libtiff, libpng and libjpeg write to standard error by themselves."""
    said = subprocess.run([sys.executable, "-c", ODD], capture_output=True, text=True, check=True)
    assert said.stderr == ""
    assert [line.split()[-1] for line in said.stdout.splitlines()] == [
        "it.",
        "it.",
        "read",
        "read",
        "it.",
        "it.",
        "instead.",
    ]


MANNERS = """
import io, logging, os, sys, warnings
import numpy as np
from PIL import Image, _imaging
import cv2, torch  # which sets filters of its own

def now():
    os.umask(known := os.umask(0))
    loggers = {name: logging.getLogger(name).handlers for name in ("", "PIL", "tifffile")}
    return Image.MAX_IMAGE_PIXELS, list(warnings.filters), loggers, cv2.getNumThreads(), known

before = now()
from diptych.data.derived import edges
from diptych.pictures.formats import probe, read, write
from diptych.pictures.kinds import Kind
from diptych.report.pictures import embedded
from pathlib import Path

file = io.BytesIO()
write(file, np.zeros((64, 64, 3), np.uint8), "tif")
edges(read(file.getvalue(), Kind()))
Image.new("1", (20000, 10000)).save(sys.argv[1])
assert embedded(Path(sys.argv[1])).startswith("data:image/webp")
assert now() == before, (before, now())
"""


def test_a_program_of_others_has_its_libraries_as_it_left_them(tmp_path: Path) -> None:
    """Pillow's limit, warnings' filters, loggers, OpenCV's threads and the umask, whatever diptych is told to take."""
    pytest.importorskip("cv2")
    known = {**os.environ, "DIPTYCH_MAX_PIXELS": "300000000"}
    subprocess.run([sys.executable, "-W", "error", "-c", MANNERS, str(tmp_path / "large.png")], check=True, env=known)
